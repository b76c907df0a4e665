"""Blending of a sampled stretch into a clip: exact outside it, smooth at its borders, the root path continued.

Inside the stretch, next to a border, the clip's frames are interpolated to the sampled ones: rotations by slerp, the
root linearly, with a weight whose speed and acceleration are zero at both ends. So nothing outside is touched, and
speeds are continuous across the border. Where that would jerk, because the two are far apart, the blend is widened
until the joints accelerate no more than most captured ones do (``AIM_M_S2``), as far as the stretch has room.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.filters import eased
from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_multiply,
    quat_slerp,
    quat_yaw_between,
)
from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.region import Span

BLEND_S = 0.2
"""Seconds of a blend that need not be wider."""

WIDEST_S = 1.0
"""Seconds that a blend is widened to at most."""

WIDENING = (1.0, 1.4, 2.0, 2.8, 4.0, 5.6)

ACCELERATION_FPS = 30.0
"""Accelerations are second differences over this many steps a second, so that frame rates compare."""

REAL_MOTION = json.loads((Path(__file__).parent / "real_motion.json").read_text(encoding="utf-8"))
"""What was measured of captured motion, and on what."""

AIM_M_S2: float = REAL_MOTION["joint_acceleration_p99_m_s2"]
"""99 of 100 accelerations of all joints of captured motion are below; a blend is widened to come below it."""

LIMIT_M_S2: float = REAL_MOTION["fastest_joint_of_a_frame_p99_m_s2"]
"""In 99 of 100 frames of captured motion all joints accelerate by less; more is noted."""

ENOUGH = 1.1
"""A narrower blend is taken when its peak is within this factor of the smoothest one's."""


@dataclass(frozen=True)
class BlendSettings:
    """How a stretch is blended into a clip.

    Parameters
    ----------
    joints : those that the stretch moves; the others keep the clip's rotations.
    path : whether it moves the root, too; the frames after it are then moved along, as a rigid whole.
    seconds : length of the blend at each border; at least one frame is blended.
    anchor_end : warp the stretch's path so that the frames after it stay where they are.
    widen : whether the blend may grow where joints would jerk.
    """

    joints: tuple[int, ...]
    path: bool
    seconds: float = BLEND_S
    anchor_end: bool = False
    widen: bool = True


@dataclass(frozen=True, eq=False)
class Blended:
    """A clip with a stretch blended in.

    Parameters
    ----------
    frames : frames blended at each border.
    peak_m_s2 : the greatest acceleration of a joint at the borders.
    moved_m, turned_rad : how far the frames after the stretch were moved.
    bent_m : how far the stretch's path was warped instead.
    """

    motion: Motion
    frames: int
    peak_m_s2: float
    moved_m: float = 0.0
    turned_rad: float = 0.0
    bent_m: float = 0.0


def blend(clip: Motion, made: Motion, span: Span, settings: BlendSettings, *, offset: int = 0) -> Blended:
    """``clip`` with the frames of ``span`` taken from ``made``, whose frame i is the clip's frame ``i + offset``.

    Frames outside the span keep every bit of their local rotations; what follows turns and moves as a whole where the
    path is resampled and continues something. Raises ``InputError`` for other skeletons, frame rates or spans.
    """
    _check(clip, made, span, settings, offset)
    clip_track, made_track = _Track.of(clip), _Track.of(made).from_frame(offset, len(clip))
    tried: list[Blended] = []
    for count in _blends(clip, span, settings):
        tried.append(_blend(clip, clip_track, made_track, span, settings, count))
        if tried[-1].peak_m_s2 <= AIM_M_S2:
            break
    good = max(AIM_M_S2, ENOUGH * min(done.peak_m_s2 for done in tried))
    return next(done for done in tried if done.peak_m_s2 <= good)


def border_peak(motion: Motion, spans: Sequence[Span]) -> float:
    """The greatest acceleration (m/s2) of a joint in frames ``start`` to ``stop - 1`` of the spans."""
    step = max(1, round(motion.fps / ACCELERATION_FPS))
    peak = 0.0
    for start, stop in spans:
        first, last = max(0, start - step), min(len(motion), stop + step)
        if last - first > 2 * step:
            accelerations = joint_accelerations(motion.slice(first, last))
            peak = max(peak, float(accelerations.max()))
    return peak


def joint_accelerations(motion: Motion) -> Float[Tensor, "N J"]:
    """Of each joint in each frame that has neighbors a step of ``ACCELERATION_FPS`` away, m/s2."""
    step = max(1, round(motion.fps / ACCELERATION_FPS))
    at = motion.to(torch.float64).positions()
    second = at[2 * step :] - 2 * at[step:-step] + at[: -2 * step]
    return second.norm(dim=-1) * (motion.fps / step) ** 2


def _check(clip: Motion, made: Motion, span: Span, settings: BlendSettings, offset: int) -> None:
    if made.skeleton != clip.skeleton or made.fps != clip.fps:
        raise InputError(
            f"a stretch on skeleton '{made.skeleton.name}' at {made.fps:g} fps for a clip on '{clip.skeleton.name}' at "
            f"{clip.fps:g}; retarget and resample it first."
        )
    start, stop = span
    if not 0 <= start < stop <= len(clip) or offset > start or offset + len(made) < stop:
        raise InputError(
            f"frames {start}:{stop} of a clip of {len(clip)} from a stretch that holds {offset}:{offset + len(made)}; "
            "it must hold them all."
        )
    if settings.seconds < 0:
        raise InputError(f"a blend of {settings.seconds} seconds; expected 0 or more.")


def _blends(clip: Motion, span: Span, settings: BlendSettings) -> list[int]:
    """Frames of the blends to try, the narrowest first; two borders share the stretch."""
    start, stop = span
    borders = (start > 0) + (stop < len(clip))
    room = max(1, (stop - start) // max(1, borders))
    wanted = [
        min(room, max(1, round(factor * settings.seconds * clip.fps)))
        for factor in WIDENING
        if settings.widen or factor == 1
    ]
    most = max(wanted[0], round(WIDEST_S * clip.fps))
    return sorted({count for count in wanted if count <= most})


@dataclass(frozen=True, eq=False)
class _Track:
    """A motion's numbers in double precision, one row a frame of the clip."""

    root: Float[Tensor, "T 3"]
    rotations: Float[Tensor, "T J 4"]

    @staticmethod
    def of(motion: Motion) -> _Track:
        return _Track(motion.root.double(), motion.rotations.double())

    def from_frame(self, offset: int, length: int) -> _Track:
        """Rows shifted so that row ``offset`` is the first one; rows that are not there repeat the nearest."""
        at = (torch.arange(length) - offset).clamp(0, len(self.root) - 1)
        return _Track(self.root[at], self.rotations[at])

    def moved(self, yaw: Tensor, shift: Tensor) -> _Track:
        """Turned about the vertical axis through the origin, then shifted."""
        turn = quat_about_y(yaw)
        rotations = self.rotations.clone()
        rotations[:, 0] = quat_multiply(turn, rotations[:, 0])
        return _Track(quat_apply(turn, self.root) + shift, rotations)

    def towards(self, other: _Track, weight: Float[Tensor, "T"]) -> _Track:
        """Blended frame by frame; a weight of 1 is the other."""
        spread = weight[:, None].expand(-1, self.rotations.shape[1])
        return _Track(
            torch.lerp(self.root, other.root, weight[:, None]), quat_slerp(self.rotations, other.rotations, spread)
        )


def _blend(clip: Motion, source: _Track, made: _Track, span: Span, settings: BlendSettings, count: int) -> Blended:
    start, stop = span
    before, after = start > 0, stop < len(clip)
    rest, bent = source, 0.0
    if settings.path:
        # laid over each other in the middle of the blend, so that it has least to make up for
        first, last = start + count // 2, stop - 1 - count // 2
        made = made.moved(*_fit(made, source, first if before or not after else last))
        if not before and not after:
            made = made.moved(*_fit(made, source, 0))
        if before and after and settings.anchor_end:
            made, bent = _bent(made, source, start, last)
        elif before and after:
            rest = source.moved(*_fit(source, made, last))
    frames = stop - start
    inside = _cut(made, span)
    if before:
        inside = inside.towards(_cut(source, span), _fading(frames, count))
    if after:
        inside = inside.towards(_cut(rest, span), _fading(frames, count).flip(0))
    motion = _assembled(clip, inside, rest, span, settings)
    edges = tuple(
        edge for edge, there in (((start - 1, start + count), before), ((stop - count, stop + 1), after)) if there
    )
    peak = border_peak(motion, edges)
    moved, turned = 0.0, 0.0
    if rest is not source:
        moved = float((rest.root[stop] - source.root[stop])[[0, 2]].norm())
        turned = float(quat_yaw_between(rest.rotations[stop, 0], source.rotations[stop, 0]).abs())
    return Blended(motion, count, peak, moved, turned, bent)


def _cut(track: _Track, span: Span) -> _Track:
    return _Track(track.root[span[0] : span[1]], track.rotations[span[0] : span[1]])


def _fading(frames: int, count: int) -> Float[Tensor, "N"]:
    """Weights that fall from nearly 1 to 0 over ``count`` frames, then stay 0."""
    u = (torch.arange(1, frames + 1, dtype=torch.float64) / (count + 1)).clamp(max=1.0)
    return 1 - eased(u)


def _fit(moving: _Track, still: _Track, frame: int) -> tuple[Tensor, Tensor]:
    """Yaw and ground shift that lay a frame of one track over that of another."""
    yaw = quat_yaw_between(still.rotations[frame, 0], moving.rotations[frame, 0])
    shift = still.root[frame] - quat_apply(quat_about_y(yaw), moving.root[frame])
    return yaw, shift * shift.new_tensor([1.0, 0.0, 1.0])


def _bent(made: _Track, source: _Track, first: int, last: int) -> tuple[_Track, float]:
    """The track turned and shifted more and more from one frame to another, where it then lies over the source."""
    place = torch.arange(len(made.root), dtype=made.root.dtype)
    share = eased(((place - first) / max(1, last - first)).clamp(0, 1))
    yaw = quat_yaw_between(source.rotations[last, 0], made.rotations[last, 0])
    gap = (source.root[last] - made.root[last]) * made.root.new_tensor([1.0, 0.0, 1.0])
    rotations = made.rotations.clone()
    rotations[:, 0] = quat_multiply(quat_about_y(share * yaw), rotations[:, 0])
    return _Track(made.root + share[:, None] * gap, rotations), float(gap.norm())


def _assembled(clip: Motion, inside: _Track, rest: _Track, span: Span, settings: BlendSettings) -> Motion:
    """The clip's own tensors with the stretch written in; what follows is written only where it was moved."""
    start, stop = span
    root, rotations = clip.root.clone(), clip.rotations.clone()
    joints = list(settings.joints)
    rotations[start:stop, joints] = inside.rotations[:, joints].to(rotations.dtype)
    if settings.path:
        root[start:stop] = inside.root.to(root.dtype)
    if settings.path and start > 0 and stop < len(clip) and not settings.anchor_end:
        root[stop:] = rest.root[stop:].to(root.dtype)
        rotations[stop:, 0] = torch.nn.functional.normalize(rest.rotations[stop:, 0], dim=-1).to(rotations.dtype)
    return replace(clip, root=root, rotations=rotations)
