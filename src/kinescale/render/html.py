"""One self-contained page that plays motions in 3-D: turn it around, scrub, slow down; needs no network.

The page is ``player.html`` with the motions put in as JSON whose positions are base64 of little-endian int16.
Titles are never markup: they travel inside JSON with ``<``, ``>`` and ``&`` escaped and are shown as text.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from kinescale.render._scene import Scene
from kinescale.render.base import Options

SUFFIXES = (".html", ".htm")

STEPS = 32767
MAX_VALUES = 6_000_000
"""Coordinates in one page, about 16 MB; longer motions lose frames, and the notes say so."""

TITLE, DATA = "{{title}}", "{{data}}"


def encode(scenes: Sequence[Scene], options: Options) -> bytes:
    """The page, UTF-8."""
    values = sum(each.points.size for each in scenes)
    stride = max(1, -(-values // MAX_VALUES))
    page = files("kinescale.render").joinpath("player.html").read_text(encoding="utf-8")
    head, rest = page.split(TITLE)
    body, tail = rest.split(DATA)
    title = html.escape(" · ".join(each.title for each in scenes)[:300])
    return "".join((head, title, body, script_json([pack(each, stride) for each in scenes]), tail)).encode("utf-8")


def pack(each: Scene, stride: int = 1) -> dict[str, Any]:
    """One motion as the page reads it: position = centre + unit * int16; facing in 1/32767 of a half turn."""
    points = each.points[::stride]
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    centre = (low + high) / 2
    unit = max(float((high - low).max()) / 2 / STEPS, 1e-9)
    facing = None
    if each.facing is not None:
        turn = (each.facing[::stride] + np.pi) % (2 * np.pi) - np.pi
        facing = _base64(turn / np.pi * STEPS)
    notes = each.notes if stride == 1 else f"{each.notes}  ·  shown with one frame in {stride}"
    return {
        "title": each.title,
        "notes": notes,
        "fps": each.fps / stride,
        "frames": len(points),
        "points": points.shape[1],
        "body": each.body,
        "bones": [[bone.start, bone.end, bone.side] for bone in each.bones],
        "head": None if each.head is None else list(each.head),
        "centre": [round(float(c), 6) for c in centre],
        "unit": unit,
        "positions": _base64((points - np.round(centre, 6)) / unit),
        "facing": facing,
    }


def script_json(value: Any) -> str:
    """JSON that no script element or comment can be ended from within."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _base64(values: np.ndarray) -> str:
    whole = np.clip(np.round(values), -STEPS, STEPS).astype("<i2")
    return base64.b64encode(whole.tobytes()).decode("ascii")
