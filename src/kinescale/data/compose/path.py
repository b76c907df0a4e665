"""Path warp: bend or stretch a clip's path and replant its feet.

The body moves rigidly along the new path, turned by the added heading. Each stance of a foot is moved as a whole by the
body's transform at the middle of the stance, so that a planted foot stays as still as before; between stances a foot is
interpolated from one transform to the next, and legs reach it by inverse kinematics.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.data.compose.legs import place_feet
from kinescale.data.compose.track import Track, runs
from kinescale.kinematics.filters import eased
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_multiply


def bend_path(
    track: Track, turn: Float[Tensor, "T"], stretch: float = 1.0, veer: Float[Tensor, "T"] | None = None
) -> tuple[Track, float]:
    """The clip with ``turn`` [T] radians added to its heading (positive to the left) and steps ``stretch`` as long.

    ``veer`` [T]: radians by which the path turns without the facing. Returns the clip, and the distance in meters by
    which the worst foot misses its target.
    """
    aside = turn if veer is None else turn + veer
    step = track.root[1:] - track.root[:-1]
    middle = (aside[1:] + aside[:-1]) / 2
    flat = step * step.new_tensor([stretch, 0.0, stretch])
    level = step * step.new_tensor([0.0, 1.0, 0.0])
    went = quat_apply(quat_about_y(middle), flat) + level
    root = torch.cat([track.root[:1], track.root[:1] + went.cumsum(0)])
    rotations = track.rotations.clone()
    rotations[:, 0] = quat_multiply(quat_about_y(turn), rotations[:, 0])
    moved = track.but(root=root, rotations=rotations)
    ankles, soles = zip(*(_foot(track, root, turn, side) for side in (0, 1)), strict=True)
    return place_feet(moved, torch.stack(ankles, 1), torch.stack(soles, 1))


def _foot(track: Track, root: Tensor, turn: Tensor, side: int) -> tuple[Float[Tensor, "T 3"], Float[Tensor, "T 4"]]:
    """Position and orientation of a foot: each stance by its own transform, swings interpolated between two."""
    foot, sole = track.feet[:, side], track.world[:, track.legs.ankles[side]]
    before, after, share = stance_anchors(track.planted[:, side])

    def carried(anchor: Tensor) -> Tensor:
        flat = foot - track.root[anchor]
        there = quat_apply(quat_about_y(turn[anchor]), flat) + root[anchor]
        height = there.new_tensor([0.0, 1.0, 0.0])
        return there * (1 - height) + foot * height

    place = torch.lerp(carried(before), carried(after), share[:, None])
    angle = torch.lerp(turn[before], turn[after], share)
    return place, quat_multiply(quat_about_y(angle), sole)


def stance_anchors(planted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Per frame the middle frames of two stances and the weight [0, 1] of the second; both equal within a stance."""
    total = len(planted)
    spans = runs(planted)
    at = torch.arange(total)
    before, after, share = at.clone(), at.clone(), torch.zeros(total, dtype=torch.float64)
    if not spans:
        return before, after, share
    middles = [(start + stop - 1) // 2 for start, stop in spans]
    for (start, stop), middle in zip(spans, middles, strict=True):
        # a stance cut by the clip's edge has its middle within the clip
        before[start:stop] = after[start:stop] = middle
    for number in range(len(spans) - 1):
        start, stop = spans[number][1], spans[number + 1][0]
        before[start:stop], after[start:stop] = middles[number], middles[number + 1]
        share[start:stop] = eased((torch.arange(start, stop) - start + 1).double() / (stop - start + 1))
    first, last = spans[0][0], spans[-1][1]
    before[:first], after[:first], share[:first] = middles[0], middles[0], 0.0
    before[last:], after[last:], share[last:] = middles[-1], middles[-1], 0.0
    return before, after, share


def ramp(count: int, start: int, stop: int) -> Float[Tensor, "T"]:
    """0 before ``start``, 1 from ``stop`` on, a ramp with smooth ends between."""
    at = torch.arange(count, dtype=torch.float64)
    share = ((at - start) / max(1, stop - start)).clamp(0, 1)
    soft = share.square() * (3 - 2 * share)
    return 0.5 * share + 0.5 * soft
