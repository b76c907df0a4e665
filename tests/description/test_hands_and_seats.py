"""Clapping, punching and sitting: made motions are described by what they are, with their counts and sides."""

from __future__ import annotations

import math

import pytest
import torch

from kinescale.description import describe
from kinescale.kinematics.rotations import axis_angle_quat, quat_about_y, quat_multiply
from kinescale.motion.mirror import mirror
from kinescale.motion.motion import Motion
from made_bodies import SKELETON, Plan, bump, made, ramp

FPS, SECONDS = 30.0, 5.0
SHIN = float(torch.as_tensor(SKELETON.offsets[SKELETON.role("left_ankle")].copy()).norm())
THIGH = float(torch.as_tensor(SKELETON.offsets[SKELETON.role("left_knee")].copy()).norm())


def times() -> torch.Tensor:
    return torch.arange(round(SECONDS * FPS) + 1, dtype=torch.float64) / FPS


def arms(forward: dict[str, torch.Tensor], elbows: dict[str, torch.Tensor] | None = None) -> Motion:
    """A body whose level arms swing ``forward`` (radians from the side), elbows bent upwards."""
    motion = made(Plan(seconds=SECONDS))
    rotations = motion.rotations.clone()
    for side, sign in (("left", -1.0), ("right", 1.0)):
        if side in forward:
            rotations[:, SKELETON.role(f"{side}_shoulder")] = quat_about_y(sign * forward[side])
        if elbows and side in elbows:
            rotations[:, SKELETON.role(f"{side}_elbow")] = axis_angle_quat(-sign * elbows[side], "z")
    return motion.replace(rotations=rotations)


def clapping(count: int) -> Motion:
    """Hands before the chest that meet ``count`` times, twice a second."""
    time = times()
    swing = sum(bump(0.55, 1.0 + 0.5 * i, 1.5 + 0.5 * i)(time) for i in range(count))
    both = 1.25 + torch.as_tensor(swing)
    return arms({"left": both, "right": both})


def punching(side: str, count: int, seconds: float) -> Motion:
    """A fist that goes from the bent elbow to the straight arm in ``seconds``, ``count`` times."""
    time = times()
    bent = torch.full_like(time, 2.4)
    for i in range(count):
        start = 1.0 + 1.2 * i
        bent = bent - ramp(2.3, start, start + seconds)(time) + ramp(2.3, start + 0.6, start + 1.1)(time)
    return arms({side: torch.full_like(time, math.pi / 2)}, {side: bent})


def sitting(*, behind: bool) -> Motion:
    """Hips that go down to a seat's height behind the feet and stay; or down over the feet and up again."""
    time = times()
    down = ramp(math.pi / 2, 1.0, 2.2)(time)
    bend = down if behind else ramp(1.0, 1.0, 2.2)(time) - ramp(1.0, 3.0, 4.2)(time)
    plan = Plan(
        seconds=SECONDS,
        lift=lambda _: -THIGH * (1 - torch.cos(bend)),
        hips=dict.fromkeys(("left", "right"), lambda _: bend),
        knees=dict.fromkeys(("left", "right"), lambda _: bend),
    )
    motion = made(plan)
    root = motion.root.clone()
    if behind:
        root[:, 2] -= THIGH * torch.sin(bend)
        return motion.replace(root=root)
    # thighs and shins fold up alike, the hips stay over the feet
    rotations = motion.rotations.clone()
    for side in ("left", "right"):
        rotations[:, SKELETON.role(f"{side}_knee")] = axis_angle_quat(1.9 * bend, "x")
    root[:, 1] = 0.95 - THIGH * (1 - torch.cos(bend)) - SHIN * (1 - torch.cos(0.9 * bend))
    return motion.replace(root=root, rotations=rotations)


@pytest.mark.parametrize("count", [3, 5])
def test_claps_are_counted(count):
    found = describe(clapping(count))
    assert [(e.kind, e.count) for e in found.of("clap", "wave", "punch")] == [("clap", count)]


def test_hands_that_do_not_meet_do_not_clap():
    time = times()
    swing = torch.as_tensor(sum(bump(0.3, 1.0 + 0.5 * i, 1.5 + 0.5 * i)(time) for i in range(5)))
    assert not describe(arms({"left": 0.6 + swing, "right": 0.6 + swing})).of("clap")
    one = 1.25 + bump(0.55, 1.0, 1.5)(time)
    assert not describe(arms({"left": one, "right": one})).of("clap")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("count", [1, 3])
def test_punches_are_counted_with_their_side(side, count):
    found = describe(punching(side, count, 0.2)).of("punch", "clap", "wave")
    assert {(e.kind, e.side) for e in found} == {("punch", side)} and sum(e.count or 0 for e in found) == count
    other = "left" if side == "right" else "right"
    mirrored = describe(mirror(punching(side, count, 0.2))).of("punch")
    assert {e.side for e in mirrored} == {other} and sum(e.count or 0 for e in mirrored) == count


def test_reaching_out_slowly_is_no_punch():
    assert not describe(punching("right", 1, 1.2)).of("punch")


def test_sitting_is_told_from_squatting():
    seated = [e.kind for e in describe(sitting(behind=True)).of("sit", "sit_down", "squat", "lie", "stand_up")]
    assert seated == ["sit_down", "sit"]
    squatted = [e.kind for e in describe(sitting(behind=False)).of("sit", "sit_down", "squat", "lie")]
    assert squatted == ["squat"]


def test_sitting_up_again_is_standing_up():
    """The same clip backwards: from the seat to the feet."""
    motion = sitting(behind=True)
    back = motion.replace(root=motion.root.flip(0), rotations=motion.rotations.flip(0))
    assert [e.kind for e in describe(back).of("sit", "sit_down", "squat", "stand_up")] == ["sit", "stand_up"]


def test_places_do_not_matter():
    motion = punching("left", 2, 0.2)
    turned = motion.rotations.clone()
    turned[:, 0] = quat_multiply(quat_about_y(torch.tensor(2.0, dtype=torch.float64)), turned[:, 0])
    found = describe(motion.replace(rotations=turned)).of("punch")
    assert [(e.side, e.count) for e in found] == [(e.side, e.count) for e in describe(motion).of("punch")]
