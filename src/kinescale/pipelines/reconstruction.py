"""Reconstruction: a motion encoded to tokens and decoded again, with all scales or the coarsest few.

Clips longer than the tokenizer's capacity go through it window by window; the features are joined before they
are integrated to a root track, so that the windows meet without a jump.
"""

from __future__ import annotations

import torch

from kinescale.bundle.bundle import Bundle
from kinescale.core.errors import InputError
from kinescale.kinematics.rotations import quat_about_y, quat_apply
from kinescale.motion.canonicalize import canonicalize, facing_yaw, transform
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.runtime import GENERATOR, decode, encode, onto_feature


@on_fixed_threads
def reconstruct(bundle: Bundle, motion: Motion, scales: int | None = None) -> Motion:
    """The motion after tokenization: on the bundle's skeleton, at its frame rate, where the motion stands.

    ``scales``: only the coarsest so many. Raises ``InputError`` for more scales than the bundle has,
    ``SkeletonError`` for a skeleton that cannot be retargeted.

    Example
    -------
    >>> from kinescale import Bundle, TextToMotion, reconstruct
    >>> bundle = Bundle.from_pretrained()
    >>> motion = TextToMotion(bundle)("a person walks", seconds=1.0).motions[0]
    >>> len(reconstruct(bundle, motion, scales=2)) == len(motion)
    True
    """
    most = len(bundle.tokenizer.layout().scales)
    if scales is not None and not 1 <= scales <= most:
        raise InputError(f"{scales} scales; this bundle has 1 to {most}.")
    source = onto_feature(motion, bundle.feature).to(torch.float32)
    with torch.no_grad():
        features = bundle.feature.from_motion(canonicalize(source))
        windows = features.split(bundle.max_frames)
        decoded = [decode(bundle, encode(bundle, window).tokens, len(window), scales=scales) for window in windows]
        made = bundle.feature.to_motion(torch.cat(decoded))
        lossless = bundle.feature.to_motion(features)
        placed = _place(made, lossless, source)
    meta = {"reconstructed_with": GENERATOR, "bundle": bundle.content_hash}
    return placed.replace(meta={**motion.meta, **meta})


def mean_joint_error(motion: Motion, reference: Motion, *, root_relative: bool = False) -> float:
    """Mean distance of joints (m) over the frames both have; ``root_relative`` drops each frame's root."""
    if len(motion.skeleton) != len(reference.skeleton):
        raise InputError(
            f"skeletons of {len(motion.skeleton)} and {len(reference.skeleton)} joints; retarget one first."
        )
    frames = min(len(motion), len(reference))
    here, there = motion.positions()[:frames].double(), reference.positions()[:frames].double()
    if root_relative:
        here, there = here - here[:, :1], there - there[:, :1]
    return float((here - there).norm(dim=-1).mean())


def _place(made: Motion, lossless: Motion, source: Motion) -> Motion:
    """Move ``made`` from the features' own frame to the source's: as ``lossless`` would have to be moved."""
    skeleton = source.skeleton
    there = facing_yaw(source.positions()[0], skeleton)
    here = facing_yaw(lossless.positions()[0], skeleton)
    turn = there - here
    shift = source.root[0] - quat_apply(quat_about_y(turn), lossless.root[0])
    return transform(made, turn, shift)
