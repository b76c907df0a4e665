"""Anchoring: standing feet stand, everything else stays."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from kinescale.core.errors import InputError
from kinescale.kinematics.contacts import foot_slide
from kinescale.motion.anchor import anchor_feet
from kinescale.motion.canonicalize import FEET

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from motion_strategies import random_motion


def feet(motion):
    return motion.positions()[:, [motion.skeleton.role(role) for role in FEET]]


def standing(frames: int = 60):
    """A still pose, both feet down."""
    motion = random_motion(frames=frames, spread=0.0)
    return motion.replace(root=motion.root[:1].expand(frames, 3).clone()), torch.ones(frames, 4)


def test_a_drifting_root_over_standing_feet_is_held():
    still, contacts = standing()
    drift = torch.linspace(0, 1, 60, dtype=torch.float64)[:, None] * torch.tensor([0.3, 0.0, -0.5], dtype=torch.float64)
    sliding = still.replace(root=still.root + drift)
    held = anchor_feet(sliding, contacts)
    assert foot_slide(feet(sliding), contacts > 0.5, 30.0) > 0.2
    assert foot_slide(feet(held.motion), contacts > 0.5, 30.0) < 1e-6
    assert held.moved_m == pytest.approx(float(drift[-1].norm()), abs=1e-6)


def test_feet_that_stand_already_change_nothing():
    still, contacts = standing()
    held = anchor_feet(still, contacts)
    assert torch.allclose(held.motion.root, still.root) and held.moved_m < 1e-9


def test_flight_changes_nothing():
    motion = random_motion()
    held = anchor_feet(motion, torch.full((len(motion), 4), 0.4))
    assert torch.equal(held.motion.root, motion.root)


def test_only_the_ground_path_changes():
    motion = random_motion()
    contacts = torch.rand(len(motion), 4, generator=torch.Generator().manual_seed(0))
    before = motion.root.clone()
    held = anchor_feet(motion, contacts).motion
    assert torch.equal(held.rotations, motion.rotations)
    assert torch.equal(held.root[:, 1], motion.root[:, 1]) and torch.equal(held.root[0], motion.root[0])
    assert torch.equal(motion.root, before)


def test_the_wrong_number_of_contacts_is_refused():
    with pytest.raises(InputError, match="contacts"):
        anchor_feet(random_motion(frames=5), torch.ones(4, 4))
    assert anchor_feet(random_motion(frames=1), torch.ones(1, 4)).moved_m == 0.0
