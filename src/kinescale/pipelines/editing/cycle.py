"""Cycles: the stretch of a clip that closes best, how far one round leads over the ground, rounds in place or in a row.

A cycle's last frame is the one before the first comes round again, turned about the vertical and moved along the ground
by one ``CycleOffset``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.conventions import MAX_FRAMES
from kinescale.core.errors import InputError
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_conjugate, quat_multiply, quat_yaw_between
from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.region import Span

LEAST_S = 0.6
"""Seconds of the shortest cycle that is looked for; a running stride takes about as long."""

COMPARED = 1500
"""Frames that are compared with each other at most; a longer clip is thinned out."""

SPEED_WEIGHT_S = 0.15
"""Seconds by which a meter a second of difference counts as meters."""

CLOSED, CLOSE_TO_BEST = 0.1, 1.1
"""A cycle closes when what is left is this share of what its poses differ by, or this much of the best's."""

ABOUT = 1.3
"""Cycles up to so many times the shortest are about as short."""

STILL_RAD = 1e-6


@dataclass(frozen=True)
class CycleOffset:
    """What one cycle does to the ground: turned by ``yaw`` about the vertical through the origin, then moved.

    Parameters
    ----------
    yaw : radians.
    shift : x and z, meters.
    """

    yaw: float | int
    shift: tuple[float | int, float | int]

    @property
    def step_m(self) -> float:
        """Meters moved."""
        return math.hypot(*self.shift)

    def share(self, part: Float[Tensor, "N"]) -> tuple[Float[Tensor, "N"], Float[Tensor, "N 3"]]:
        """Yaw and shift of each share of a round, as a steady screw about the vertical: 0 is none, 1 the whole."""
        yaw = part.double() * self.yaw
        x, z = self.shift
        if abs(self.yaw) < STILL_RAD:
            flat = part.double()[:, None] * torch.tensor([x, z], dtype=torch.float64)
        else:
            # a turn about a fixed point c: shift = c - R c
            whole = torch.tensor([self.yaw], dtype=torch.float64)
            still = torch.eye(2, dtype=torch.float64) - _turns(whole)[0]
            about = torch.linalg.solve(still, torch.tensor([x, z], dtype=torch.float64))
            flat = about - _turns(yaw) @ about
        return yaw, torch.stack([flat[:, 0], torch.zeros_like(yaw), flat[:, 1]], dim=1)


def offset_between(motion: Motion, start: int, stop: int) -> CycleOffset:
    """What brings frame ``start`` over frame ``stop``, whose poses are the same but for place and heading."""
    first, last = motion.rotations[start, 0].double(), motion.rotations[stop, 0].double()
    yaw = quat_yaw_between(last, first)
    shift = motion.root[stop].double() - quat_apply(quat_about_y(yaw), motion.root[start].double())
    return CycleOffset(float(yaw), (float(shift[0]), float(shift[2])))


def best_cycle(motion: Motion, least_s: float = LEAST_S) -> Span:
    """The stretch whose end is most like its beginning, beside how unlike it has been meanwhile, wherever it stands.

    Pose and speed count, place and heading do not. Of stretches that close about as well, the shortest: a single stride
    beats two; standing still is no cycle where anything moves. Raises ``InputError`` for a clip that is too short.
    """
    least = max(2, round(least_s * motion.fps))
    if len(motion) < least + 2:
        raise InputError(
            f"a clip of {motion.duration_s:.2f} seconds holds no cycle; expected more than {least_s:g} seconds."
        )
    thin = max(1, -(-len(motion) // COMPARED))
    seen = pose_and_speed(motion)[::thin]
    apart = torch.cdist(seen, seen).triu()
    frames = torch.arange(len(seen))
    length = frames[None, :] - frames[:, None]
    between = apart.cummax(dim=1).values
    closing = (apart / between.clamp(min=1e-9)).masked_fill(length * thin < least, math.inf)
    good = closing <= max(CLOSED, CLOSE_TO_BEST * float(closing.min()))
    shortest = int(length[good].min())
    # of those about as short, the one that closes best
    near = good & (length <= ABOUT * shortest)
    start, stop = divmod(int(closing.masked_fill(~near, math.inf).argmin()), len(seen))
    return start * thin, stop * thin


def in_place(motion: Motion, offset: CycleOffset) -> Motion:
    """One cycle with the steady part of its way taken out: it ends where it began, facing as it did."""
    part = torch.arange(len(motion), dtype=torch.float64) / len(motion)
    yaw, shift = offset.share(-part)
    return _moved(motion, yaw, shift)


def in_a_row(motion: Motion, offset: CycleOffset, rounds: int) -> Motion:
    """``rounds`` cycles one after another; ``InputError`` for none and for too many."""
    if rounds < 1 or rounds * len(motion) > MAX_FRAMES:
        raise InputError(
            f"{rounds} rounds of {len(motion)} frames; expected 1 or more, and {MAX_FRAMES} frames in all."
        )
    every = [motion, *(moved_on(motion, offset, i) for i in range(1, rounds))]
    return motion.replace(
        root=torch.cat([one.root for one in every]), rotations=torch.cat([one.rotations for one in every])
    )


def moved_on(motion: Motion, offset: CycleOffset, rounds: int = 1) -> Motion:
    """The clip where it is so many rounds later."""
    yaw, shift = offset.share(torch.full((len(motion),), float(rounds), dtype=torch.float64))
    return _moved(motion, yaw, shift)


def _moved(motion: Motion, yaw: Float[Tensor, "T"], shift: Float[Tensor, "T 3"]) -> Motion:
    turn = quat_about_y(yaw)
    root = quat_apply(turn, motion.root.double()) + shift
    rotations = motion.rotations.clone()
    turned = quat_multiply(turn, rotations[:, 0].double())
    rotations[:, 0] = torch.nn.functional.normalize(turned, dim=-1).to(rotations.dtype)
    return motion.replace(root=root.to(motion.root.dtype), rotations=rotations)


def _turns(yaw: Float[Tensor, "N"]) -> Float[Tensor, "N 2 2"]:
    """Turns about +Y as matrices on (x, z)."""
    c, s = torch.cos(yaw), torch.sin(yaw)
    return torch.stack([torch.stack([c, s], -1), torch.stack([-s, c], -1)], -2)


def pose_and_speed(motion: Motion) -> Float[Tensor, "T N"]:
    """Joint places and speeds of each frame, as seen from where the body stands and faces."""
    at = motion.positions().double()
    back = quat_conjugate(motion.rotations[:, 0].double()) * at.new_tensor([0.0, 1.0, 0.0, 1.0])
    back = torch.nn.functional.normalize(back + at.new_tensor([0.0, 0.0, 0.0, 1e-12]), dim=-1)
    ground = at[:, :1] * at.new_tensor([1.0, 0.0, 1.0])
    speed = torch.gradient(at, spacing=1 / motion.fps, dim=0)[0]
    spread = back[:, None].expand(-1, at.shape[1], -1)
    here, going = quat_apply(spread, at - ground), quat_apply(spread, speed)
    return torch.cat([here.flatten(1), SPEED_WEIGHT_S * going.flatten(1)], dim=1)
