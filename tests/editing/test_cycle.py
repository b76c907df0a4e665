"""Cycles: the one that is there is found, rounds compose, in place nothing is left of the way; and rooms to extend."""

from __future__ import annotations

import math

import pytest
import torch

from edit_bundles import made_clip
from kinescale import skeletons
from kinescale.core.errors import InputError
from kinescale.kinematics.rotations import quat_about_y, quat_multiply
from kinescale.motion import Motion
from kinescale.motion.canonicalize import transform
from kinescale.pipelines.editing.combine import combined
from kinescale.pipelines.editing.cycle import CycleOffset, best_cycle, in_a_row, in_place, offset_between
from kinescale.pipelines.editing.gap import extended


def stride(frames: int, period: int = 36, turn: float = 0.0) -> Motion:
    """A clip whose pose comes back every ``period`` frames, walking straight on or round a bend."""
    body = skeletons.get("humanml22")
    time = torch.arange(frames, dtype=torch.float64)
    phase = 2 * math.pi * time / period
    angles = 0.4 * torch.sin(phase[:, None] + torch.linspace(0, 6, len(body), dtype=torch.float64))
    rotations = torch.zeros(frames, len(body), 4, dtype=torch.float64)
    rotations[..., 0], rotations[..., 3] = torch.sin(angles / 2), torch.cos(angles / 2)
    yaw = turn * time / period
    rotations[:, 0] = quat_multiply(quat_about_y(0.7 + yaw), rotations[:, 0])
    radius = 2.0
    ahead = torch.stack([radius * torch.cos(-yaw), 0 * time, radius * torch.sin(-yaw)], 1) if turn else None
    root = ahead if ahead is not None else torch.stack([0.04 * time, 0 * time, 0.01 * time], 1)
    return Motion(body, 30.0, root + torch.tensor([1.0, 0.9, 2.0], dtype=torch.float64), rotations)


@pytest.mark.parametrize("turn", [0.0, 0.8])
def test_the_shortest_cycle_is_found(turn):
    start, stop = best_cycle(stride(150, 36, turn))
    assert stop - start == 36


@pytest.mark.parametrize("turn", [0.0, 0.8, -2.0])
def test_rounds_in_a_row_are_the_clip_itself(turn):
    """Where the clip is periodic, its first period carried on is the rest of it."""
    clip = stride(36 * 3 + 1, 36, turn)
    once = offset_between(clip, 0, 36)
    assert once.yaw == pytest.approx(turn, abs=1e-9)
    row = in_a_row(clip.slice(0, 36), once, 3)
    torch.testing.assert_close(row.positions(), clip.slice(0, 108).positions(), atol=1e-9, rtol=0)
    assert torch.equal(row.rotations[:36], clip.rotations[:36]) and torch.equal(row.root[:36], clip.root[:36])


@pytest.mark.parametrize("turn", [0.0, 0.8, 1e-9])
def test_in_place_the_next_round_begins_where_this_one_did(turn):
    clip = stride(37, 36, turn)
    once = offset_between(clip, 0, 36)
    cycle = in_place(clip.slice(0, 36), once)
    after = transform(clip.slice(36, 37), torch.tensor(0.0, dtype=torch.float64), torch.zeros(3))
    # frame 36, with a whole round taken out, is frame 0
    yaw, shift = once.share(torch.tensor([-1.0]))
    there = transform(after, yaw[0], shift[0])
    torch.testing.assert_close(there.positions()[0], clip.positions()[0], atol=1e-9, rtol=0)
    torch.testing.assert_close(cycle.positions()[0], clip.positions()[0], atol=1e-9, rtol=0)
    assert float(cycle.root[:, [0, 2]].sub(cycle.root[0, [0, 2]]).norm(dim=1).max()) < 1e-6
    assert torch.equal(cycle.rotations[:, 1:], clip.rotations[:36, 1:])


def test_shares_of_a_round_add_up():
    once = CycleOffset(0.6, (1.0, -0.5))
    yaw, shift = once.share(torch.tensor([0.25, 0.5, 1.0]))
    assert float(yaw[2]) == pytest.approx(0.6) and shift[2, [0, 2]].tolist() == pytest.approx([1.0, -0.5])
    clip = made_clip(3, dtype=torch.float64)
    twice = transform(transform(clip, yaw[1], shift[1]), yaw[1], shift[1])
    torch.testing.assert_close(twice.positions(), transform(clip, yaw[2], shift[2]).positions(), atol=1e-9, rtol=0)


def test_bad_cycles():
    with pytest.raises(InputError, match="holds no cycle"):
        best_cycle(made_clip(15))
    with pytest.raises(InputError, match="expected 1 or more"):
        in_a_row(made_clip(15), CycleOffset(0, (0, 0)), 0)


@pytest.mark.parametrize("before", [False, True])
def test_room_to_extend(before):
    clip = made_clip(40)
    whole, span = extended(clip, 0.5, before=before)
    kept = slice(15, 55) if before else slice(0, 40)
    assert span == ((0, 15) if before else (40, 55)) and len(whole) == 55
    assert torch.equal(whole.root[kept], clip.root) and torch.equal(whole.rotations[kept], clip.rotations)
    steps = (whole.root[1:] - whole.root[:-1]).norm(dim=-1)
    assert float(steps.max()) < 0.1
    for seconds in (0.0, -1.0, math.nan, math.inf, 1e9, 0.001):
        with pytest.raises(InputError, match="at least a frame"):
            extended(clip, seconds)


def test_combined_takes_every_bit_from_one_of_the_two():
    one, other = made_clip(40), stride(60).to(torch.float32)
    both = combined(one, other, ("upper_body",))
    legs = [one.skeleton.role(role) for role in ("hips", "left_hip", "right_knee", "left_toes")]
    arms = [one.skeleton.role(role) for role in ("spine1", "left_wrist", "head")]
    assert len(both) == 40
    assert torch.equal(both.rotations[:, arms], one.rotations[:, arms])
    assert torch.equal(both.rotations[:, legs], other.rotations[:40, legs]) and torch.equal(both.root, other.root[:40])
    turned = combined(one, other, ("lower_body",))
    assert torch.equal(turned.root, one.root)
    for parts in ((), ("body",)):
        with pytest.raises(InputError, match="none or all"):
            combined(one, other, parts)
    with pytest.raises(InputError, match="bring one to the other's"):
        combined(one, made_clip(20, fps=60.0), ("head",))
