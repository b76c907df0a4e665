"""Spread seams: exact outside, smooth at the seam, at the phase where both clips are alike, and cycles that close."""

from __future__ import annotations

import pytest
import torch
from test_cycle import stride

from edit_bundles import made_clip
from kinescale.pipelines.editing.blend import joint_accelerations
from kinescale.pipelines.editing.cycle import CycleOffset, in_a_row, moved_on, offset_between
from kinescale.pipelines.editing.spread import most_alike, spread_cycle, spread_seam

NOWHERE = -10.0
"""A floor on which no foot stands."""


def test_outside_the_reach_both_clips_are_exact():
    first, second = stride(80), made_clip(70, dtype=torch.float64)
    made = spread_seam(first, 60, second, 12, (15, 10), NOWHERE)
    assert (made.at, made.span, len(made.motion)) == (60, (45, 70), 60 + 58)
    assert torch.equal(made.motion.rotations[:45], first.rotations[:45])
    assert torch.equal(made.motion.root[:45], first.root[:45])
    assert torch.equal(made.motion.rotations[70:, 1:], second.rotations[22:, 1:])


@pytest.mark.parametrize(("cut", "entry"), [(60, 12), (79, 12), (60, 0), (79, 0)])
def test_pose_and_velocity_go_on_through_the_seam(cut, entry):
    """A hard cut accelerates joints hundreds of times as much, whether neighbors of both frames are known or not."""
    first, second = stride(80), made_clip(70, dtype=torch.float64)
    hard = spread_seam(first, cut, second, entry, (0, 0), NOWHERE).motion
    soft = spread_seam(first, cut, second, entry, (15, 15), NOWHERE).motion
    own = max(float(joint_accelerations(clip).max()) for clip in (first, second))
    at = slice(cut - 3, cut + 2)
    assert float(joint_accelerations(soft)[at].max()) < 1.5 * own < 0.2 * float(joint_accelerations(hard)[at].max())


def test_the_phase_in_which_both_are_alike_is_found():
    first, second = stride(120), stride(150).slice(10, 120)
    cut, entry = most_alike(first, second, (84, 120), (0, 36))
    assert (cut - entry - 10) % 36 == 0 and 84 <= cut < 120 and entry < 36


@pytest.mark.parametrize("turn", [0.0, 0.8])
def test_a_cycle_that_closes_already_is_left_as_it_is(turn):
    clip = stride(110, 36, turn)
    whole, span = spread_cycle(clip, (20, 56), 10, NOWHERE)
    assert span == (0, 36) and len(whole) == 46
    torch.testing.assert_close(whole.positions(), clip.slice(20, 66).positions(), atol=1e-9, rtol=0)


def test_a_cycle_that_does_not_close_comes_round_smoothly():
    clip = made_clip(90, dtype=torch.float64)
    whole, (_, frames) = spread_cycle(clip, (5, 65), 5, NOWHERE)
    offset = offset_between(whole, 0, frames)
    again = moved_on(whole.slice(0, 5), offset)
    torch.testing.assert_close(again.positions(), whole.slice(60, 65).positions(), atol=1e-9, rtol=0)
    rounds = in_a_row(whole.slice(0, frames), offset, 2)
    hard = in_a_row(clip.slice(5, 65), offset_between(clip, 5, 65), 2)
    assert isinstance(offset, CycleOffset)
    peaks = [float(joint_accelerations(one)[56:63].max()) for one in (rounds, hard)]
    assert peaks[0] < 2.5 * float(joint_accelerations(clip).max()) < peaks[1]
