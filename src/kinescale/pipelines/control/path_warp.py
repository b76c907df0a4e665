"""Path warp: a motion's root path and facing bent towards its targets, as the first guess of the optimization.

Path editing (Gleicher 2001): a walk keeps its steps, and the low-frequency part of its path is put where it should be;
no limb is touched. What that does to the feet is left to what follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.filters import gaussian_smooth
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_multiply
from kinescale.motion.canonicalize import transform
from kinescale.motion.motion import Motion
from kinescale.pipelines.control.path import bearings
from kinescale.pipelines.control.targets import Targets, heading, hips_of
from kinescale.pipelines.editing.region import Span

SWAY_S = 0.25
"""Sigma, in seconds, that parts a path from the sway and the bob of the hips over it."""

REACH_M = 0.4
"""How far from where it is a hand or a foot may have to be before the hips go along."""

BEGIN_S = 0.5
"""A target within so many seconds of the clip's begin says where it begins."""

TRAVEL_M = 0.5
"""A path shorter than this leads nowhere: the body need not turn with it."""


@dataclass(frozen=True, eq=False)
class _Sparse:
    """Values at some frames."""

    frames: np.ndarray
    values: np.ndarray

    def __bool__(self) -> bool:
        return len(self.frames) > 0

    def spread(self, count: int) -> np.ndarray:
        """At every frame: linear between the known ones, held outside."""
        at = np.arange(count)
        if self.values.ndim == 1:
            return np.interp(at, self.frames, self.values)
        return np.stack([np.interp(at, self.frames, column) for column in self.values.T], axis=1)


def begins_free(targets: Targets, span: Span) -> bool:
    """Whether the clip may begin elsewhere: nothing comes before, and a target says where hips or facing begin."""
    near = span[0] + BEGIN_S * targets.fps
    hips = _hip_targets(targets)
    faces = len(targets.facing) > 0 and int(targets.facing_frame.min()) <= near
    return span[0] == 0 and (faces or (bool(hips) and int(hips.frames[0]) <= near))


def warped(motion: Motion, targets: Targets, span: Span, *, free_start: bool) -> tuple[Motion, bool]:
    """The motion with hips and facing roughly at their targets in ``span``; the frames after it move along.

    And whether it was bent, not only turned and moved as a whole, which ``free_start`` allows first.
    """
    moved = _aligned(motion, targets) if free_start else motion
    positions = moved.positions()
    path = _flat(positions[:, hips_of(moved.skeleton)]).numpy().astype(np.float64)
    sigma = SWAY_S * moved.fps
    smooth = _smoothed(path, sigma)
    offsets = _offsets(targets, positions, path)
    if offsets and not free_start:
        offsets = _held(offsets, span)
    shift = offsets.spread(len(path)) if offsets else np.zeros_like(path)
    shift = _smoothed(shift, sigma / 2) if offsets and len(offsets.frames) < len(path) // 2 else shift
    turn = _turns(targets, positions, smooth, _smoothed(path + shift, sigma), span, free_start)
    if not shift.any() and not turn.any():
        return moved, False
    return _bent(moved, torch.as_tensor(path + shift), torch.as_tensor(turn)), True


def _aligned(motion: Motion, targets: Targets) -> Motion:
    """Turned and moved as a whole so that hips and facing come near their targets."""
    positions = motion.positions()
    hips = _hip_targets(targets)
    yaw, shift = torch.zeros((), dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    here = _flat(positions[:, hips_of(motion.skeleton)]).double()
    if hips:
        there, own = torch.as_tensor(hips.values), here[torch.as_tensor(hips.frames)]
        a, b = own - own.mean(0), there - there.mean(0)
        if float(a.norm(dim=-1).max()) > TRAVEL_M / 2 and float(b.norm(dim=-1).max()) > TRAVEL_M / 2:
            # x and z as one complex number: the turn is that of their product; positive turns +Z to +X
            yaw = torch.atan2((a[:, 1] * b[:, 0] - a[:, 0] * b[:, 1]).sum(), (a * b).sum())
    if len(targets.facing) and int(targets.facing_frame.min()) <= BEGIN_S * targets.fps:
        first = int(targets.facing_frame.argmin())
        frame = int(targets.facing_frame[first])
        yaw = targets.facing[first] - heading(positions, motion.skeleton, motion.fps).double()[frame]
    turned = transform(motion, yaw, torch.zeros(3)) if float(yaw) else motion
    if hips:
        here = _flat(turned.positions()[:, hips_of(motion.skeleton)]).double()
        first = int(hips.frames[0])
        shift = torch.as_tensor(hips.values[0]) - here[first]
    move = torch.stack([shift[0], torch.zeros((), dtype=torch.float64), shift[1]])
    return turned.replace(root=turned.root + move.to(turned.root))


def _hip_targets(targets: Targets) -> _Sparse:
    """Targets of the hips on the ground; the mean where there are two in a frame."""
    chosen = (targets.joint == hips_of(targets.skeleton)) & (targets.relative == 0)
    chosen &= (targets.known[:, 0] > 0) & (targets.known[:, 2] > 0)
    return _mean_by_frame(targets.frame[chosen].numpy(), _flat(targets.target[chosen]).numpy())


def _mean_by_frame(frames: np.ndarray, values: np.ndarray) -> _Sparse:
    known, row = np.unique(frames, return_inverse=True)
    total = np.zeros((len(known), *values.shape[1:]))
    np.add.at(total, row, values)
    count = np.bincount(row, minlength=len(known)).reshape(-1, *[1] * (values.ndim - 1))
    return _Sparse(known, total / np.maximum(count, 1))


def _offsets(targets: Targets, positions: Tensor, path: np.ndarray) -> _Sparse:
    """How far the hips should move over the ground: to their targets, else by what a limb cannot reach."""
    hips = _hip_targets(targets)
    if hips:
        return _Sparse(hips.frames, hips.values - path[hips.frames])
    chosen = (targets.relative == 0) & (targets.known[:, 0] > 0) & (targets.known[:, 2] > 0)
    frames = targets.frame[chosen]
    gap = _flat(targets.target[chosen] - positions[frames, targets.joint[chosen]].double())
    far = gap.norm(dim=-1, keepdim=True)
    needed = gap * (1 - REACH_M / far.clamp(min=REACH_M))
    mean = _mean_by_frame(frames.numpy(), needed.numpy())
    return mean if mean and np.abs(mean.values).max() > 0 else _Sparse(mean.frames[:0], mean.values[:0])


def _held(offsets: _Sparse, span: Span) -> _Sparse:
    """Nothing moves where the span begins."""
    inside = offsets.frames > span[0]
    frames = np.concatenate([[span[0]], offsets.frames[inside]])
    return _Sparse(frames, np.concatenate([np.zeros((1, 2)), offsets.values[inside]]))


def _turns(
    targets: Targets, positions: Tensor, old: np.ndarray, new: np.ndarray, span: Span, free_start: bool
) -> np.ndarray:
    """Radians by which the body turns in each frame: to the target facing, else as much as the path does."""
    count = len(old)
    reach = max(1, round(SWAY_S * targets.fps))
    if len(targets.facing):
        yaw = heading(positions, targets.skeleton, targets.fps).double()
        gap = targets.facing - yaw[targets.facing_frame]
        gap = torch.atan2(torch.sin(gap), torch.cos(gap)).numpy()
        wanted = _mean_by_frame(targets.facing_frame.numpy(), gap)
        turn = _Sparse(wanted.frames, np.unwrap(wanted.values)).spread(count)
    elif min(_length(old), _length(new)) > TRAVEL_M and not np.array_equal(old, new):
        turn = np.unwrap(bearings(new, reach) - bearings(old, reach))
        turn -= 2 * np.pi * np.round(turn.mean() / (2 * np.pi))
    else:
        return np.zeros(count)
    if not free_start:
        turn = turn * np.clip((np.arange(count) - span[0]) / (2 * reach), 0, 1)
    return _smoothed(turn[:, None], reach / 2)[:, 0]


def _length(path: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def _bent(motion: Motion, path: Float[Tensor, "T 2"], turn: Float[Tensor, " T"]) -> Motion:
    """The hips put over ``path``, and the body turned about them."""
    hips = motion.positions()[:, hips_of(motion.skeleton)]
    spin = quat_about_y(turn.to(motion.root))
    arm = quat_apply(spin, motion.root - hips)
    there = torch.stack([path[:, 0].to(hips), hips[:, 1], path[:, 1].to(hips)], dim=-1)
    rotations = motion.rotations.clone()
    rotations[:, 0] = torch.nn.functional.normalize(quat_multiply(spin, rotations[:, 0]), dim=-1)
    return motion.replace(root=there + arm, rotations=rotations)


def _flat(points: Tensor) -> Tensor:
    return points[..., [0, 2]]


def _smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian over time; beyond the ends it goes on as a straight line would, so that a walk does not stop there."""
    if len(values) < 2 or sigma <= 0:
        return values
    count = min(len(values) - 1, int(4 * sigma) + 1)
    head = 2 * values[:1] - values[count:0:-1]
    tail = 2 * values[-1:] - values[-2 : -2 - count : -1]
    padded = torch.as_tensor(np.concatenate([head, values, tail]))
    return gaussian_smooth(padded.T.contiguous(), sigma).T.numpy()[count : count + len(values)]
