"""Bind pose of a glTF skin, and the humanoid bones of VRM files.

glTF 2.0, section 3.7.3 "Skins": the inverse of a joint's inverse bind matrix is its transform when the skin was bound,
mostly in a T-pose or an A-pose. VRM 0.x (extension ``VRM``), VRM 1.0 (``VRMC_vrm``) and VRM animations
(``VRMC_vrm_animation``) list the bones of a person by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from kinescale.formats.glb.container import Document
from kinescale.formats.glb.joint_tracks import JointTracks
from kinescale.formats.glb.nodes import EVEN, Rig
from kinescale.kinematics.rotations import matrix_to_quat, quat_conjugate, quat_multiply

BONES = {
    "hips": "hips",
    "neck": "neck",
    "head": "head",
    **{
        f"{side}{bone}": f"{side}_{role}"
        for side in ("left", "right")
        for bone, role in (
            ("Shoulder", "collar"),
            ("UpperArm", "shoulder"),
            ("LowerArm", "elbow"),
            ("Hand", "wrist"),
            ("UpperLeg", "hip"),
            ("LowerLeg", "knee"),
            ("Foot", "ankle"),
            ("Toes", "toes"),
        )
    },
}
"""Bone of a VRM humanoid -> role, except the spine."""
SPINE = ("spine", "chest", "upperChest")
MAX_BONES = 128
SAME = 1e-4
"""Bind rotations this near to the nodes' own are the same."""


def bind_pose(document: Document, rig: Rig, parts: JointTracks) -> Float[np.ndarray, "J 4"] | None:
    """Local rotations xyzw of the bind pose; ``None`` where it is unknown or the same as the nodes' rest pose."""
    if "inverseBindMatrices" not in rig.skin:
        return None
    joints = rig.skin.get("joints", [])
    number = document.index(rig.skin, "inverseBindMatrices", len(document.table("accessors")), "the skin")
    matrices = document.accessor(number, ("MAT4",), "inverse bind matrices")
    if len(matrices) < len(joints):
        return None
    # column-major: the rows of what is read are columns; the inverse of a rotation is its transpose
    linear = matrices.reshape(-1, 4, 4)[: len(joints), :3, :3]
    scale = np.linalg.norm(linear, axis=1, keepdims=True)
    if not scale.min() > 0:
        return None
    turns = linear / scale
    if np.abs(np.swapaxes(turns, 1, 2) @ turns - np.eye(3)).max() > 10 * EVEN or not (np.linalg.det(turns) > 0).all():
        return None
    bound = dict(zip(joints, matrix_to_quat(torch.from_numpy(turns.copy())), strict=False))
    node_of = {name: chain[-1] for name, chain in zip(rig.names, rig.chains, strict=True) if chain}
    world: list[torch.Tensor] = []
    rest = torch.from_numpy(parts.rest_turns.astype(np.float64))
    local = rest.clone()
    for joint, (name, parent) in enumerate(zip(parts.names, parts.parents, strict=True)):
        node = node_of.get(name)
        above = world[parent] if parent >= 0 else None
        if node in bound:
            local[joint] = bound[node] if above is None else quat_multiply(quat_conjugate(above), bound[node])
        world.append(local[joint] if above is None else quat_multiply(above, local[joint]))
    apart = 1 - (local[1:] * rest[1:]).sum(-1).abs()
    return None if len(apart) and float(apart.max()) < SAME else local.numpy()


def human_bones(document: Document) -> dict[str, int]:
    """VRM bone -> node; empty for other files."""
    extensions = document.json.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    for name in ("VRMC_vrm", "VRMC_vrm_animation", "VRM"):
        extension = extensions.get(name)
        humanoid = extension.get("humanoid") if isinstance(extension, dict) else None
        bones = humanoid.get("humanBones") if isinstance(humanoid, dict) else None
        found = _checked(document, bones)
        if found:
            return found
    return {}


def _checked(document: Document, bones: Any) -> dict[str, int]:
    """Valid entries of ``humanBones``: a mapping by bone (VRM 1.0) or a list (VRM 0.x)."""
    if isinstance(bones, list):
        bones = {b["bone"]: b for b in bones[:MAX_BONES] if isinstance(b, dict) and isinstance(b.get("bone"), str)}
    if not isinstance(bones, dict) or len(bones) > MAX_BONES:
        return {}
    count = len(document.table("nodes"))
    found: dict[str, int] = {}
    for bone, entry in bones.items():
        node = entry.get("node") if isinstance(entry, dict) else None
        if type(node) is int and 0 <= node < count and node not in found.values():
            found[bone] = node
    return found


def roles_of_bones(bones: Mapping[str, int], rig: Rig) -> dict[str, str]:
    """Role -> joint for the bones of a VRM file that are joints."""
    joint_of = {chain[-1]: name for chain, name in zip(rig.chains, rig.names, strict=True) if chain}
    spine = [bone for bone in SPINE if bones.get(bone) in joint_of]
    roles = {"spine1": spine[:1], "spine2": spine[1:2] if len(spine) > 2 else [], "spine3": spine[-1:]}
    named = {role: found[0] for role, found in roles.items() if found and not (role == "spine1" and len(spine) < 2)}
    wanted = {**{role: bone for bone, role in BONES.items()}, **named}
    return {role: joint_of[bones[bone]] for role, bone in wanted.items() if bone in bones and bones[bone] in joint_of}
