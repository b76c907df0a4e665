"""Self-contained HTML page that plays motions in 3-D: orbit, scrub, slow motion, coarse-to-fine stages.

The page is ``player.html`` (built from ``web/player`` and ``web/shared``) with the motions put in as JSON: the body's
path in float32, points around it in int16 steps far below a millimeter, base64. Titles are never markup: they are JSON
strings with ``<``, ``>`` and ``&`` escaped, shown as text. The page's content security policy allows no requests and
no other script.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from kinescale.render.base import Options
from kinescale.render.base.scene import Scene
from kinescale.render.base.sides import LEFT, RIGHT

SUFFIXES = (".html", ".htm")
SHOWS_STAGES = True

STEPS = 32767
MAX_VALUES = 6_000_000
"""Most coordinates in one page, about 16 MB; longer motions lose frames, with a note."""

MAX_FOOTPRINTS = 1000
"""Of one motion; later ones are left out."""

SIDE_NUMBERS = {LEFT: 0, RIGHT: 1}
MIDDLE_NUMBER = 2

TITLE, DATA = "{{title}}", "{{data}}"


def encode(scenes: Sequence[Scene], options: Options) -> bytes:
    """Bytes of the page, UTF-8."""
    values = sum(track.points.size for each in scenes for track in _tracks(each))
    stride = max(1, -(-values // MAX_VALUES))
    page = files("kinescale.render").joinpath("player.html").read_text(encoding="utf-8")
    head, rest = page.split(TITLE)
    body, tail = rest.split(DATA)
    title = html.escape(" · ".join(each.title for each in scenes)[:300])
    return "".join((head, title, body, script_json([pack(each, stride) for each in scenes]), tail)).encode("utf-8")


def pack(each: Scene, stride: int = 1) -> dict[str, Any]:
    """One motion as JSON of the page: common data, then its tracks, coarse to fine."""
    labels = [label for label, _ in each.stages] or [""]
    tracks = [_pack_track(track, label, stride) for label, track in zip(labels, _tracks(each), strict=True)]
    return {
        "title": each.title,
        "notes": each.notes if stride == 1 else f"{each.notes}  ·  shown with one frame in {stride}",
        "fps": each.fps / stride,
        "frames": -(-len(each) // stride),
        "points": each.points.shape[1],
        "size": round(each.size, 4),
        "bones": [
            [bone.start, bone.end, SIDE_NUMBERS.get(bone.side, MIDDLE_NUMBER), *bone.thickness] for bone in each.bones
        ],
        "head": None if each.head is None else list(each.head),
        "tracks": tracks,
    }


def _tracks(each: Scene) -> list[Scene]:
    return [track for _, track in each.stages] or [each]


def _pack_track(each: Scene, label: str, stride: int) -> dict[str, Any]:
    """Position = (path x, 0, path z) + unit * int16; directions in 1/32767, facing in 1/32767 of a half turn."""
    points = each.points[::stride]
    path = points[:, each.body, [0, 2]].astype("<f4")
    around = points.copy()
    around[..., [0, 2]] -= path[:, None].astype(np.float64)
    unit = max(float(np.abs(around).max()) / STEPS, 1e-9)
    facing = None
    if each.facing is not None:
        turn = (each.facing[::stride] + np.pi) % (2 * np.pi) - np.pi
        facing = _base64(turn / np.pi * STEPS)
    marks = [
        [SIDE_NUMBERS[m.side], *(round(v, 3) for v in (m.x, m.z, m.yaw)), m.first // stride]
        for m in each.footprints()[:MAX_FOOTPRINTS]
    ]
    return {
        "label": label,
        "path": base64.b64encode(path.tobytes()).decode("ascii"),
        "unit": unit,
        "positions": _base64(around / unit),
        "facing": facing,
        "face": None if each.face is None else _base64(each.face[::stride] * STEPS),
        "footprints": marks,
    }


def script_json(value: Any) -> str:
    """JSON for a script element, escaped so that it cannot end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _base64(values: np.ndarray) -> str:
    whole = np.clip(np.round(values), -STEPS, STEPS).astype("<i2")
    return base64.b64encode(whole.tobytes()).decode("ascii")
