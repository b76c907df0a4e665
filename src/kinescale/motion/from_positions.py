"""Motion from joint positions: rotations by inverse kinematics on a skeleton with the track's bone lengths."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.inverse import measure_offsets
from kinescale.kinematics.least_squares_ik import Hinge, fit_track
from kinescale.kinematics.retarget import TRUNK, Body, ancestors
from kinescale.kinematics.rotations import quat_apply, quat_conjugate
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import t_pose
from kinescale.skeletons.base import Skeleton

BENDS = {
    **{("hip", "knee", "ankle", side): (1.0, 0.0, 0.0) for side in ("left", "right")},
    ("shoulder", "elbow", "wrist", "left"): (0.0, -1.0, 0.0),
    ("shoulder", "elbow", "wrist", "right"): (0.0, 1.0, 0.0),
}
"""Hinge axes of knees and elbows in the T-pose: shins bend back, forearms forward."""


def motion_from_positions(
    positions: Float[Tensor, "T J 3"], skeleton: Skeleton, fps: float, *, keep_lengths: bool = False
) -> Motion:
    """The motion whose joints come closest to ``positions`` (world, meters, in the skeleton's joint order).

    The result's skeleton is ``skeleton`` with the track's median bone lengths; with ``keep_lengths`` it is ``skeleton``
    itself, and a body of another size is met as well as that allows. Twists that positions do not show (of forearms,
    of joints without children) are minimal. Knees and elbows are found by their roles. Raises ``InputError`` for
    another shape, no frames or values that are not finite.
    """
    if positions.shape[0] == 0 or positions.shape[1:] != (len(skeleton), 3):
        raise InputError(
            f"positions {tuple(positions.shape)}; expected [T, {len(skeleton)}, 3] with at least one frame for "
            f"skeleton '{skeleton.name}'."
        )
    if not bool(torch.isfinite(positions).all()):
        raise InputError("positions hold values that are not finite; fill or cut those frames first.")
    track = positions.detach().to(torch.float64)
    fitted = skeleton if keep_lengths else with_lengths_of(track, skeleton)
    offsets = torch.as_tensor(fitted.offsets.copy())
    with torch.no_grad():
        root, local = fit_track(track, offsets, fitted.parents, fps, _hinges(fitted), _trunk(fitted))
    return Motion(fitted, fps, root.to(positions.dtype), local.to(positions.dtype))


def with_lengths_of(positions: Float[Tensor, "T J 3"], skeleton: Skeleton) -> Skeleton:
    """The skeleton with the bone lengths of a track (medians over time) and the angles its siblings have there."""
    rest = torch.as_tensor(skeleton.offsets.copy())
    return replace(skeleton, offsets=measure_offsets(positions.to(rest), skeleton.parents, rest).numpy())


def _hinges(skeleton: Skeleton) -> list[Hinge]:
    """Knees and elbows whose joints have roles and lie on one chain."""
    roles, (world, _) = skeleton.role_indices(), t_pose(skeleton)
    found = []
    for (upper, middle, lower, side), axis in BENDS.items():
        joints = [roles.get(f"{side}_{part}") for part in (upper, middle, lower)]
        if None in joints:
            continue
        first, second, third = (joint for joint in joints if joint is not None)
        if skeleton.parents[second] == first and second in ancestors(third, skeleton.parents):
            local = quat_apply(quat_conjugate(world[first]), torch.tensor(axis, dtype=torch.float64))
            found.append(Hinge(first, second, third, local))
    return found


def _trunk(skeleton: Skeleton) -> list[int]:
    """Joints from the hips to the highest of the spine, if each is below the one before."""
    roles = skeleton.role_indices()
    spine = [role for role in TRUNK if role in roles and role.startswith("spine")]
    if "hips" not in roles or not spine:
        return []
    world, at = t_pose(skeleton)
    return Body(skeleton.parents, roles, world, at).path("hips", spine[-1])
