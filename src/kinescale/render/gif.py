"""An animation anyone can open: stick figures over a ground grid, followed by a calm camera.

Drawn by pillow at twice the size and shrunk, with one fixed palette for all frames, so that files stay small
and equal motions give equal bytes. GIF counts time in hundredths of a second: the rate is rounded to that.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageColor, ImageDraw, ImageFont

from kinescale.render._camera import COLOURS, FAINT, HEAD_RADIUS, INK, SHADOW, heading, project
from kinescale.render._scene import Scene
from kinescale.render.base import Options

SUFFIXES = (".gif",)

DEFAULT_FPS = 20.0
MAX_IMAGES = 300
"""Longer clips keep their length and lose frames, so that time and size stay bounded."""

CELLS = {1: 480, 2: 400, 3: 320, 4: 320}
SMALL_CELL = 240
"""Pixels of a square cell, by the number of motions."""

COLUMNS = 4
FINER = 2
LINES = "#c6ccd6"
GRID_STEP = 0.5
SMOOTH_S = 0.6
ELEVATION = np.deg2rad(20.0)


@dataclass(frozen=True)
class View:
    """One motion at the times of the images: points, facing, body path, camera centre, pixels a metre."""

    scene: Scene
    points: Float[np.ndarray, "N P 3"]
    facing: Float[np.ndarray, " N"] | None
    path: Float[np.ndarray, "N 3"]
    centre: Float[np.ndarray, "N 3"]
    scale: float
    size: int


def encode(scenes: Sequence[Scene], options: Options) -> bytes:
    """The GIF file, looping for ever; shorter motions wait at their end for the longest."""
    delay, times = schedule(max(each.last_s for each in scenes), float(options.fps or DEFAULT_FPS))
    size = CELLS.get(len(scenes), SMALL_CELL)
    views = [_view(each, times, size) for each in scenes]
    columns = min(COLUMNS, len(views))
    rows = -(-len(views) // columns)
    palette = _palette()
    images = []
    for frame in range(len(times)):
        sheet = Image.new("RGB", (size * columns, size * rows), "white")
        for k, view in enumerate(views):
            sheet.paste(_cell(view, frame, float(times[frame])), (size * (k % columns), size * (k // columns)))
        images.append(sheet.quantize(palette=palette, dither=Image.Dither.NONE))
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


def _view(each: Scene, times: Float[np.ndarray, " N"], size: int) -> View:
    points, facing = each.at(times)
    path = points[:, each.body] * np.array([1.0, 0.0, 1.0])
    step = float(times[1] - times[0]) if len(times) > 1 else 1.0
    centre = smooth(path, SMOOTH_S / step)
    page = project(points - centre[:, None], ELEVATION)
    reach = max(float(np.abs(page[..., 0]).max()), 0.9)
    tall = max(float(page[..., 1].max()), 1.6) + 0.55
    scale = size * min(0.46 / reach, 0.80 / tall)
    return View(each, points, facing, path, centre, scale, size)


def smooth(track: Float[np.ndarray, "N 3"], width: float) -> Float[np.ndarray, "N 3"]:
    """A Gaussian mean over time of ``width`` samples' deviation; the ends are held."""
    reach = int(np.ceil(3 * width))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 1e-6)) ** 2)
    padded = np.pad(track, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(padded[:, k], weights / weights.sum(), mode="valid") for k in range(3)]
    return np.stack(columns, axis=-1)


def _cell(view: View, frame: int, seconds: float) -> Image.Image:
    size = view.size * FINER
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    centre = view.centre[frame]

    def place(points: Float[np.ndarray, "N 3"]) -> list[tuple[float, float]]:
        page = project(points - centre, ELEVATION)[..., :2] * view.scale * FINER
        return [(size / 2 + float(x), 0.80 * size - float(y)) for x, y in page]

    pixel = size / 480
    for line in _grid(centre, 0.75 * view.size / view.scale):
        draw.line(place(line), fill=LINES, width=round(1.2 * pixel))
    draw.line(place(view.path[: frame + 1]), fill=FAINT, width=round(2 * pixel), joint="curve")
    points = view.points[frame]
    flat, ground = place(points), place(points * np.array([1.0, 0.0, 1.0]))
    for bone in view.scene.bones:
        _stroke(draw, ground[bone.start], ground[bone.end], SHADOW, 7 * pixel)
    if view.facing is not None:
        _arrow(draw, place(view.path[frame] + np.outer([0.0, 0.42], heading(view.facing[frame]))), pixel)
    near = project(points, ELEVATION)[:, 2]
    for bone in sorted(view.scene.bones, key=lambda b: float(near[b.start] + near[b.end])):
        _stroke(draw, flat[bone.start], flat[bone.end], COLOURS[bone.side], 6 * pixel)
    if not view.scene.bones:
        for point in flat:
            _stroke(draw, point, point, COLOURS["middle"], 9 * pixel)
    if view.scene.head is not None:
        (ax, ay), (bx, by) = (flat[k] for k in view.scene.head)
        x, y, r = (ax + bx) / 2, (ay + by) / 2, HEAD_RADIUS * view.scale * FINER
        draw.ellipse((x - r, y - r, x + r, y + r), fill="white", outline=COLOURS["middle"], width=round(4 * pixel))
    _captions(draw, view, seconds, size)
    return image.resize((view.size, view.size), Image.Resampling.BOX)


def _grid(centre: Float[np.ndarray, 3], reach: float) -> list[Float[np.ndarray, "2 3"]]:
    # Lines stay where they are in the world, so that the floor passes under a walking figure.
    lines = []
    for axis, other in ((0, 2), (2, 0)):
        first = int(np.ceil((centre[axis] - reach) / GRID_STEP))
        last = int(np.floor((centre[axis] + reach) / GRID_STEP))
        for k in range(first, last + 1):
            line = np.zeros((2, 3))
            line[:, axis] = k * GRID_STEP
            line[:, other] = centre[other] - reach, centre[other] + reach
            lines.append(line)
    return lines


def _stroke(
    draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], colour: str, width: float
) -> None:
    draw.line((start, end), fill=colour, width=round(width))
    for x, y in (start, end):
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)


def _arrow(draw: ImageDraw.ImageDraw, ends: list[tuple[float, float]], pixel: float) -> None:
    (ax, ay), (bx, by) = ends
    draw.line((ax, ay, bx, by), fill=INK, width=round(2 * pixel))
    along = np.array([bx - ax, by - ay])
    along = along / max(float(np.linalg.norm(along)), 1e-9) * 9 * pixel
    across = np.array([-along[1], along[0]]) * 0.45
    back = np.array([bx, by]) - along
    draw.polygon([(bx, by), tuple(back + across), tuple(back - across)], fill=INK)


def _captions(draw: ImageDraw.ImageDraw, view: View, seconds: float, size: int) -> None:
    large, small = _font(round(size / 30)), _font(round(size / 38))
    lines = textwrap.wrap(view.scene.title, 54, max_lines=2, placeholder=" …")
    draw.multiline_text((size * 0.035, size * 0.03), "\n".join(lines), fill=INK, font=large, spacing=size * 0.008)
    last = view.scene.last_s
    now = min(seconds, last)
    draw.text((size * 0.035, size * 0.972), f"{now:.1f} / {last:.1f} s", fill=FAINT, font=small, anchor="ls")
    left, right, y = size * 0.24, size * 0.965, size * 0.962
    draw.line((left, y, right, y), fill=LINES, width=round(size / 160))
    draw.line(
        (left, y, left + (right - left) * (now / last if last > 0 else 1.0), y),
        fill=FAINT,
        width=round(size / 160),
    )


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    # The font matplotlib carries knows more scripts than the one pillow carries.
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def _palette() -> Image.Image:
    """Every colour in use and its blends with the paper, which is all that smoothing makes in quantity."""
    entries = [(255, 255, 255)]
    # Pillow matches coarsely: blends close to white would be taken for white itself.
    shades = {**dict.fromkeys((*COLOURS.values(), INK, FAINT), 5), LINES: 2, SHADOW: 1}
    for name, count in shades.items():
        colour = np.array(ImageColor.getrgb(name), dtype=float)
        for k in range(count):
            red, green, blue = (int(v) for v in np.round(colour + (255 - colour) * k / count))
            entries.append((red, green, blue))
    image = Image.new("P", (1, 1))
    image.putpalette([value for entry in entries for value in entry])
    return image
