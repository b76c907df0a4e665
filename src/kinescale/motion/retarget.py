"""Retargeting of a motion to another skeleton by roles, with its proportions and corrected foot contacts."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.contacts import ADULT_LEG_M, lowest_tenth, standing
from kinescale.kinematics.foot_planting import SIDES, Feet, plant_feet
from kinescale.kinematics.forward import forward_kinematics, global_to_local
from kinescale.kinematics.retarget import Body, ancestors, hips_center, leg_length, retarget_rotations
from kinescale.kinematics.rotations import quat_apply, quat_continuous
from kinescale.motion.motion import Motion
from kinescale.skeletons.base import Skeleton

NEEDED = ("hips", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")

LEAST_LEG_M = 1e-6
ANKLE_HEIGHT_SHARE = 0.09
"""Height of an ankle over the sole, in legs, for a skeleton that has nothing below its ankles."""


def t_pose(skeleton: Skeleton, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """World orientations [J, 4] and positions [J, 3] of a skeleton in its T-pose, the root at the origin."""
    joints = len(skeleton)
    local = torch.zeros(joints, 4, dtype=dtype)
    local[:, 3] = 1
    if skeleton.t_pose is not None:
        local = torch.as_tensor(skeleton.t_pose.copy(), dtype=dtype)
    offsets = torch.as_tensor(skeleton.offsets.copy(), dtype=dtype)
    positions, world = forward_kinematics(torch.zeros(3, dtype=dtype), local, offsets, skeleton.parents)
    return world, positions


def retarget(motion: Motion, skeleton: Skeleton, *, feet: bool = True) -> Motion:
    """Retarget a motion to ``skeleton``.

    Orientations are transferred by role. The point between the hip joints follows the source's, scaled by the ratio of
    leg lengths, so that strides fit the legs. With ``feet``, soles that are flat stay flat at the same height over the
    floor, and feet that stand do not slide: legs bend, and hips move up or down, as needed. Without it orientations
    alone are transferred. On the same skeleton both are the identity.

    Raises ``SkeletonError`` when either skeleton lacks hips or legs.

    Example
    -------
    >>> from kinescale import TextToMotion, retarget, skeletons
    >>> motion = TextToMotion.from_pretrained()("a person walks", seconds=1.0).motions[0]
    >>> retarget(motion, skeletons.get("mixamo")).skeleton.name
    'mixamo'
    """
    if skeleton == motion.skeleton:
        return motion
    for owner in (motion.skeleton, skeleton):
        _check(owner)
    dtype = motion.root.dtype
    source, target = _body(motion.skeleton, dtype), _body(skeleton, dtype)
    positions, source_world = motion.positions(), motion.global_rotations()
    world = retarget_rotations(source_world, source, target, flat_soles=feet)
    legs = [leg_length(body.t_positions, body.roles) for body in (source, target)]
    for owner, leg in zip((motion.skeleton, skeleton), legs, strict=True):
        if leg < LEAST_LEG_M:
            raise SkeletonError(f"skeleton '{owner.name}' has legs of no length; retargeting scales by the legs.")
    scale = legs[1] / legs[0]
    offsets = torch.as_tensor(skeleton.offsets.copy(), dtype=dtype)
    local = quat_continuous(global_to_local(world, skeleton.parents))
    at_origin, _ = forward_kinematics(torch.zeros_like(motion.root), local, offsets, skeleton.parents)
    root = scale * hips_center(positions, source.roles) - hips_center(at_origin, target.roles)
    if feet:
        soles = [_soles(*pair) for pair in ((motion.skeleton, source), (skeleton, target))]
        root[:, 1] += float((soles[1] - scale * soles[0])[:, 0].mean())
        plan, floor = _standing_feet(positions, source, target, soles, motion.fps, scale)
        shift, world = plant_feet(at_origin + (root - floor)[:, None], world, target, plan, motion.fps)
        root = root + shift
        local = quat_continuous(global_to_local(world, skeleton.parents))
    return motion.replace(skeleton=skeleton, root=root, rotations=local)


def _check(skeleton: Skeleton) -> None:
    missing = [role for role in NEEDED if role not in skeleton.roles]
    if missing:
        raise SkeletonError(
            f"skeleton '{skeleton.name}' has no joint for the role{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}; retargeting needs hips and both legs."
        )


def _body(skeleton: Skeleton, dtype: torch.dtype) -> Body:
    world, positions = t_pose(skeleton, dtype)
    return Body(skeleton.parents, skeleton.role_indices(), world, positions)


def _soles(skeleton: Skeleton, body: Body) -> Float[Tensor, "2 2"]:
    """Heights over the sole in the T-pose, meters: per side ankle and toes (the sole's own without toes)."""
    found = []
    for side in SIDES:
        ankle = body.roles[f"{side}_ankle"]
        foot = [j for j in range(len(body.parents)) if ankle in ancestors(j, body.parents)]
        points = [body.t_positions[j, 1] for j in foot]
        for end in skeleton.ends:
            if end.joint == ankle or end.joint in foot:
                tip = quat_apply(body.t_world[end.joint], body.t_positions.new_tensor(end.offset))
                points.append(body.t_positions[end.joint, 1] + tip[1])
        top = body.t_positions[ankle, 1]
        leg = leg_length(body.t_positions, body.roles)
        sole = torch.stack(points).min().clamp(max=float(top)) if points else top - ANKLE_HEIGHT_SHARE * leg
        toes = body.t_positions[body.roles[f"{side}_toes"], 1] if f"{side}_toes" in body.roles else sole
        found.append(torch.stack([top - sole, toes - sole]))
    return torch.stack(found)


def standing_points(motion: Motion) -> tuple[list[str], Bool[Tensor, "T K"]]:
    """The roles of the foot points (ankles and, where both sides have them, toes), and in which frames each stands."""
    body = _body(motion.skeleton, motion.root.dtype)
    parts = ("ankle", "toes") if all(f"{side}_toes" in body.roles for side in SIDES) else ("ankle",)
    rest = _soles(motion.skeleton, body)[:, : len(parts)].flatten()
    roles = [f"{side}_{part}" for side in SIDES for part in parts]
    points = motion.positions()[:, [body.roles[role] for role in roles]]
    return roles, standing(points, rest, motion.fps, leg_m=leg_length(body.t_positions, body.roles))


def _standing_feet(
    positions: Float[Tensor, "T J 3"], source: Body, target: Body, soles: list[Tensor], fps: float, scale: float
) -> tuple[Feet, Float[Tensor, " 3"]]:
    """Foot heights and stances of the source, scaled to the target, and the target's floor."""
    both = all(f"{side}_toes" in body.roles for side in SIDES for body in (source, target))
    parts = ("ankle", "toes") if both else ("ankle",)
    points = positions[:, [source.roles[f"{side}_{part}"] for side in SIDES for part in parts]]
    rest = soles[0][:, : len(parts)]
    leg = leg_length(source.t_positions, source.roles)
    stands = standing(points, rest.flatten(), fps, leg_m=leg).view(-1, 2, len(parts))
    heights = (points[..., 1] - rest.flatten()).view(-1, 2, len(parts)).amin(-1)
    floor = scale * lowest_tenth(heights)
    up = positions.new_tensor([0.0, 1.0, 0.0])
    plan = Feet(scale * heights - floor, stands, soles[1][:, : len(parts)], scale * leg / ADULT_LEG_M)
    return plan, floor * up
