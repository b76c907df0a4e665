"""Stretch: the part of a clip around an edit region as a bundle's features, and sampled features back on the clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.bundle.bundle import Bundle
from kinescale.features import Feature
from kinescale.motion.canonicalize import canonicalize
from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.region import Span
from kinescale.pipelines.post_process import PostProcess, PostProcessed, postprocess
from kinescale.pipelines.runtime import from_bundle, onto_feature
from kinescale.skeletons.base import Skeleton


@dataclass(frozen=True, eq=False)
class Stretch:
    """The frames ``start`` to ``stop`` of a clip as features of a bundle.

    Parameters
    ----------
    features : of the bundle's feature, not normalized.
    spans : the frames of ``features`` that are to be resampled.
    lifted_m : how much the floor was raised for the features.
    """

    start: int
    stop: int
    features: Float[Tensor, "T F"]
    spans: tuple[Span, ...]
    lifted_m: float


def stretch_of(bundle: Bundle, motion: Motion, spans: Sequence[Span], *, level: bool = False) -> Stretch:
    """The spans with as much around them as one window of the bundle holds, on its skeleton and at its frame rate.

    ``level``: the floor is the plane y = 0; else it is found under the feet.
    """
    feature = bundle.feature
    margin = int(bundle.max_frames * motion.fps / feature.fps) + 1
    start, stop = max(0, spans[0][0] - margin), min(len(motion), spans[-1][1] + margin)
    piece = motion.slice(start, stop).to(torch.float32)
    rate = feature.fps / motion.fps
    frames = max(bundle.stride, math.ceil((len(piece) - 1) * rate - 1e-6) + 1)
    there = onto_feature(piece, feature, frames=frames)
    canonical = canonicalize(there, floor=not level)
    inside = []
    for first, last in spans:
        begin = int((first - start) * rate + 1e-6)
        inside.append((begin, min(frames, max(begin + 1, math.ceil((last - start) * rate - 1e-6)))))
    lifted = float(canonical.root[0, 1] - there.root[0, 1])
    return Stretch(start, stop, row_per_frame(feature, canonical), tuple(inside), lifted)


def row_per_frame(feature: Feature, motion: Motion) -> Float[Tensor, "T F"]:
    """A motion's features; in a layout of velocities, which has a row less than there are frames, the last is held."""
    found = feature.from_motion(motion)
    return torch.cat([found, found[-1:].expand(len(motion) - len(found), -1)])


def back_on(
    bundle: Bundle,
    stretch: Stretch,
    features: Float[Tensor, "T F"],
    motion: Motion,
    settings: PostProcess,
    decoded: Bool[Tensor, "T"],
) -> PostProcessed:
    """Sampled features as a motion on the clip's skeleton, at its frame rate and precision; frame 0 is ``start``."""
    done = postprocess(bundle.feature, features, settings, decoded=decoded)
    made = done.motion.to(torch.float64)
    down = made.root.new_tensor([0.0, stretch.lifted_m, 0.0])
    lowered = made.replace(root=made.root - down)
    return PostProcessed(from_bundle(lowered, motion, stretch.stop - stretch.start), done.report)


def paired_joints(skeleton: Skeleton, other: Skeleton, joints: Sequence[int]) -> tuple[int, ...]:
    """Those of ``joints`` that ``other`` determines: joints of shared roles, and joints above such ones."""
    if skeleton == other:
        return tuple(joints)
    known = {skeleton.role(role) for role in skeleton.roles if role in other.roles}
    for joint in range(len(skeleton) - 1, 0, -1):
        if joint in known:
            known.add(skeleton.parents[joint])
    return tuple(joint for joint in joints if joint in known)
