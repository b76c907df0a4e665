"""Spread seams: one clip goes over into another where both are most alike; their difference is spread over both sides.

Nothing is sampled. Half of the difference in pose and velocity fades out towards the first clip's past, the other half
towards the second one's future (inertialization, Bollo 2018, on both sides), along quintics that end at rest. Then
feet that stand are held where they stand, through the seam.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_conjugate,
    quat_multiply,
    quat_to_rotvec,
    quat_yaw_between,
    rotvec_to_quat,
)
from kinescale.motion.canonicalize import transform
from kinescale.motion.hold_feet import hold_feet
from kinescale.motion.motion import Motion
from kinescale.motion.set_frames import set_frames
from kinescale.pipelines.editing.cycle import moved_on, offset_between, pose_and_speed
from kinescale.pipelines.editing.region import Span

AWAY = 0.25
"""By how much of the poses' spread a match must be better to lie at the far end of the frames that are searched."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Two clips joined: the motion, where the second one begins in it, and the frames that were changed."""

    motion: Motion
    at: int
    span: Span


def most_alike(first: Motion, second: Motion, cuts: Span, entries: Span) -> tuple[int, int]:
    """The frame ``cuts[0]`` to ``cuts[1] - 1`` of one clip and that of another which are most alike.

    Pose and speed count, place and heading do not; of matches about as good, the one that leaves most of both clips.
    """
    one, other = pose_and_speed(first), pose_and_speed(second)
    apart = torch.cdist(one[cuts[0] : cuts[1]], other[entries[0] : entries[1]])
    lost = torch.linspace(1, 0, apart.shape[0])[:, None] + torch.linspace(0, 1, apart.shape[1])[None, :]
    cost = apart + AWAY * float(apart.std(correction=0)) * lost.to(apart)
    row, column = divmod(int(cost.argmin()), apart.shape[1])
    return cuts[0] + row, entries[0] + column


def spread_seam(
    first: Motion, cut: int, second: Motion, entry: int, reach: tuple[int, int], floor: float | None = None
) -> Spread:
    """``first`` until frame ``cut``, which it has, and from there on ``second`` from its frame ``entry``.

    ``second`` is turned about the vertical and moved along the ground so that both frames lie over each other.
    ``reach``: frames on either side over which the difference is spread. ``floor``: the ground's height, meters; found
    under the feet when not given. Both clips are on one skeleton; ``cut`` is 1 or more, and ``second`` goes on after
    ``entry``.
    """
    before, after = min(reach[0], cut), min(reach[1], len(second) - entry)
    yaw = quat_yaw_between(first.rotations[cut, 0], second.rotations[entry, 0].to(first.rotations))
    shift = first.root[cut] - quat_apply(quat_about_y(yaw), second.root[entry].to(first.root))
    laid = transform(second, yaw, shift * shift.new_tensor([1.0, 0.0, 1.0]))
    rotations = torch.cat([first.rotations[:cut], laid.rotations[entry:].to(first.rotations)])
    root = torch.cat([first.root[:cut], laid.root[entry:].to(first.root)])
    whole = first.replace(root=root, rotations=rotations)
    turn, move, turning, moving = _difference(first, cut, laid, entry)
    span = (cut - before, cut + after)
    # frames count from the seam, where the second clip's first frame lies
    since = torch.arange(span[0], span[1], dtype=root.dtype) - cut
    sides = [
        (since < 0, -since, before, 0.5, -0.5),
        (since >= 0, since, after, -0.5, -0.5),
    ]
    turned, moved = torch.zeros(len(since), *turn.shape).to(root), torch.zeros(len(since), 3).to(root)
    for chosen, gone, length, half, slope in sides:
        place, speed = _quintics(gone[chosen], max(1, length))
        turned[chosen] = place[:, None, None] * half * turn + speed[:, None, None] * slope * turning
        moved[chosen] = place[:, None] * half * move + speed[:, None] * slope * moving
    changed = quat_multiply(whole.rotations[span[0] : span[1]], rotvec_to_quat(turned))
    made = set_frames(whole, span, whole.root[span[0] : span[1]] + moved, changed)
    return Spread(hold_feet(made, span, floor) if span != (0, len(made)) else made, cut, span)


def spread_cycle(motion: Motion, cycle: Span, window: int, floor: float | None = None) -> tuple[Motion, Span]:
    """A cycle of a clip closed, at most ``window`` frames of its next round after it, and the frames of the cycle.

    What frame ``cycle[1]`` and frame ``cycle[0]`` differ by, wherever they stand and face, is spread over all of it.
    """
    start, stop = cycle
    half = (stop - start) // 2
    rest = stop - start - half
    closed = spread_seam(motion, stop, motion, start, (half, rest), floor).motion
    back = moved_on(closed.slice(stop, stop + rest), offset_between(motion, start, stop), -1)
    parts = (back, closed.slice(start + rest, stop), closed.slice(stop, min(len(closed), stop + window)))
    whole = motion.replace(
        root=torch.cat([part.root for part in parts]), rotations=torch.cat([part.rotations for part in parts])
    )
    return whole, (0, stop - start)


def _difference(first: Motion, cut: int, second: Motion, entry: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """From the first clip's frame to the second's: rotation vectors and root shift; and those of the velocities."""
    back, forth = entry >= 1, cut + 1 < len(first)
    # over the same steps in both clips, where both have them
    here = (-1 if back or not forth else 0, 1 if forth else 0)
    there = (-1 if back else 0, 1 if forth or not back else 0)
    one, two = _velocity(first, cut + here[0], cut + here[1]), _velocity(second, entry + there[0], entry + there[1])
    turn = _turn(first.rotations[cut], second.rotations[entry].to(first.rotations))
    move = second.root[entry].to(first.root) - first.root[cut]
    return turn, move, two[0].to(turn) - one[0], two[1].to(move) - one[1]


def _velocity(clip: Motion, start: int, stop: int) -> tuple[Tensor, Tensor]:
    """Rotation vectors and root shift per frame."""
    turn = _turn(clip.rotations[start], clip.rotations[stop])
    return turn / (stop - start), (clip.root[stop] - clip.root[start]) / (stop - start)


def _turn(one: Float[Tensor, "J 4"], two: Float[Tensor, "J 4"]) -> Float[Tensor, "J 3"]:
    relative = quat_multiply(quat_conjugate(one), two)
    return quat_to_rotvec(relative)


def _quintics(gone: Float[Tensor, " N"], length: int) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Curves that begin at 1 with slope 0, and at 0 with slope 1 a frame; both end at rest after ``length`` frames."""
    u = (gone / length).clamp(max=1.0)
    place = 1 - u**3 * (10 - 15 * u + 6 * u**2)
    return place, length * u * (1 - u**2 * (6 - 8 * u + 3 * u**2))
