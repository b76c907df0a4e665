"""Planted feet: feet that stand do stand, on the floor; flight, the upper body and other clips are left alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from kinescale.core.errors import InputError
from kinescale.kinematics.contacts import foot_slide, steady_contacts
from kinescale.motion.canonicalize import FEET, TOE_HEIGHT
from kinescale.motion.plant import FADE_S, HIGH_M, LOW_M, MOST_LIFT_M, MOST_SLIDE_M, MOST_UP_M, plant_stances

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from motion_strategies import random_motion

FRAMES = 90
TOES = [FEET.index("left_toes"), FEET.index("right_toes")]


def feet(motion):
    return motion.positions()[:, [motion.skeleton.role(role) for role in FEET]]


def standing(frames: int = FRAMES, seed: int = 0, name: str = "humanml22"):
    """A pose with bent knees whose toes are at their height over the floor."""
    motion = random_motion(name, frames=frames, seed=seed, spread=0.0)
    rotations = motion.rotations.clone()
    rotations[:] = rotations[:1]
    half = torch.tensor(0.2, dtype=rotations.dtype)
    for side in ("left", "right"):
        for part, sign in (("hip", -1.0), ("knee", 2.0), ("ankle", -1.0)):
            turn = torch.stack([torch.sin(sign * half), *torch.zeros(2, dtype=half.dtype), torch.cos(sign * half)])
            rotations[:, motion.skeleton.role(f"{side}_{part}")] = turn
    still = motion.replace(root=motion.root[:1].expand(frames, 3).clone(), rotations=rotations)
    down = TOE_HEIGHT - float(feet(still)[..., TOES, 1].min())
    return still.replace(root=still.root + still.root.new_tensor([0.0, down, 0.0]))


def swaying(meters: float, seed: int = 0, name: str = "humanml22"):
    """A standing body whose root sways over the ground and up and down, so that its feet do not stand."""
    still = standing(seed=seed, name=name)
    at = torch.arange(FRAMES, dtype=still.root.dtype) / FRAMES * 2 * torch.pi
    sway = torch.stack([torch.sin(at), 0.5 * torch.sin(2 * at + seed), torch.cos(at + seed)], dim=-1)
    return still.replace(root=still.root + meters * sway)


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("meters", [0.01, 0.03])
def test_feet_that_stand_do_stand_on_the_floor(meters, seed):
    motion, contacts = swaying(meters, seed), torch.ones(FRAMES, 4)
    made = plant_stances(motion, contacts).motion
    assert foot_slide(feet(motion), contacts > 0.5, 30.0) > 0.015
    assert foot_slide(feet(made), contacts > 0.5, 30.0) < 0.005
    heights = feet(made)[:, TOES, 1] - TOE_HEIGHT
    assert float(heights.min()) > -LOW_M - 2e-3 and float(heights.max()) < HIGH_M + 2e-3


def test_a_body_that_sinks_while_it_stands_is_held_up_by_its_hips():
    still = standing()
    sink = torch.linspace(0, 0.08, FRAMES, dtype=still.root.dtype)[:, None] * still.root.new_tensor([0.0, -1.0, 0.0])
    planted = plant_stances(still.replace(root=still.root + sink), torch.ones(FRAMES, 4))
    assert float((planted.motion.root[:, 1] - still.root[:, 1]).abs().max()) < 0.015
    assert planted.report["hips_up_m"] == pytest.approx(0.08, abs=0.015)


def test_flight_is_left_alone():
    motion = swaying(0.03)
    contacts = torch.ones(FRAMES, 4)
    contacts[30:70] = 0
    lift = torch.zeros(FRAMES, dtype=motion.root.dtype)
    lift[30:70] = 0.3
    motion = motion.replace(root=motion.root + lift[:, None] * motion.root.new_tensor([0.0, 1.0, 0.0]))
    made = plant_stances(motion, contacts).motion
    # the fade, and the Gaussian over the hips
    inside = slice(30 + round(2.5 * FADE_S * 30), 70 - round(2.5 * FADE_S * 30))
    assert torch.allclose(made.positions()[inside], motion.positions()[inside], atol=1e-4)
    never = plant_stances(motion, torch.zeros(FRAMES, 4)).motion
    assert torch.equal(never.root, motion.root) and torch.equal(never.rotations, motion.rotations)


def test_once_is_enough():
    contacts = torch.ones(FRAMES, 4)
    once = plant_stances(swaying(0.03), contacts).motion
    twice = plant_stances(once, contacts).motion
    assert float((twice.positions() - once.positions()).norm(dim=-1).max()) < 0.004


def test_feet_that_stand_already_are_left_alone():
    still = standing()
    planted = plant_stances(still, torch.ones(FRAMES, 4))
    assert float((planted.motion.positions() - still.positions()).norm(dim=-1).max()) < 1e-6


def test_only_legs_are_turned_and_only_where_they_are_free():
    motion = swaying(0.03)
    free = torch.ones(FRAMES, 2)
    free[:40] = 0
    made = plant_stances(motion, torch.ones(FRAMES, 4), free=free, hips=False).motion
    assert torch.equal(made.rotations[:40], motion.rotations[:40]) and torch.equal(made.root, motion.root)
    names = ("hip", "knee", "ankle", "toes")
    legs = [motion.skeleton.role(f"{side}_{name}") for side in ("left", "right") for name in names]
    rest = [joint for joint in range(len(motion.skeleton)) if joint not in legs]
    assert torch.equal(made.rotations[:, rest], motion.rotations[:, rest])
    assert not torch.equal(made.rotations[40:], motion.rotations[40:])


@pytest.mark.parametrize("seed", range(4))
def test_whatever_it_is_given_it_stays_within_its_bounds(seed):
    rng = torch.Generator().manual_seed(seed)
    motion = random_motion(frames=50, seed=seed)
    planted = plant_stances(motion, torch.rand(50, 4, generator=rng))
    assert bool(torch.isfinite(planted.motion.root).all())
    most = 3 * MOST_SLIDE_M + MOST_UP_M + 2 * MOST_LIFT_M
    assert all(0 <= value <= most for value in planted.report.values())


def test_a_body_in_the_floor_is_lifted_out_of_it():
    still = standing()
    # lying: no foot stands
    motion = still.replace(
        root=still.root * still.root.new_tensor([1.0, 0.0, 1.0]) + still.root.new_tensor([0, 0.9, 0])
    )
    deep = float(motion.positions()[..., 1].min())
    motion = motion.replace(root=motion.root - motion.root.new_tensor([0.0, deep + 0.15, 0.0]))
    made = plant_stances(motion, torch.zeros(FRAMES, 4)).motion
    assert float(made.positions()[..., 1].min()) > -0.03


def test_contacts_are_made_steady():
    contacts = torch.full((40, 1), 0.1)
    contacts[10:30] = 0.9
    contacts[15] = 0.2  # a gap of a frame
    contacts[20:24] = 0.5  # neither: goes on as it was
    contacts[35] = 0.9  # a stance of a frame
    found = steady_contacts(contacts, 30.0)[:, 0]
    assert bool(found[10:30].all()) and not bool(found[:10].any()) and not bool(found[30:].any())


def test_contacts_of_another_shape_are_refused():
    with pytest.raises(InputError, match="contacts"):
        plant_stances(random_motion(frames=5), torch.ones(4, 4))
