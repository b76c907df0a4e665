"""Motions to a glTF document: joint nodes, a skinned body, and one animation per motion.

glTF 2.0, sections 3.7 "Geometry" and 3.11 "Animations". The JSON is written directly: it has few records, and all
numbers are in one binary buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

import kinescale
from kinescale.core.errors import InputError
from kinescale.formats.glb.body import bind_rotations, make_body
from kinescale.formats.glb.container import COMPONENT_TYPES
from kinescale.io.sidecar import meta_problem, plain
from kinescale.kinematics.rotations import quat_continuous
from kinescale.motion.motion import Motion
from kinescale.motion.titles import titles
from kinescale.skeletons import Skeleton

EXTRAS, EXTRAS_VERSION = "kinescale", 1
VERTICES, TRIANGLES = 34962, 34963
GRAY = {
    "name": "gray",
    "pbrMetallicRoughness": {"baseColorFactor": [0.62, 0.64, 0.67, 1], "metallicFactor": 0, "roughnessFactor": 0.8},
}
MAX_LABEL = 60

_CODES = {np.dtype(kind): code for code, kind in COMPONENT_TYPES.items()}
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


class Builder:
    """Collects arrays in one buffer, with their buffer views and accessors."""

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, *arrays: np.ndarray, target: int | None = None, bounds: bool = False) -> list[int]:
        """Add arrays of one type and width ([N] or [N, C]) as one buffer view; returns their accessor numbers."""
        view = {"buffer": 0, "byteOffset": self._length, "byteLength": sum(array.nbytes for array in arrays)}
        self.views.append(view if target is None else {**view, "target": target})
        first, offset = len(self.accessors), 0
        for array in arrays:
            accessor: dict[str, Any] = {
                "bufferView": len(self.views) - 1,
                "byteOffset": offset,
                "componentType": _CODES[array.dtype],
                "count": len(array),
                "type": _KINDS[array.shape[1] if array.ndim == 2 else 1],
            }
            if bounds:
                table = array.reshape(len(array), -1)
                accessor |= {"min": table.min(axis=0).tolist(), "max": table.max(axis=0).tolist()}
            self.accessors.append(accessor)
            self._parts.append(np.ascontiguousarray(array).tobytes())
            offset += array.nbytes
        padding = -offset % 4
        self._parts.append(bytes(padding))
        self._length += offset + padding
        return list(range(first, len(self.accessors)))

    def buffer(self) -> bytes:
        """Everything added so far."""
        return b"".join(self._parts)


def build(motions: Sequence[Motion]) -> tuple[dict[str, Any], bytes]:
    """The document and its buffer. Raises ``InputError`` for no motion, or motions of different skeletons."""
    if not motions:
        raise InputError("no motion to write; expected at least one.")
    skeleton = motions[0].skeleton
    for motion in motions[1:]:
        if motion.skeleton != skeleton:
            raise InputError(
                f"one GLB holds motions of one skeleton; got '{skeleton.name}' and '{motion.skeleton.name}'."
            )
    builder = Builder()
    nodes, mesh, skin = _figure(builder, skeleton)
    labels = _labels(motions)
    animations = [_animation(builder, motion, label) for motion, label in zip(motions, labels)]
    buffer = builder.buffer()
    document = {
        "asset": _asset(motions),
        "scene": 0,
        "scenes": [{"nodes": [0, len(skeleton)]}],
        "nodes": [*nodes, {"name": "body", "mesh": 0, "skin": 0}],
        "meshes": [mesh],
        "materials": [GRAY],
        "skins": [skin],
        "animations": animations,
        "accessors": builder.accessors,
        "bufferViews": builder.views,
        "buffers": [{"byteLength": len(buffer)}],
    }
    return document, buffer


def _asset(motions: Sequence[Motion]) -> dict[str, Any]:
    """Asset record: generator, license as copyright, and the provenance common to all motions."""
    metas = [plain(motion.meta) for motion in motions]
    problem = next(filter(None, map(meta_problem, metas)), "")
    if problem:
        raise InputError(f"the motion cannot be written: {problem}.")
    shared = {
        key: value for key, value in metas[0].items() if all(key in meta and meta[key] == value for meta in metas)
    }
    asset: dict[str, Any] = {"version": "2.0", "generator": f"Kinescale {kinescale.__version__}"}
    if isinstance(shared.get("license"), str):
        asset["copyright"] = shared["license"]
    return {**asset, "extras": shared} if shared else asset


def _figure(builder: Builder, skeleton: Skeleton) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Joint nodes in the T-pose, the body's mesh, and the skin that binds it to them."""
    body = make_body(skeleton)
    nodes: list[dict[str, Any]] = [{"name": joint} for joint in skeleton.joints]
    for joint, (node, rotation) in enumerate(zip(nodes, bind_rotations(skeleton))):
        offset = skeleton.offsets[joint] if joint else body.joints_to_world[0, :3, 3]
        node["translation"] = offset.tolist()
        if abs(rotation[3]) < 1.0:
            node["rotation"] = rotation.tolist()
        if skeleton.children[joint]:
            node["children"] = list(skeleton.children[joint])
    inverse = np.linalg.inv(body.joints_to_world)
    inverse[:, 3] = (0.0, 0.0, 0.0, 1.0)
    (binds,) = builder.add(inverse.transpose(0, 2, 1).reshape(-1, 16).astype(np.float32))
    (points,) = builder.add(body.positions.astype(np.float32), target=VERTICES, bounds=True)
    (normals,) = builder.add(body.normals.astype(np.float32), target=VERTICES)
    four = np.zeros((len(body.joints), 4), dtype=np.uint8 if len(skeleton) <= 256 else np.uint16)
    four[:, 0] = body.joints
    (joints,) = builder.add(four, target=VERTICES)
    (weights,) = builder.add(np.eye(1, 4, dtype=np.float32).repeat(len(four), axis=0), target=VERTICES)
    # the largest uint16 is reserved: it restarts a primitive
    small = len(four) < np.iinfo(np.uint16).max
    (triangles,) = builder.add(body.triangles.ravel().astype(np.uint16 if small else np.uint32), target=TRIANGLES)
    attributes = {"POSITION": points, "NORMAL": normals, "JOINTS_0": joints, "WEIGHTS_0": weights}
    mesh = {"name": "body", "primitives": [{"attributes": attributes, "indices": triangles, "material": 0}]}
    skin = {
        "name": skeleton.name,
        "skeleton": 0,
        "joints": list(range(len(skeleton))),
        "inverseBindMatrices": binds,
        "extras": {EXTRAS: _skeleton_extras(skeleton)},
    }
    return nodes, mesh, skin


def _skeleton_extras(skeleton: Skeleton) -> dict[str, Any]:
    """Properties of a skeleton that nodes cannot hold."""
    return {
        "version": EXTRAS_VERSION,
        "joints": list(skeleton.joints),
        "roles": dict(skeleton.roles),
        "root_offset": skeleton.offsets[0].tolist(),
        "t_pose": None if skeleton.t_pose is None else skeleton.t_pose.tolist(),
        "ends": [[end.joint, *map(float, end.offset)] for end in skeleton.ends],
    }


def _labels(motions: Sequence[Motion]) -> list[str]:
    """Unique name for every animation: prompt or source, with its sample number."""
    sources = [motion.meta.get("source") for motion in motions]
    names = [" ".join(source.split())[:MAX_LABEL] if isinstance(source, str) else "" for source in sources]
    return titles(motions, [name or "motion" for name in names], longest=MAX_LABEL)


def _animation(builder: Builder, motion: Motion, label: str) -> dict[str, Any]:
    """LINEAR samplers: a rotation for every joint and a translation for the root, over shared times."""
    rotations = _smooth(motion.rotations)
    (times,) = builder.add((np.arange(len(motion)) / motion.fps).astype(np.float32), bounds=True)
    (root,) = builder.add(motion.root.detach().cpu().to(torch.float32).numpy())
    outputs = [root, *builder.add(*rotations)]
    targets = [(0, "translation"), *((joint, "rotation") for joint in range(len(rotations)))]
    return {
        "name": label,
        "samplers": [{"input": times, "output": output, "interpolation": "LINEAR"} for output in outputs],
        "channels": [
            {"sampler": sampler, "target": {"node": node, "path": path}} for sampler, (node, path) in enumerate(targets)
        ],
        "extras": {"fps": motion.fps, "meta": plain(motion.meta)},
    }


def _smooth(rotations: torch.Tensor) -> Float[np.ndarray, "J T 4"]:
    """Unit quaternions as float32, joint by joint, signs continuous so that LINEAR goes the short way."""
    quats = rotations.detach().cpu().double()
    quats = quat_continuous(quats / quats.norm(dim=-1, keepdim=True))
    return np.ascontiguousarray(quats.to(torch.float32).numpy().transpose(1, 0, 2))
