"""Gaps to be sampled: between two clips, after one or before it, with provisional frames in them.

The provisional frames (both clips extrapolated and cross-faded) give the sampler its surroundings, and are replaced.
"""

from __future__ import annotations

import math

import torch

from kinescale.core.conventions import MAX_FRAMES
from kinescale.core.errors import InputError
from kinescale.kinematics.filters import eased
from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_multiply,
    quat_slerp,
    quat_yaw_between,
)
from kinescale.motion.extrapolate import SPEED_FRAMES, extrapolate, root_speed
from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.region import Span
from kinescale.pipelines.prompt_spans import moved, prompts_meta, prompts_of


def joined(first: Motion, second: Motion, seconds: float) -> tuple[Motion, Span]:
    """``first``, a gap of ``seconds``, ``second`` turned and moved to continue; and the frames of the gap.

    The second clip faces as the first does at its end, and lies as far ahead as both speeds lead. Raises ``InputError``
    for clips on different skeletons, or at different frame rates, and for no seconds.
    """
    check_alike(first, second)
    count = frames_of(seconds, first.fps, len(first) + len(second))
    dtype = first.root.dtype
    turn = quat_about_y(quat_yaw_between(first.rotations[-1, 0], second.rotations[0, 0].to(dtype)))
    root = quat_apply(turn, second.root.to(dtype))
    ahead = 0.5 * (root_speed(first.root[-SPEED_FRAMES:]) + root_speed(root[:SPEED_FRAMES])) * (count + 1)
    shift = (first.root[-1] + ahead - root[0]) * root.new_tensor([1.0, 0.0, 1.0])
    root = root + shift
    rotations = second.rotations.to(dtype).clone()
    rotations[:, 0] = torch.nn.functional.normalize(quat_multiply(turn, rotations[:, 0]), dim=-1)
    fill = _filling(first, Motion(first.skeleton, first.fps, root, rotations), count)
    entries = [*prompts_of(first), *moved(prompts_of(second), (len(first) + count) / first.fps)]
    meta = {**first.meta, **of_both(first, second), **prompts_meta(entries, first, second)}
    whole = Motion(
        first.skeleton,
        first.fps,
        torch.cat([first.root, fill.root, root]),
        torch.cat([first.rotations, fill.rotations, rotations]),
        meta,
    )
    return whole, (len(first), len(first) + count)


def check_alike(first: Motion, second: Motion) -> None:
    """``InputError`` for clips on different skeletons or at different frame rates."""
    if second.skeleton != first.skeleton or abs(second.fps - first.fps) > 1e-6:
        raise InputError(
            f"the clips are on skeleton '{first.skeleton.name}' at {first.fps:g} fps and on '{second.skeleton.name}' "
            f"at {second.fps:g}; bring one to the other's first, with kinescale convert."
        )


def extended(motion: Motion, seconds: float, *, before: bool = False) -> tuple[Motion, Span]:
    """``motion`` with a gap of ``seconds`` after it (or before); and the frames of the gap.

    Raises ``InputError`` for no seconds and for a clip that would become too long.
    """
    count = frames_of(seconds, motion.fps, len(motion))
    turned = motion.replace(root=motion.root.flip(0), rotations=motion.rotations.flip(0)) if before else motion
    more = extrapolate(turned, count)
    root, rotations = [motion.root, more.root], [motion.rotations, more.rotations]
    if before:
        root, rotations = [more.root.flip(0), motion.root], [more.rotations.flip(0), motion.rotations]
    whole = motion.replace(root=torch.cat(root), rotations=torch.cat(rotations))
    entries = moved(prompts_of(motion), count / motion.fps if before else 0.0)
    whole = whole.with_meta(**prompts_meta(entries, motion))
    return whole, (0, count) if before else (len(motion), len(whole))


def frames_of(seconds: float, fps: float, beside: int) -> int:
    """``seconds`` as frames beside so many others; ``InputError`` for less than one and for too many in all."""
    count = round(seconds * fps) if math.isfinite(seconds) and abs(seconds) * fps <= MAX_FRAMES else 0
    if count < 1 or beside + count > MAX_FRAMES:
        raise InputError(f"{seconds:g} seconds to sample; expected at least a frame, and {MAX_FRAMES} frames in all.")
    return count


def _filling(first: Motion, second: Motion, count: int) -> Motion:
    """Both clips extrapolated into the gap and cross-faded.

    The root continues at its speed over the ground; all else comes to rest within ``REST_S``, as a blend needs only how
    it begins.
    """
    there = extrapolate(second.replace(root=second.root.flip(0), rotations=second.rotations.flip(0)), count)
    here = extrapolate(first, count)
    weight = eased(torch.arange(1, count + 1, dtype=first.root.dtype) / (count + 1))
    root = torch.lerp(here.root, there.root.flip(0), weight[:, None])
    spread = weight[:, None].expand(-1, len(first.skeleton))
    return here.replace(root=root, rotations=quat_slerp(here.rotations, there.rotations.flip(0), spread))


def of_both(first: Motion, second: Motion) -> dict[str, str]:
    """Source and license of both clips."""
    found = {}
    for name in ("source", "license"):
        values = [str(clip.meta[name]) for clip in (first, second) if clip.meta.get(name)]
        if values:
            found[name] = "; ".join(dict.fromkeys(values))
    return found
