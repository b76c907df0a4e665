"""Exact pins: joints on their targets, nothing where nothing may change, and nobody dragged to what is out of reach."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edit_bundles import made_clip
from kinescale.pipelines import Constraints
from kinescale.pipelines.control.constraints import JointPin
from kinescale.pipelines.control.exact_pins import meet_pins
from kinescale.pipelines.control.targets import targets_of
from kinescale.pipelines.editing.blend import joint_accelerations


def pinned(clip, joint, frames, by):
    at = clip.positions()[frames, clip.skeleton.role(joint)].double().numpy() + np.asarray(by)
    return JointPin(joint, tuple(frames), joint=joint, positions=at)


@pytest.mark.parametrize("joint", ["left_ankle", "right_wrist", "head", "hips"])
@pytest.mark.parametrize("every", [1, 9])
def test_joints_come_onto_their_targets_and_stay_smooth(joint, every):
    clip = made_clip(60)
    frames = list(range(10, 50, every))
    targets = targets_of(Constraints((pinned(clip, joint, frames, [0.03, 0.02, -0.03]),)), clip)
    made = meet_pins(clip, targets, torch.ones(60))
    far = targets.distances(made.to(torch.float64).positions())
    assert float(far.mean()) < 1e-3 and float(far.max()) < 5e-3
    assert torch.equal(made.rotations[:2], clip.rotations[:2]) and torch.equal(made.root[58:], clip.root[58:])
    grown = float(joint_accelerations(made).max()) - float(joint_accelerations(clip).max())
    assert grown < 10.0


def test_two_joints_of_a_frame_are_met_together_and_free_coordinates_stay_free():
    clip = made_clip(40)
    pins = (pinned(clip, "right_wrist", [20], [0.04, 0, 0]), pinned(clip, "left_wrist", [20], [0, np.nan, 0.04]))
    targets = targets_of(Constraints(pins), clip)
    made = meet_pins(clip, targets, torch.ones(40))
    assert float(targets.distances(made.to(torch.float64).positions()).max()) < 1e-3


def test_what_is_far_away_or_may_not_change_is_left():
    clip = made_clip(40)
    far = targets_of(Constraints((pinned(clip, "right_wrist", [20], [0.5, 0, 0]),)), clip)
    assert meet_pins(clip, far, torch.ones(40)) is clip
    near = targets_of(Constraints((pinned(clip, "right_wrist", [20], [0.05, 0, 0]),)), clip)
    fade = torch.ones(40)
    fade[:19] = 0
    made = meet_pins(clip, near, fade)
    assert torch.equal(made.rotations[:19], clip.rotations[:19]) and not torch.equal(made.rotations, clip.rotations)
