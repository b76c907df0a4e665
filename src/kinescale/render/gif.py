"""GIF animation: bodies over a floor of 1 m squares, followed by a smoothed camera.

One fixed palette for all frames, so that files stay small and equal motions give equal bytes. GIF counts time in
hundredths of a second: the rate is rounded to that.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageColor

from kinescale.render.base import Options
from kinescale.render.base.camera import COLORS, FAINT, INK, SHADOW
from kinescale.render.base.film import LINES, Cell, frames
from kinescale.render.base.scene import Scene
from kinescale.render.base.shapes import HEAD, RIM

SUFFIXES = (".gif",)

DEFAULT_FPS = 20.0
MAX_IMAGES = 300
"""Most frames of an animation: longer clips keep their duration and lose frames."""

CELLS = {1: 480, 2: 400, 3: 320, 4: 320}
SMALL_CELL = 240
"""Pixels of a square cell, by the number of motions."""

COLUMNS = 4


def encode(scenes: Sequence[Scene], options: Options) -> bytes:
    """Bytes of a GIF that loops forever; shorter motions hold their last frame."""
    delay, times = schedule(max(each.last_s for each in scenes), float(options.fps or DEFAULT_FPS))
    side = CELLS.get(len(scenes), SMALL_CELL)
    columns = min(COLUMNS, len(scenes))
    rows = -(-len(scenes) // columns)
    places = [Cell(side * (k % columns), side * (rows - 1 - k // columns), side, side) for k in range(len(scenes))]
    size = (side * columns, side * rows)
    palette = _palette()
    images = [
        Image.fromarray(picture[..., :3]).quantize(palette=palette, dither=Image.Dither.NONE)
        for picture in frames(scenes, times, places, size, options)
    ]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=10 * delay,
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def schedule(last_s: float, fps: float) -> tuple[int, Float[np.ndarray, " N"]]:
    """Hundredths of a second between images, and the times of the images."""
    delay = max(2, round(100 / fps), int(np.ceil(100 * last_s / (MAX_IMAGES - 1))))
    count = min(int(round(100 * last_s) / delay) + 1, MAX_IMAGES)
    return delay, np.arange(count) * delay / 100


def _palette() -> Image.Image:
    """Palette: all colors in use and their blends at anti-aliased edges, with the background and with rims."""
    entries = [(255.0, 255.0, 255.0)]
    # Pillow matches colors coarsely: blends close to white would become white
    shades = {**dict.fromkeys((INK, FAINT), 5), LINES: 3, SHADOW: 1}
    for name, count in shades.items():
        entries += _blends(_color(name), np.full(3, 255.0), count)
    for name in COLORS.values():
        entries += _blends(_color(name), _color(name) * RIM, 3)
        entries += _blends(_color(name) * RIM, np.full(3, 255.0), 5)
    entries += _blends(255 * np.array(HEAD), _color(COLORS["middle"]) * RIM, 4)
    image = Image.new("P", (1, 1))
    image.putpalette([round(float(value)) for entry in entries for value in entry])
    return image


def _color(name: str) -> np.ndarray:
    return np.array(ImageColor.getrgb(name), dtype=float)


def _blends(first: np.ndarray, second: np.ndarray, count: int) -> list[tuple[float, float, float]]:
    """``count`` colors from the first towards the second, which is left out."""
    mixed = [first + (second - first) * k / count for k in range(count)]
    return [(float(r), float(g), float(b)) for r, g, b in mixed]
