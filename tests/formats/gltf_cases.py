"""glTF files as other programs make them, built by hand, and a naive twin that moves nodes with 4 x 4 matrices."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SUBTYPES = {"<f4": 5126, "<i2": 5122, "<i1": 5120, "<u2": 5123}
SHAPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


def container(document: dict[str, Any], binary: bytes = b"") -> bytes:
    """A GLB around a document."""
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


@dataclass
class Scene:
    """Nodes, one skin and one animation, given as plain values; ``glb()`` packs them."""

    nodes: list[dict[str, Any]]
    joints: list[int] | None
    channels: list[tuple[int, str, str, np.ndarray, np.ndarray]] = field(default_factory=list)
    kind: str = "<f4"
    stride: int | None = None
    asset: dict[str, Any] = field(default_factory=lambda: {"version": "2.0"})

    def glb(self) -> bytes:
        return container(*self.parts())

    def parts(self) -> tuple[dict[str, Any], bytes]:
        views: list[dict[str, Any]] = []
        accessors: list[dict[str, Any]] = []
        data = bytearray()

        def add(values: np.ndarray, kind: str = "<f4") -> int:
            table = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
            width = {48: 16, 12: 3}.get(table.shape[1], table.shape[1])
            if kind != "<f4":
                table = np.round(table * np.iinfo(kind).max)
            rows = table.astype(kind)
            view = {"buffer": 0, "byteOffset": len(data)}
            if self.stride and kind == "<f4":
                raw = np.zeros((len(rows), self.stride), dtype=np.uint8)
                raw[:, : rows.nbytes // len(rows)] = rows.view(np.uint8).reshape(len(rows), -1)
                data.extend(raw.tobytes())
                view["byteStride"] = self.stride
            else:
                data.extend(rows.tobytes())
            view["byteLength"] = len(data) - view["byteOffset"]
            data.extend(bytes(-len(data) % 4))
            views.append(view)
            accessor = {"bufferView": len(views) - 1, "componentType": SUBTYPES[kind], "type": SHAPES[width]}
            accessors.append({**accessor, "count": len(rows), "normalized": kind != "<f4"})
            return len(accessors) - 1

        samplers, channels = [], []
        for node, path, mode, times, values in self.channels:
            kind = self.kind if path == "rotation" else "<f4"
            flat = values.reshape(-1, values.shape[-1])
            samplers.append({"input": add(times), "output": add(flat, kind), "interpolation": mode})
            channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})
        document: dict[str, Any] = {
            "asset": self.asset,
            "nodes": self.nodes,
            "accessors": accessors,
            "bufferViews": views,
            "buffers": [{"byteLength": len(data)}],
        }
        if self.joints is not None:
            document["skins"] = [{"joints": self.joints}]
        if channels:
            document["animations"] = [{"name": "take", "samplers": samplers, "channels": channels}]
        return document, bytes(data)

    def save(self, path: Path) -> Path:
        path.write_bytes(self.glb())
        return path


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def matrix_of(quat: np.ndarray) -> np.ndarray:
    """Rotation matrix of a quaternion xyzw, element by element."""
    x, y, z, w = unit(quat)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def naive_value(mode: str, times: np.ndarray, values: np.ndarray, t: float) -> np.ndarray:
    """One sample, as appendix C of the specification writes it."""
    cubic = mode == "CUBICSPLINE"
    points = values[:, 1] if cubic else values
    if t <= times[0]:
        return points[0]
    if t >= times[-1]:
        return points[-1]
    k = int(np.searchsorted(times, t, side="right")) - 1
    span = times[k + 1] - times[k]
    s = (t - times[k]) / span
    if mode == "STEP":
        # a time within float32's rounding of a key is the key's
        return points[min(k + 1, len(points) - 1) if times[k + 1] - t < 1e-6 else k]
    if cubic:
        a = (2 * s**3 - 3 * s**2 + 1) * points[k] + span * (s**3 - 2 * s**2 + s) * values[k, 2]
        return a + (-2 * s**3 + 3 * s**2) * points[k + 1] + span * (s**3 - s**2) * values[k + 1, 0]
    if points.shape[-1] == 3:
        return (1 - s) * points[k] + s * points[k + 1]
    a, b = points[k], points[k + 1]
    b = b if a @ b >= 0 else -b
    angle = np.arccos(min(1.0, a @ b))
    return a if angle < 1e-9 else (np.sin((1 - s) * angle) * a + np.sin(s * angle) * b) / np.sin(angle)


def naive_world(scene: Scene, t: float) -> list[np.ndarray]:
    """World matrices of all nodes at a time."""
    tracks = {(node, path): (mode, times, values) for node, path, mode, times, values in scene.channels}
    local = []
    for number, node in enumerate(scene.nodes):
        if "matrix" in node:
            local.append(np.array(node["matrix"]).reshape(4, 4).T)
            continue
        parts = {}
        for path, default in (("translation", [0, 0, 0]), ("rotation", [0, 0, 0, 1]), ("scale", [1, 1, 1])):
            parts[path] = np.array(node.get(path, default), dtype=np.float64)
            if (number, path) in tracks:
                parts[path] = naive_value(*tracks[number, path], t)
        made = np.eye(4)
        made[:3, :3] = matrix_of(parts["rotation"]) * parts["scale"]
        made[:3, 3] = parts["translation"]
        local.append(made)
    world: list[np.ndarray | None] = [None] * len(local)

    def go(number: int, above: np.ndarray) -> None:
        world[number] = above @ local[number]
        for child in scene.nodes[number].get("children", []):
            go(child, world[number])  # type: ignore[arg-type]

    children = {child for node in scene.nodes for child in node.get("children", [])}
    for number in range(len(local)):
        if number not in children:
            go(number, np.eye(4))
    return world  # type: ignore[return-value]
