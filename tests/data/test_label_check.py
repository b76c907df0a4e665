"""Labels against motion, on made motions whose side, turn, direction and speed are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinescale.core.errors import SkeletonError, UnknownNameError
from kinescale.data.captions import phrase_book
from kinescale.data.datasets.hdm05 import written_captions
from kinescale.data.label_check import checked_actions, contradictions
from kinescale.description.label_measures import measure
from kinescale.kinematics.rotations import axis_angle_quat, quat_about_y, quat_multiply
from kinescale.motion.motion import Motion
from kinescale.skeletons import get

FPS = 30.0
FRAMES = 90
SKELETON = get("humanml22")
DOWN = math.radians(80)


def made(
    *,
    arms: dict[str, Tensor] | None = None,
    turn: float = 0.0,
    velocity: tuple[float, float] = (0.0, 0.0),
    bounce: float = 0.0,
    kick: str | None = None,
    frames: int = FRAMES,
) -> Motion:
    """A standing body. ``arms``: side -> angle [T] over the horizontal; ``velocity``: (left, forward) of the body."""
    time = torch.linspace(0, 1, frames)
    rotations = torch.zeros(frames, len(SKELETON), 4)
    rotations[..., 3] = 1
    yaw = turn * time
    rotations[:, 0] = quat_about_y(yaw)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        angle = (arms or {}).get(side, torch.full((frames,), -DOWN))
        rotations[:, SKELETON.role(f"{side}_shoulder")] = axis_angle_quat(sign * angle, "z")
    if kick is not None:
        lift = 1.5 * torch.sin(math.pi * time)
        rotations[:, SKELETON.role(f"{kick}_hip")] = axis_angle_quat(-lift, "x")
    left, forward = velocity
    step = torch.stack(
        [
            left * torch.cos(yaw) + forward * torch.sin(yaw),
            torch.zeros(frames),
            forward * torch.cos(yaw) - left * torch.sin(yaw),
        ],
        -1,
    )
    root = torch.cumsum(step / FPS, 0) + torch.tensor([0.0, 0.95, 0.0])
    root[:, 1] += bounce * torch.sin(20 * math.pi * time).clamp(min=0)
    return Motion(SKELETON, FPS, root, rotations)


def raised(frames: int = FRAMES) -> Tensor:
    """Up and down once."""
    return -DOWN + 2.4 * torch.sin(torch.linspace(0, math.pi, frames))


def waved(frames: int = FRAMES) -> Tensor:
    """Up, to and fro, and down."""
    time = torch.linspace(0, 1, frames)
    return -DOWN + 2.4 * (8 * torch.sin(math.pi * time)).clamp(max=1) + 0.3 * torch.sin(12 * math.pi * time)


def test_a_raised_right_hand_is_no_raised_left_hand():
    motion = made(arms={"right": raised()})
    assert contradictions(motion, "raise-up-right-hand") == ()
    found = contradictions(motion, "raise-up-left-hand")
    assert len(found) == 2
    assert found[0].startswith("the left hand is not raised") and found[1].startswith("the right hand is raised too")
    assert contradictions(motion, "raise-up-both-hands") == (found[0],)
    assert contradictions(motion, "wave-right-hand") == (
        "the right hand does not wave: it changes direction once while up",
    )


@pytest.mark.parametrize(("side", "other"), [("left", "right"), ("right", "left")])
def test_waving(side, other):
    motion = made(arms={side: waved()})
    assert contradictions(motion, f"wave-{side}-hand") == ()
    assert contradictions(motion, f"wave-{other}-hand")
    assert any("waves" in sentence for sentence in contradictions(motion, f"raise-up-{side}-hand"))
    both = made(arms={"left": waved(), "right": waved()})
    assert contradictions(both, "wave-both-hands") == ()
    assert contradictions(both, f"wave-{side}-hand")


@pytest.mark.parametrize(("side", "sign"), [("left", 1), ("right", -1)])
def test_turning(side, sign):
    other = {"left": "right", "right": "left"}[side]
    motion = made(turn=sign * math.radians(90), velocity=(0.0, 1.2))
    assert contradictions(motion, f"walk-turn-{side}") == ()
    assert f"to the {side} in all" in contradictions(motion, f"walk-turn-{other}")[0]
    assert any(f"turns 8{d} degrees to the {side}" in contradictions(motion, "walk")[0] for d in range(10))
    twice = made(turn=sign * math.radians(200), velocity=(0.0, 1.2))
    assert contradictions(twice, f"walk-turn-{side}")


@pytest.mark.parametrize("heading", [0.0, 2.0, -1.2])
def test_directions_are_the_bodys_own(heading):
    """Law: turning the whole scene about the vertical changes no verdict."""
    labels = {
        "walk": (0.0, 1.2),
        "walk-back": (0.0, -0.8),
        "walk-left": (0.5, 0.9),
        "walk-right": (-0.5, 0.9),
        "dash": (0.0, 4.0),
    }
    for truth, velocity in labels.items():
        motion = spun(made(velocity=velocity), heading)
        for label in labels:
            assert (contradictions(motion, label) == ()) == (label == truth), (truth, label)


def test_running_and_walking():
    run = made(velocity=(0.0, 2.6), bounce=0.2)
    assert contradictions(run, "run") == ()
    assert len(contradictions(run, "walk")) == 2
    assert "as in a run" in contradictions(made(velocity=(0.0, 1.5), bounce=0.3), "walk")[0]
    assert "a walk rather than a run" in contradictions(made(velocity=(0.0, 1.2)), "run")[0]
    assert contradictions(made(velocity=(0.0, 1.2)), "bow")


def test_which_leg_kicks():
    left, right = made(kick="left"), made(kick="right")
    assert contradictions(left, "kickLFront1Reps") == () and contradictions(right, "kick") == ()
    assert contradictions(left, "kick-mirrored") == ()
    assert "the right foot rises by" in contradictions(left, "kick")[0]
    assert contradictions(right, "kickLFront1Reps") and contradictions(right, "kick-mirrored")


def test_mirroring_motion_and_label_mirrors_the_verdict():
    """Law: what speaks against a label, mirrored, is what speaks against the mirrored label of the mirrored motion."""
    motions = [
        (made(arms={"right": raised()}), made(arms={"left": raised()})),
        (made(turn=1.5, velocity=(0.3, 1.1)), made(turn=-1.5, velocity=(-0.3, 1.1))),
        (
            made(arms={"right": waved(), "left": raised()}, kick="left"),
            made(arms={"left": waved(), "right": raised()}, kick="right"),
        ),
    ]
    for motion, image in motions:
        for label in phrase_book.actions():
            here = contradictions(motion, label)
            there = contradictions(image, phrase_book.mirror_action(label))
            assert set(map(phrase_book.mirror_sentence, here)) == set(there), label


def test_measures_do_not_depend_on_size_or_frame_rate():
    motion = made(arms={"right": waved()})
    small = motion.replace(
        skeleton=replace(SKELETON, offsets=SKELETON.offsets * 0.5, roles=dict(SKELETON.roles)), root=motion.root * 0.5
    )
    fast = made(arms={"right": waved(4 * FRAMES)}, frames=4 * FRAMES).replace(fps=4 * FPS)
    here = measure(motion)
    assert measure(small).right.wrist_top == pytest.approx(here.right.wrist_top, abs=1e-5)
    assert measure(small).right.swings == measure(fast).right.swings == here.right.swings
    assert measure(fast).right.wrist_path == pytest.approx(here.right.wrist_path, rel=0.05)


def test_inputs_are_not_altered_and_one_frame_is_enough():
    motion = made(arms={"right": raised()})
    before = motion.rotations.clone(), motion.root.clone()
    for label in checked_actions():
        contradictions(motion, label)
        contradictions(motion.slice(0, 1), label)
    assert torch.equal(before[0], motion.rotations) and torch.equal(before[1], motion.root)


def test_every_label_has_rules_or_is_a_dance():
    assert set(checked_actions()) == {*phrase_book.actions(), *written_captions()}
    still = made()
    unchecked = {label for label in checked_actions() if not contradictions(still, label)}
    assert unchecked == {"dance-long", "dance-short"}


def test_unknown_labels_and_bare_skeletons_are_refused():
    with pytest.raises(UnknownNameError, match=r"no label 'wlak'.*Did you mean 'walk'"):
        contradictions(made(), "wlak")
    bare = made().replace(skeleton=replace(SKELETON, roles={}))
    with pytest.raises(SkeletonError, match="role"):
        contradictions(bare, "walk")


def spun(motion: Motion, angle: float) -> Motion:
    """The scene turned about the vertical."""
    turn = quat_about_y(torch.tensor(angle))
    rotations = motion.rotations.clone()
    rotations[:, 0] = quat_multiply(turn, rotations[:, 0])
    cos, sin = math.cos(angle), math.sin(angle)
    x, y, z = motion.root.unbind(-1)
    return motion.replace(root=torch.stack([cos * x + sin * z, y, cos * z - sin * x], -1), rotations=rotations)
