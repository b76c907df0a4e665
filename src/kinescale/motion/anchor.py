"""Foot anchoring: horizontal root correction against foot sliding; rotations are unchanged.

A decoded root track and decoded legs are independent outputs that disagree by some centimeters per second, visible as
sliding. Where a foot stands, the root velocity is replaced by the one that keeps the foot still.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.filters import gaussian_smooth
from kinescale.motion.canonicalize import FEET
from kinescale.motion.motion import Motion

SMOOTHING = 1.5
"""Sigma, in frames, of the Gaussian that smooths the correction where feet land and leave."""


@dataclass(frozen=True, eq=False)
class Anchored:
    """Corrected clip, and the largest displacement of the root over the clip, meters."""

    motion: Motion
    moved_m: float


def anchor_feet(motion: Motion, contacts: Float[Tensor, "T 4"]) -> Anchored:
    """Move the root along the ground so that feet in contact do not slide.

    ``contacts``: [T, 4] in [0, 1] for left ankle, left toes, right ankle, right toes. The correction is the mean
    horizontal drift of the standing foot joints, weighted by their contacts, subtracted from the root's velocity as far
    as any foot stands. Feet that do not slide, and frames in flight, change nothing. Raises ``InputError`` for contacts
    of another shape, ``SkeletonError`` for a skeleton without feet.
    """
    if contacts.shape != (len(motion), len(FEET)):
        raise InputError(f"contacts {tuple(contacts.shape)}; expected [{len(motion)}, {len(FEET)}].")
    feet = motion.positions()[:, [motion.skeleton.role(role) for role in FEET]]
    if len(motion) < 2:
        return Anchored(motion, 0.0)
    # sharpened: an uncertain contact has no weight
    weight = (contacts.to(feet) * 2 - 1).clamp(0, 1)
    weight = torch.minimum(weight[1:], weight[:-1])[..., None]
    step = (feet[1:] - feet[:-1])[..., [0, 2]]
    drift = (weight * step).sum(1) / weight.sum(1).clamp(min=1e-6)
    surely = weight.amax(1)
    correction = gaussian_smooth((-surely * drift).T.contiguous(), SMOOTHING).T
    shift = torch.cat([torch.zeros_like(correction[:1]), correction.cumsum(0)])
    root = motion.root.clone()
    root[:, [0, 2]] += shift
    return Anchored(motion.replace(root=root), float(shift.detach().norm(dim=-1).max()))
