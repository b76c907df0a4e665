"""Reconstruct: a motion through the tokenizer and back, with all scales or the coarsest few.

Clips longer than the tokenizer's capacity go through it window by window; the features are joined before they
are integrated to a root track, so that the windows meet without a jump.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

import kinescale
from kinescale.bundle.bundle import Bundle
from kinescale.core.errors import InputError
from kinescale.features import Feature
from kinescale.kinematics.rotations import quat_about_y, quat_apply
from kinescale.motion.canonicalize import canonicalize, facing_yaw, transform
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample
from kinescale.motion.retarget import retarget
from kinescale.nn.threads import on_fixed_threads


def onto_feature(motion: Motion, feature: Feature) -> Motion:
    """The motion on the feature's skeleton and at its frame rate, as training data are prepared (feet uncorrected)."""
    return resample(retarget(motion, feature.skeleton, feet=False), feature.fps)


@on_fixed_threads
def reconstruct(bundle: Bundle, motion: Motion, scales: int | None = None) -> Motion:
    """What the tokenizer keeps of ``motion``: on the bundle's skeleton, at its fps, where the motion stands.

    ``scales``: only the coarsest so many. Raises ``InputError`` for more scales than the bundle has,
    ``SkeletonError`` for a skeleton that cannot be retargeted.
    """
    most = len(bundle.tokenizer.layout().scales)
    if scales is not None and not 1 <= scales <= most:
        raise InputError(f"{scales} scales; this bundle has 1 to {most}.")
    source = onto_feature(motion, bundle.feature).to(torch.float32)
    with torch.no_grad():
        features = bundle.feature.from_motion(canonicalize(source))
        parts = [_through(bundle, window, scales) for window in features.split(bundle.max_frames)]
        decoded = bundle.normalizer.undo(torch.cat(parts).cpu())
        made = bundle.feature.to_motion(decoded)
        lossless = bundle.feature.to_motion(features)
        placed = _place(made, lossless, source)
    meta = {"reconstructed_with": f"kinescale {kinescale.__version__}", "bundle": bundle.content_hash}
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


def _through(bundle: Bundle, window: Float[Tensor, "T F"], scales: int | None) -> Float[Tensor, "T F"]:
    """One window of features through the tokens; its last frame is held to fill a whole latent step."""
    frames = len(window)
    normal = bundle.normalizer.apply(window).to(bundle.device)
    whole = -(-frames // bundle.stride) * bundle.stride
    held = normal[-1:].expand(whole - frames, -1)
    lengths = torch.tensor([whole], device=bundle.device)
    tokens = bundle.tokenizer.encode(torch.cat([normal, held])[None], lengths).tokens
    return bundle.tokenizer.decode(tokens if scales is None else tokens.first(scales))[0, :frames].float()


def _place(made: Motion, lossless: Motion, source: Motion) -> Motion:
    """Move ``made`` from the features' own frame to the source's: as ``lossless`` would have to be moved."""
    skeleton = source.skeleton
    there = facing_yaw(source.positions()[0], skeleton)
    here = facing_yaw(lossless.positions()[0], skeleton)
    turn = there - here
    shift = source.root[0] - quat_apply(quat_about_y(turn), lossless.root[0])
    return transform(made, turn, shift)
