"""Answers of MMCP: one glTF 2.0 document with the request's joints as nodes and an animation per sample."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import kinescale
from kinescale.formats.glb.container import pack, pack_text
from kinescale.formats.glb.writer import Builder
from kinescale.kinematics.rotations import quat_continuous
from kinescale.motion.motion import Motion
from kinescale.server.jobs import Payload
from kinescale.server.mmcp.capabilities import VERSION
from kinescale.server.mmcp.checks import Asked
from kinescale.server.mmcp.keyframes import reduced
from kinescale.server.mmcp.making import Made
from kinescale.server.mmcp.skeleton import joint_map
from kinescale.server.motion_json import contacts_json, plain
from kinescale.skeletons.base import Skeleton

JSON_TYPE, BINARY_TYPE = "model/gltf+json", "model/gltf-binary"
NOTES_SINCE = 4
MAX_NOTES = 50


def document(asked: Asked, made: Made, canonical: Skeleton) -> tuple[dict[str, Any], bytes]:
    """The document and its buffer."""
    builder = Builder()
    animations = [_animation(builder, motion, asked, f"sample_{b}") for b, motion in enumerate(made.motions)]
    buffer = builder.buffer()
    joints = range(len(asked.skeleton))
    meta = plain(made.motions[0].meta)
    asset: dict[str, Any] = {"version": "2.0", "generator": f"Kinescale {kinescale.__version__}"}
    if meta.get("license"):
        asset["copyright"] = str(meta["license"])
    return {
        "asset": asset,
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": _nodes(asked),
        "skins": [{"joints": list(joints)}],
        "animations": animations,
        "accessors": builder.accessors,
        "bufferViews": builder.views,
        "buffers": [{"byteLength": len(buffer)}],
        "extensionsUsed": ["MMCP_motion"],
        "extensions": {"MMCP_motion": _extension(asked, made, canonical)},
    }, buffer


def answer(asked: Asked, made: Made, canonical: Skeleton, *, binary: bool) -> Payload:
    """The document as an answer: a GLB, or JSON with the data in it."""
    found, buffer = document(asked, made, canonical)
    if binary:
        return Payload(pack(found, buffer), BINARY_TYPE)
    return Payload(pack_text(found, buffer), JSON_TYPE)


def _nodes(asked: Asked) -> list[dict[str, Any]]:
    """A node per joint of the request, at rest as it was sent."""
    nodes = []
    for number, joint in enumerate(asked.request.skeleton.joints):
        node: dict[str, Any] = {"name": joint.name, "translation": joint.rest_translation}
        size = float(np.linalg.norm(joint.rest_rotation))
        node["rotation"] = [x / size for x in joint.rest_rotation] if size > 1e-6 else [0.0, 0.0, 0.0, 1.0]
        children = [child for child, parent in enumerate(asked.skeleton.parents) if parent == number]
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def _animation(builder: Builder, motion: Motion, asked: Asked, name: str) -> dict[str, Any]:
    """Dense tracks, or sparse ones where the request has a budget for it."""
    budget, frames = asked.options.keyframe_budget, range(len(motion))
    root, turns = (list(frames), [list(frames)] * len(asked.skeleton)) if budget is None else reduced(motion, budget)
    times = {keys: _times(builder, keys, asked.fps) for keys in {tuple(root), *map(tuple, turns)}}
    rotations = quat_continuous(motion.rotations).detach().float().cpu().numpy()
    tracks = [(0, "translation", tuple(root), motion.root.detach().float().cpu().numpy()[root])]
    tracks += [(joint, "rotation", tuple(keys), rotations[keys, joint]) for joint, keys in enumerate(turns)]
    samplers, channels = [], []
    for node, path, keys, values in tracks:
        (output,) = builder.add(np.ascontiguousarray(values))
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append({"input": times[keys], "output": output, "interpolation": "LINEAR"})
    return {"name": name, "channels": channels, "samplers": samplers}


def _times(builder: Builder, keys: tuple[int, ...], fps: float) -> int:
    seconds = (np.array(keys, dtype=np.float64) / fps).astype(np.float32)
    return builder.add(seconds, bounds=True)[0]


def _extension(asked: Asked, made: Made, canonical: Skeleton) -> dict[str, Any]:
    found: dict[str, Any] = {
        "version": VERSION,
        "model": asked.request.model,
        "fps": asked.fps,
        "samples": [_sample(motion, b, made.boundaries[b]) for b, motion in enumerate(made.motions)],
    }
    if asked.retargeted:
        found["canonical_to_request"] = joint_map(canonical, asked.skeleton)
    if made.notes and asked.minor >= NOTES_SINCE:
        found["notes"] = made.notes[:MAX_NOTES]
    return found


def _sample(motion: Motion, number: int, boundaries: tuple[int, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": f"sample_{number}",
        "num_frames": len(motion),
        "chunk_boundaries": [frame for frame in boundaries if 0 < frame < len(motion)],
    }
    contacts = contacts_json(motion)
    if contacts is not None:
        roles = motion.skeleton.roles
        found["foot_contacts"] = {roles[role]: [bool(one) for one in row] for role, row in contacts.items()}
    return found


def batch_answer(results: list[tuple[Payload | None, dict[str, Any] | None]]) -> bytes:
    """The answer of a batch: per item a document, or an error."""
    parts = [
        b'{"gltf":' + payload.body + b"}" if payload is not None else json.dumps({"error": error}).encode()
        for payload, error in results
    ]
    return b'{"results":[' + b",".join(parts) + b"]}"
