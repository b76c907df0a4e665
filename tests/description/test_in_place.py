"""Motion that does not travel: on the spot, on the knees, and kicks that take all of a short clip."""

from __future__ import annotations

import math

import pytest
import torch

from foreign_files import CASES, about, body
from kinescale.description import describe, sentence
from kinescale.formats import read_motion
from kinescale.kinematics.rotations import quat_multiply
from kinescale.motion import Motion


def posed(frames: int, turns: dict[str, torch.Tensor | float], *, name: str = "mixamo") -> Motion:
    """A body whose joints (by role) are turned about x by degrees over time, arms hanging, set down on the floor."""
    skeleton = body(name)
    rotations = torch.zeros(frames, len(skeleton), 4, dtype=torch.float64)
    rotations[..., 3] = 1.0
    for side, sign in (("left", -1.0), ("right", 1.0)):
        rotations[:, skeleton.role(f"{side}_shoulder")] = about("z", 70.0 * sign).expand(frames, 4)
    for role, degrees in turns.items():
        joint = skeleton.role(role)
        turn = about("x", torch.as_tensor(degrees, dtype=torch.float64).expand(frames))
        rotations[:, joint] = quat_multiply(turn, rotations[:, joint])
    motion = Motion(skeleton, 30.0, torch.zeros(frames, 3, dtype=torch.float64), rotations)
    root = motion.root.clone()
    root[:, 1] = 0.03 - motion.positions()[..., 1].amin(1)
    return motion.replace(root=root)


def going_down(frames: int = 90) -> torch.Tensor:
    return (torch.arange(frames) / 30).clamp(0, 1).double()


def both(place: str, degrees: torch.Tensor) -> dict[str, torch.Tensor]:
    return {f"left_{place}": degrees, f"right_{place}": degrees}


@pytest.mark.parametrize("seconds", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("knee", [30.0, 55.0])
def test_marching_on_the_spot_is_a_walk_in_place(seconds: float, knee: float) -> None:
    phase = 2 * math.pi * torch.arange(120) / 30 / seconds
    turns = {}
    for side, shift in (("left", 0.0), ("right", math.pi)):
        lift = torch.sin(phase + shift).clamp(min=0)
        turns |= {f"{side}_hip": -knee * lift, f"{side}_knee": 1.6 * knee * lift}
    found = describe(posed(120, turns))
    (event,) = found.of("in_place")
    assert event.gait == "walk" and event.steps == pytest.approx(120 / 30 / seconds * 2, abs=2)
    assert not found.of("travel") and "walks in place" in sentence(found)


def test_legs_that_swing_on_the_spot_walk_in_place() -> None:
    if not (CASES / "walk_in_place.bvh").is_file():
        pytest.skip(f"the small cases are not at {CASES}")
    assert sentence(describe(read_motion(CASES / "walk_in_place.bvh"))) == "A person walks in place."


def test_standing_and_swaying_are_no_walk() -> None:
    assert not describe(posed(90, {})).of("in_place")
    sway = 4 * torch.sin(2 * math.pi * torch.arange(120) / 60)
    assert not describe(posed(120, {"hips": sway, **both("hip", -sway)})).of("in_place")


down = going_down()
KNEELING = {
    "upright": {**both("knee", 90 * down), **both("ankle", 60 * down)},
    "bowed": {**both("knee", 90 * down), **both("ankle", 60 * down), "spine1": 80 * down},
    "on all fours": {
        "hips": 80 * down,
        **both("hip", -80 * down),
        **both("knee", 90 * down),
        **both("ankle", 60 * down),
    },
    "on the heels": {**both("hip", -62 * down), **both("knee", 152 * down), **both("ankle", 60 * down)},
    "on one knee": {"left_knee": 90 * down, "left_ankle": 60 * down, "right_hip": -90 * down, "right_knee": 90 * down},
}


@pytest.mark.parametrize("name", KNEELING)
def test_who_kneels_neither_lies_nor_sits(name: str) -> None:
    found = describe(posed(90, KNEELING[name]))
    assert found.of("kneel") and not found.of("lie", "lie_down", "sit", "sit_down")
    assert "kneels down" in sentence(found)


def test_who_lies_still_lies() -> None:
    found = describe(posed(90, {"hips": -90 * down}))
    assert found.of("lie") and not found.of("kneel")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("high", [75.0, 90.0])
@pytest.mark.parametrize("bend", [0.0, 25.0])
def test_a_kick_may_take_all_of_a_second(side: str, high: float, bend: float) -> None:
    swing = torch.sin(math.pi * torch.linspace(0, 1, 30))
    found = describe(posed(30, {f"{side}_hip": -high * swing, f"{side}_knee": bend * swing}))
    (kick,) = found.of("kick")
    assert kick.side == side and "kicks" in sentence(found)
