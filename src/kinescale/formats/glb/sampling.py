"""Sampling of glTF animations at even times: STEP, LINEAR and CUBICSPLINE.

glTF 2.0, section 3.11 "Animations" and appendix C "Animation sampler interpolation modes".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from kinescale.core.conventions import MAX_FPS, MAX_FRAMES, NATIVE_FPS
from kinescale.core.errors import InputError
from kinescale.formats.glb.container import Document
from kinescale.kinematics.rotations import quat_slerp

FREE_POSES, BYTES_A_POSE = 1_500_000, 16
"""Most frames times nodes: a constant, plus one per so many bytes of the file, against false key times."""
ROUNDING_S = 1e-6
ROUNDING = 2.4e-7
"""Times within these, absolutely or relatively, are equal: files store them as float32."""
SLOWEST_KEYS_FPS = 10.0
"""Keys farther apart than at this rate are key poses, not frames."""
COMMON_RATES = (*(float(rate) for rate in range(1, 241)), *(rate * 1000 / 1001 for rate in (24, 30, 48, 60, 120)))
RATE_TOLERANCE = 2e-4
WIDTH_OF = {"translation": ("VEC3", 3), "rotation": ("VEC4", 4), "scale": ("VEC3", 3)}
MODES = ("LINEAR", "STEP", "CUBICSPLINE")

Channels = dict[tuple[int, str], dict[str, Any]]
"""(node, path) -> its sampler."""


def choose(document: Document, wanted: int | str | None) -> dict[str, Any] | None:
    """The animation of that name or index, the first by default; ``None`` when the file has none."""
    animations = document.table("animations")
    if wanted is None:
        return animations[0] if animations else None
    names = [animation.get("name") for animation in animations]
    if wanted in names:
        return animations[names.index(wanted)]
    text = str(wanted)
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(animations):
        return animations[int(text)]
    known = ", ".join(f"{i} '{name}'" for i, name in enumerate(names[:20])) or "none"
    raise InputError(f"{document.path}: there is no animation '{wanted}'; it has {known}.")


def names_of(document: Document) -> list[str]:
    """Name of every animation: its own, or its number."""
    names = [animation.get("name") for animation in document.table("animations")]
    return [name if isinstance(name, str) and name.isprintable() and name else str(i) for i, name in enumerate(names)]


def read_channels(document: Document, animation: dict[str, Any] | None) -> Channels:
    """The channels that move nodes."""
    if animation is None:
        return {}
    samplers = document.objects(animation, "samplers", "the animation")
    count = len(document.table("nodes"))
    found: Channels = {}
    for number, channel in enumerate(document.objects(animation, "channels", "the animation")):
        where = f"channel {number}"
        target = channel.get("target")
        if not isinstance(target, dict):
            document.fail(f"{where} has no target.")
        path = target.get("path")
        if not isinstance(path, str) or path not in WIDTH_OF or "node" not in target:
            continue  # shapes, and what extensions animate
        node = document.index(target, "node", count, where)
        if (node, path) in found:
            document.fail(f"{where} moves the {path} of {document.node_name(node)} a second time.")
        found[node, path] = samplers[document.index(channel, "sampler", len(samplers), where)]
    return found


class Sampling:
    """Tracks of nodes at even times from the first key to the last.

    Parameters
    ----------
    document, channels : the file and the channels of the nodes that matter.
    nodes : number of nodes that will be sampled; bounds frames times nodes.
    fps : frames per second; ``None`` takes the most common spacing of keys.
    """

    def __init__(self, document: Document, channels: Channels, nodes: int, fps: float | None):
        self._document = document
        self._channels = channels
        self._keys: dict[int, np.ndarray] = {}
        self._plans: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for sampler in channels.values():
            self._times(sampler)
        first = min((float(keys[0]) for keys in self._keys.values()), default=0.0)
        last = max((float(keys[-1]) for keys in self._keys.values()), default=0.0)
        self.fps = fps or _common_fps(list(self._keys.values()))
        span = (last - first) * self.fps
        # float32 times of a long clip are rounded by parts of a frame
        frames = int(span + 1e-3 + ROUNDING * span) + 1
        most = min(MAX_FRAMES, (FREE_POSES + document.size // BYTES_A_POSE) // max(nodes, 1))
        if frames > most:
            shown = f"{last - first:g} s at {self.fps:g} frames per second"
            document.fail(f"its animation of {shown} is {frames} frames; expected at most {most}: give a lower fps.")
        self.times = first + np.arange(frames) / self.fps

    def moves(self, nodes: Iterable[int]) -> bool:
        """Whether any of the nodes has an animated translation or rotation."""
        return any((node, path) in self._channels for node in nodes for path in ("translation", "rotation"))

    def track(self, node: int, path: str) -> Float[np.ndarray, "T C"] | None:
        """A node's translation, unit rotation (xyzw) or scale at ``times``; ``None`` when nothing moves it."""
        sampler = self._channels.get((node, path))
        if sampler is None:
            return None
        keys = self._times(sampler)
        mode = sampler.get("interpolation", "LINEAR")
        if mode not in MODES:
            self._document.fail(f"a sampler interpolates by {str(mode)[:20]!r}; expected one of {', '.join(MODES)}.")
        kind, width = WIDTH_OF[path]
        number = self._document.index(sampler, "output", len(self._document.table("accessors")), "a sampler")
        values = self._document.accessor(number, (kind,), path)
        parts = 3 if mode == "CUBICSPLINE" else 1
        if len(values) != parts * len(keys):
            self._document.fail(f"accessor {number} has {len(values)} values for {len(keys)} keys of a {mode} sampler.")
        values = values.reshape(len(keys), parts, width)
        if path == "rotation":
            self._check_unit(values[:, parts // 2], number)
        made = _interpolate(keys, values, self._plan(sampler, keys), mode, path)
        return self._unit(made, number) if path == "rotation" else made

    def _times(self, sampler: dict[str, Any]) -> Float[np.ndarray, " K"]:
        document = self._document
        number = document.index(sampler, "input", len(document.table("accessors")), "a sampler")
        if number not in self._keys:
            keys = document.accessor(number, ("SCALAR",), "key times")[:, 0]
            if not len(keys) or bool((np.diff(keys) < 0).any()):
                document.fail(f"accessor {number} holds no increasing key times.")
            self._keys[number] = keys
        return self._keys[number]

    def _plan(self, sampler: dict[str, Any], keys: np.ndarray) -> tuple[Int[np.ndarray, " T"], Float[np.ndarray, " T"]]:
        """For every time the key before it and the weight of the next, 0 to 1; exactly 0 or 1 at a key."""
        number = sampler["input"]
        if number not in self._plans:
            self._plans = {number: _plan(keys, self.times)}  # neighbors mostly share their keys: one entry is cached
        return self._plans[number]

    def _check_unit(self, quats: np.ndarray, number: int) -> None:
        if bool((np.abs(quats).max(axis=-1) < 1e-6).any()):
            self._document.fail(f"accessor {number} holds a quaternion of zero length.")

    def _unit(self, quats: np.ndarray, number: int) -> np.ndarray:
        self._check_unit(quats, number)
        return quats / np.linalg.norm(quats, axis=-1, keepdims=True)


def _plan(keys: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(keys) == 1:
        return np.zeros(len(times), dtype=np.int64), np.zeros(len(times))
    before = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 2)
    start, stop = keys[before], keys[before + 1]
    near = ROUNDING_S + ROUNDING * np.abs(times)
    way = np.clip((times - start) / np.maximum(stop - start, 1e-12), 0.0, 1.0)
    way = np.where(stop - times <= near, 1.0, way)
    return before, np.where(np.abs(times - start) <= np.minimum(near, np.abs(stop - times)), 0.0, way)


def _interpolate(
    keys: np.ndarray, values: np.ndarray, plan: tuple[np.ndarray, np.ndarray], mode: str, path: str
) -> Float[np.ndarray, "T C"]:
    before, way = plan
    after = np.minimum(before + 1, len(keys) - 1)
    middle = values.shape[1] // 2
    points = values[:, middle]
    if mode == "STEP" or not bool(((way > 0) & (way < 1)).any()):
        return points[np.where(way == 1.0, after, before)]
    w = way[:, None]
    if mode == "CUBICSPLINE":
        span = (keys[after] - keys[before])[:, None]
        leave, arrive = span * values[before, 2], span * values[after, 0]
        cube, square = w**3, w**2
        start = (2 * cube - 3 * square + 1) * points[before] + (cube - 2 * square + w) * leave
        return start + (3 * square - 2 * cube) * points[after] + (cube - square) * arrive
    if path == "rotation":
        a, b = (torch.from_numpy(points[index]) for index in (before, after))
        unit = torch.nn.functional.normalize
        return quat_slerp(unit(a, dim=-1), unit(b, dim=-1), torch.from_numpy(way)).numpy()
    return (1 - w) * points[before] + w * points[after]


def _common_fps(keys: list[np.ndarray]) -> float:
    """Frames per second of the most common spacing of keys, rounded to a usual rate where it is near one."""
    steps = [np.diff(times) for times in keys if len(times) > 1]
    spacing = np.concatenate(steps) if steps else np.zeros(0)
    spacing = spacing[(spacing >= 1 / MAX_FPS) & (spacing <= 1 / SLOWEST_KEYS_FPS)]
    if not spacing.size:
        return NATIVE_FPS
    rounded, counts = np.unique(np.round(spacing, 4), return_counts=True)
    common = rounded[counts.argmax()]
    rate = 1 / float(spacing[np.abs(spacing - common) <= 1e-4].mean())
    nearest = min(COMMON_RATES, key=lambda usual: abs(usual - rate))
    return nearest if abs(nearest - rate) <= RATE_TOLERANCE * rate else min(round(rate, 6), MAX_FPS)
