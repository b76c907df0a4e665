"""The HumanML3D recipe: joint positions to the 263 (or 251) features, and the constants of both skeletons.

Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text". Faithful, it repeats what
published data went through, slips and float32 quaternion helpers included; clean, it keeps the layout and
drops the slips:

* facing comes from right minus left at hips and shoulders alike (published: hips the other way round);
* the track starts facing +Z by its smoothed facing (published: by the raw facing, with the first root
rotation set to identity, so that the first yaw number holds the gap between the two); * a turn through the
back keeps its sign (published: one yaw number is negated and the track turns away).

Root rotations here turn the body's facing *to* +Z, as the layout wants them. Quaternions are xyzw.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.rotations import (
    quat_apply,
    quat_between,
    quat_conjugate,
    quat_continuous,
    quat_multiply,
    quat_to_rot6d,
)

FACING_SIGMA_FRAMES = 20.0
KERNEL_SIGMAS = 4.0

_X, _Y, _Z = (1, 0, 0), (0, 1, 0), (0, 0, 1)
_LEFTOUT, _DOWN = (-1, 0, 0), (0, -1, 0)


@dataclass(frozen=True)
class Constants:
    """What a dataset fixes: joint indices, thresholds and the axis each bone lies along before it is turned.

    ``across``: right hip, left hip, right shoulder, left shoulder. ``feet``: left ankle, left foot, right
    ankle, right foot. ``foot_threshold``: squared displacement a frame, in the track's own units. ``unit_m``:
    meters a unit.
    """

    chains: tuple[tuple[int, ...], ...]
    axes: tuple[tuple[int, int, int], ...]
    across: tuple[int, int, int, int]
    legs: tuple[int, int]
    feet: tuple[int, int, int, int]
    foot_threshold: float
    fps: float
    unit_m: float
    skeleton: str

    @property
    def joints(self) -> int:
        return len(self.axes)

    @property
    def parents(self) -> tuple[int, ...]:
        """Parent of each joint, -1 for the root."""
        up = {child: parent for chain in self.chains for parent, child in pairwise(chain)}
        return tuple(up.get(joint, -1) for joint in range(self.joints))


VARIANTS = {
    "humanml3d": Constants(
        chains=(
            (0, 2, 5, 8, 11),
            (0, 1, 4, 7, 10),
            (0, 3, 6, 9, 12, 15),
            (9, 14, 17, 19, 21),
            (9, 13, 16, 18, 20),
        ),
        axes=(
            *((0, 0, 0), _X, _LEFTOUT, _Y, _DOWN, _DOWN, _Y, _DOWN, _DOWN, _Y, _Z),
            *(_Z, _Y, _X, _LEFTOUT, _Z, _DOWN, _DOWN, _DOWN, _DOWN, _DOWN, _DOWN),
        ),
        across=(2, 1, 17, 16),
        legs=(5, 8),
        feet=(7, 10, 8, 11),
        foot_threshold=0.002,
        fps=20.0,
        unit_m=1.0,
        skeleton="humanml22",
    ),
    "kit": Constants(
        chains=(
            (0, 11, 12, 13, 14, 15),
            (0, 16, 17, 18, 19, 20),
            (0, 1, 2, 3, 4),
            (3, 5, 6, 7),
            (3, 8, 9, 10),
        ),
        axes=(
            *((0, 0, 0), _Y, _Y, _Y, _Y, _X, _DOWN, _DOWN, _LEFTOUT, _DOWN, _DOWN),
            *(_X, _DOWN, _DOWN, _Z, _Z, _LEFTOUT, _DOWN, _DOWN, _Z, _Z),
        ),
        across=(11, 16, 5, 8),
        legs=(17, 18),
        feet=(19, 20, 14, 15),
        foot_threshold=0.05,
        fps=12.5,
        unit_m=0.001,
        skeleton="kit21",
    ),
}


@dataclass(frozen=True, eq=False)
class Processed:
    """Every stage of the recipe; T counts input frames, features have one fewer."""

    uniform_joints: Float[Tensor, "T J 3"]
    global_joints: Float[Tensor, "T J 3"]
    quaternions: Float[Tensor, "T J 4"]
    features: Float[Tensor, "T-1 F"]


def target_offsets(pose: Float[Tensor, "J 3"], constants: Constants) -> Float[Tensor, "J 3"]:
    """Bone offsets of a pose: each bone's length along its axis."""
    bones = pose - pose[[max(p, 0) for p in constants.parents]]
    return bones.norm(dim=-1, keepdim=True) * bones.new_tensor(constants.axes)


def process_positions(
    joints: Float[Tensor, "T J 3"],
    constants: Constants,
    *,
    offsets: Float[Tensor, "J 3"] | None = None,
    faithful: bool = True,
) -> Processed:
    """Joint positions (Y up, the dataset's unit and fps) to features [T - 1, F], with the stages on the way.

    ``offsets`` ([J, 3], see ``target_offsets``) is the skeleton to change to; ``None`` leaves the bones
    alone. Raises ``InputError`` when the joints do not fit the constants or there are fewer than two frames.
    """
    if joints.shape[1] != constants.joints or joints.shape[0] < 2:
        raise InputError(f"joints {tuple(joints.shape)}; expected [T, {constants.joints}, 3] with at least 2 frames.")
    uniform = joints if offsets is None else change_skeleton(joints, offsets, constants, faithful=faithful)
    placed = _face_forward(_on_the_floor(uniform), constants, faithful)
    quats = chain_rotations(placed, constants, smooth=True, faithful=faithful)
    root = quats[:, :1]
    ground = placed[:, :1] * placed.new_tensor([1.0, 0.0, 1.0])
    local = rotate(root, placed - ground, faithful)
    moved = placed[1:] - placed[:-1]
    turn = multiply(root[1:, 0], quat_conjugate(root[:-1, 0]), faithful)
    half = torch.asin(turn[:, 1]) if faithful else torch.atan2(turn[:, 1], turn[:, 3])
    parts = [
        half[:, None],
        rotate(root[1:, 0], moved[:, 0], faithful)[:, [0, 2]],
        placed[:-1, 0, 1:2],
        local[:-1, 1:].flatten(1),
        quat_to_rot6d(quats)[:-1, 1:].flatten(1),
        rotate(root[:-1], moved, faithful).flatten(1),
        (moved[:, list(constants.feet)].square().sum(-1) < constants.foot_threshold).to(joints.dtype),
    ]
    features = torch.cat([part.to(joints.dtype) for part in parts], dim=-1)
    return Processed(uniform, placed, quats, features)


def change_skeleton(
    joints: Float[Tensor, "T J 3"],
    offsets: Float[Tensor, "J 3"],
    constants: Constants,
    *,
    faithful: bool = True,
) -> Float[Tensor, "T J 3"]:
    """The same bone directions on another skeleton; the root track is scaled by the ratio of the legs."""
    source = target_offsets(joints[0], constants)
    legs = list(constants.legs)
    scale = offsets[legs].abs().amax(-1).sum() / source[legs].abs().amax(-1).sum()
    quats = chain_rotations(joints, constants, smooth=False, faithful=faithful)
    return chain_positions(quats, joints[:, 0] * scale, offsets, constants, faithful=faithful)


def chain_rotations(
    joints: Float[Tensor, "T J 3"], constants: Constants, *, smooth: bool, faithful: bool = True
) -> Float[Tensor, "T J 4"]:
    """Rotations along the chains: the product from the chain's start to joint j turns j's axis onto its bone.

    Every chain starts from the root rotation, those that leave the chest too.
    """
    root = between(_facing(joints, constants, smooth, faithful), joints.new_tensor(_Z), faithful)
    if faithful:
        still = torch.zeros_like(root[:1])
        still[..., 3] = 1
        root = torch.cat([still, root[1:]])
    else:
        root = quat_continuous(root)
    quats: list[Tensor] = [root] * constants.joints
    for chain in constants.chains:
        above = root
        for parent, child in pairwise(chain):
            bone = torch.nn.functional.normalize(joints[:, child] - joints[:, parent], dim=-1)
            turned = between(joints.new_tensor(constants.axes[child]), bone, faithful)
            quats[child] = multiply(quat_conjugate(above), turned, faithful)
            above = multiply(above, quats[child], faithful)
    return torch.stack(quats, dim=1)


def chain_positions(
    quats: Float[Tensor, "*b J 4"],
    root: Float[Tensor, "*b 3"],
    offsets: Float[Tensor, "J 3"],
    constants: Constants,
    *,
    faithful: bool = True,
) -> Float[Tensor, "*b J 3"]:
    """Positions from chain rotations (the inverse of ``chain_rotations``)."""
    joints: list[Tensor] = [root] * constants.joints
    for chain in constants.chains:
        above = quats[..., 0, :]
        for parent, child in pairwise(chain):
            above = multiply(above, quats[..., child, :], faithful)
            joints[child] = joints[parent] + rotate(above, offsets[child], faithful)
    return torch.stack(joints, dim=-2)


def between(a: Float[Tensor, "*b 3"], b: Float[Tensor, "*c 3"], faithful: bool) -> Float[Tensor, "*d 4"]:
    """Shortest rotation, in float32 when faithful."""
    return quat_between(a.float(), b.float()) if faithful else quat_between(a, b)


def multiply(a: Float[Tensor, "*b 4"], b: Float[Tensor, "*c 4"], faithful: bool) -> Float[Tensor, "*d 4"]:
    """Quaternion product, in float32 when faithful."""
    return quat_multiply(a.float(), b.float()) if faithful else quat_multiply(a, b)


def rotate(quat: Float[Tensor, "*b 4"], vector: Float[Tensor, "*c 3"], faithful: bool) -> Float[Tensor, "*d 3"]:
    """Turn vectors, in float32 when faithful."""
    return quat_apply(quat.float(), vector.float()) if faithful else quat_apply(quat, vector)


def _on_the_floor(joints: Float[Tensor, "T J 3"]) -> Float[Tensor, "T J 3"]:
    """Lowest point of the clip at height 0, first root above the origin."""
    start = joints[0, 0] * joints.new_tensor([1.0, 0.0, 1.0])
    return joints - start - joints[..., 1].amin() * joints.new_tensor(_Y)


def _face_forward(joints: Float[Tensor, "T J 3"], constants: Constants, faithful: bool) -> Float[Tensor, "T J 3"]:
    if faithful:
        right_hip, left_hip, right_shoulder, left_shoulder = joints[0, list(constants.across)]
        facing = _forward_of(right_hip - left_hip + right_shoulder - left_shoulder)
    else:
        facing = _facing(joints, constants, True, False)[0]
    turn = between(facing, joints.new_tensor(_Z), faithful)
    return rotate(turn, joints, faithful)


def _facing(joints: Float[Tensor, "T J 3"], constants: Constants, smooth: bool, faithful: bool) -> Tensor:
    """Facing [T, 3] on the ground, of any length."""
    right_hip, left_hip, right_shoulder, left_shoulder = joints[:, list(constants.across)].unbind(1)
    # Published data was made with the hips taken the wrong way round; the wider shoulders decide.
    hips = left_hip - right_hip if faithful else right_hip - left_hip
    facing = _forward_of(hips + right_shoulder - left_shoulder)
    return _gaussian(facing) if smooth else facing


def _forward_of(across: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """Facing from a vector to the right; as long as that vector is level."""
    across = torch.nn.functional.normalize(across, dim=-1)
    up = across.new_tensor(_Y).expand_as(across)
    return torch.linalg.cross(up, across)


def _gaussian(track: Float[Tensor, "T C"]) -> Float[Tensor, "T C"]:
    """Gaussian filter over time, edge frames repeated."""
    radius = int(KERNEL_SIGMAS * FACING_SIGMA_FRAMES + 0.5)
    at = torch.arange(-radius, radius + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (at / FACING_SIGMA_FRAMES).square())
    kernel = (kernel / kernel.sum()).to(track)
    ends = [track[:1].expand(radius, -1), track, track[-1:].expand(radius, -1)]
    return torch.einsum("tck,k->tc", torch.cat(ends).unfold(0, 2 * radius + 1, 1), kernel)
