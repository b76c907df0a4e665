"""Frame rendering for GIF and MP4: bodies over a floor of 1 m squares, captions, a clock; one cell per motion.

Drawn directly with Agg, matplotlib's anti-aliasing rasterizer: some milliseconds per frame.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path as Outline
from matplotlib.transforms import Bbox, IdentityTransform
from PIL import Image, ImageDraw, ImageFont

from kinescale.render.base import Options
from kinescale.render.base.camera import FAINT, INK, axes, heading
from kinescale.render.base.scene import Scene
from kinescale.render.base.shapes import GRAY, body_shapes, rgb, shadow_outlines

ELEVATION = np.deg2rad(18.0)
SMOOTH_S = 0.6
LINES = "#c6ccd6"
GRID_M = 4
"""Meters of floor drawn around the middle of the view."""

ABOVE, BELOW = 0.13, 0.08
"""Shares of a cell's height that the title and the clock take."""

LOW = 0.3
"""Share of the remaining height that is below the body."""

RGBA = UInt8[np.ndarray, "H W 4"]


class Cell(NamedTuple):
    """A motion's part of the picture, pixels from the bottom left."""

    left: int
    bottom: int
    width: int
    height: int


@dataclass(frozen=True)
class View:
    """One motion at the times of the frames in page coordinates: pixels right and up, and depth.

    ``center``: point on the floor that the camera looks at, meters; ``origin``: its position on the page. ``scale``:
    pixels per meter. ``path``: position of the body on the floor, meters. ``face``: direction of the head on the page.
    """

    scene: Scene
    cell: Cell
    points: Float[np.ndarray, "N P 3"]
    center: Float[np.ndarray, "N 3"]
    origin: Float[np.ndarray, 3]
    scale: float
    facing: Float[np.ndarray, " N"] | None
    path: Float[np.ndarray, "N 3"]
    face: Float[np.ndarray, "N 3"] | None

    def place(self, points: Float[np.ndarray, "*b 3"], frame: int) -> Float[np.ndarray, "*b 3"]:
        """Page coordinates of world points in one frame."""
        return (points - self.center[frame]) @ axes(elevation=ELEVATION).T * self.scale + self.origin

    def dropped(self, frame: int) -> Float[np.ndarray, "P 3"]:
        """Page coordinates of the points projected onto the floor."""
        back = (self.points[frame] - self.origin) / self.scale @ axes(elevation=ELEVATION) + self.center[frame]
        return self.place(back * np.array([1.0, 0.0, 1.0]), frame)


def cells(count: int, width: int, height: int) -> list[Cell]:
    """Cells of equal size that divide a picture, row by row from the top left, as square as possible."""
    wanted = math.sqrt(count * width / height * 1.4)
    columns = min(count, max(1, round(wanted)))
    rows = -(-count // columns)
    columns = -(-count // rows)
    wide, tall = width // columns, height // rows
    return [Cell(wide * (k % columns), height - tall * (k // columns + 1), wide, tall) for k in range(count)]


def frames(
    scenes: Sequence[Scene],
    times: Float[np.ndarray, " N"],
    places: Sequence[Cell],
    size: tuple[int, int],
    options: Options,
) -> Iterator[RGBA]:
    """Iterator of pictures, one per time. All items are the same buffer, redrawn: use each before the next."""
    views = _views(scenes, times, places, options)
    renderer = RendererAgg(*size, 100)
    buffer = np.asarray(renderer.buffer_rgba())
    paper = _paper(views, size)
    for frame, seconds in enumerate(times):
        buffer[:] = paper
        for view in views:
            _draw(renderer, view, frame)
            _clock(renderer, buffer, view, float(seconds))
        yield buffer


def _views(
    scenes: Sequence[Scene], times: Float[np.ndarray, " N"], places: Sequence[Cell], options: Options
) -> list[View]:
    looks = [_look(each, times, options) for each in scenes]
    rooms = [_room(page, each.size) for (page, _), each in zip(looks, scenes, strict=True)]
    # One scale for all, so that sizes can be compared.
    scale = min(_scale(room, cell) for room, cell in zip(rooms, places, strict=True))
    views = []
    for each, cell, (page, center), room in zip(scenes, places, looks, rooms, strict=True):
        points, facing = each.at(times)
        path = points[:, each.body] * np.array([1.0, 0.0, 1.0])
        face = None if each.face is None else each.face[_nearest(each, times)] @ axes(elevation=ELEVATION).T
        spare = (1 - ABOVE - BELOW) * cell.height - (room.tall + room.deep) * scale
        up = cell.bottom + BELOW * cell.height + room.deep * scale + LOW * spare
        origin = np.array([cell.left + cell.width / 2, up, 0.0])
        views.append(View(each, cell, page * scale + origin, center, origin, scale, facing, path, face))
    return views


def _nearest(each: Scene, times: Float[np.ndarray, " N"]) -> np.ndarray:
    return np.clip(np.round(np.asarray(times) * each.fps), 0, len(each) - 1).astype(int)


def _look(
    each: Scene, times: Float[np.ndarray, " N"], options: Options
) -> tuple[Float[np.ndarray, "N P 3"], Float[np.ndarray, "N 3"]]:
    """Points in camera coordinates, meters, and the point that the camera looks at."""
    points, _ = each.at(times)
    path = points[:, each.body] * np.array([1.0, 0.0, 1.0])
    step = float(times[1] - times[0]) if len(times) > 1 else 1.0
    center = smooth(path, SMOOTH_S / step)
    if options.camera == "still":
        seen = path @ axes(elevation=ELEVATION).T
        middle = (seen.min(axis=0) + seen.max(axis=0)) / 2 @ axes(elevation=ELEVATION)
        center = np.broadcast_to(middle * np.array([1.0, 0.0, 1.0]), path.shape)
    return (points - center[:, None]) @ axes(elevation=ELEVATION).T, center


class _Room(NamedTuple):
    """Extent of a motion beside, above and below the camera's center, meters on the page."""

    half: float
    tall: float
    deep: float


def _room(page: Float[np.ndarray, "N P 3"], size: float) -> _Room:
    return _Room(
        half=max(float(np.abs(page[..., 0]).max()) + 0.25 * size, 0.8 * size),
        tall=max(float(page[..., 1].max()) + 0.15 * size, 1.7 * size),
        deep=max(-float(page[..., 1].min()) + 0.1 * size, 0.2 * size),
    )


def _scale(room: _Room, cell: Cell) -> float:
    return min(0.5 * cell.width / room.half, (1 - ABOVE - BELOW) * cell.height / (room.tall + room.deep))


def smooth(track: Float[np.ndarray, "N 3"], width: float) -> Float[np.ndarray, "N 3"]:
    """Gaussian smoothing over time with a sigma of ``width`` samples; ends are repeated."""
    reach = int(np.ceil(3 * width))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 1e-6)) ** 2)
    padded = np.pad(track, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(padded[:, k], weights / weights.sum(), mode="valid") for k in range(3)]
    return np.stack(columns, axis=-1)


def _draw(renderer: RendererAgg, view: View, frame: int) -> None:
    pen = renderer.new_gc()
    cell = view.cell
    pen.set_clip_rectangle(Bbox.from_bounds(cell.left, cell.bottom, cell.width, cell.height))
    pixel = max(0.6, min(cell.width, cell.height) / 480)
    _floor(renderer, pen, view, frame, pixel)
    page, each = view.points[frame], view.scene
    if each.bones:
        _fill(renderer, pen, shadow_outlines(each, view.dropped(frame)[:, :2], view.scale), GRAY)
    _line(renderer, pen, [view.place(view.path[: frame + 1][_few(frame + 1)], frame)[:, :2]], FAINT, 1.8 * pixel)
    if view.facing is not None:
        _arrow(renderer, pen, view, frame)
    pen.set_linewidth(0.9 * pixel)
    face = None if view.face is None else view.face[frame]
    for shape in body_shapes(each, page, face, view.scale):
        pen.set_foreground((*shape.rim, 1.0), isRGBA=True)
        renderer.draw_path(pen, _closed(shape.outline), IdentityTransform(), shape.fill)


def _few(count: int, most: int = 600) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _floor(renderer: RendererAgg, pen: GraphicsContextBase, view: View, frame: int, pixel: float) -> None:
    # lines are fixed in the world, so that the floor moves under a walking figure; they fade outwards
    middle = view.center[frame]
    reach = max(GRID_M, math.ceil(0.4 * max(view.cell.width, view.cell.height) / view.scale))
    unit = max(1, round(reach / 12))
    steps = np.arange(-reach, reach + 1, unit)
    base = np.round(middle / unit) * unit
    lines = []
    for axis, other in ((0, 2), (2, 0)):
        ends = np.zeros((len(steps), len(steps) - 1, 2, 3))
        ends[..., axis] = (base[axis] + steps)[:, None, None]
        ends[..., 0, other] = base[other] + steps[:-1]
        ends[..., 1, other] = base[other] + steps[1:]
        lines.append(ends.reshape(-1, 2, 3))
    segments = np.concatenate(lines)
    away = np.linalg.norm(segments.mean(axis=1) - middle, axis=-1) / reach
    placed = view.place(segments, frame)[..., :2]
    shades = 4
    for k in range(shades):
        chosen = placed[(away >= k / shades) & (away < (k + 1) / shades)]
        share = 1 - k / shades
        red, green, blue = (1 - share * (1 - value) for value in rgb(LINES))
        _line(renderer, pen, chosen, (red, green, blue), 1.1 * pixel)


def _arrow(renderer: RendererAgg, pen: GraphicsContextBase, view: View, frame: int) -> None:
    assert view.facing is not None
    size = view.scene.size
    ahead, left = heading(view.facing[frame]), heading(view.facing[frame] + np.pi / 2)
    tip, back, wing = 0.5 * size, 0.34 * size, 0.06 * size
    corners = np.stack(
        [ahead * tip, ahead * back + left * wing, ahead * (back + 0.04 * size), ahead * back - left * wing]
    )
    outline = view.place(view.path[frame] + corners, frame)[:, :2]
    _fill(renderer, pen, outline[None], rgb(INK))


def _line(
    renderer: RendererAgg,
    pen: GraphicsContextBase,
    lines: Sequence[np.ndarray] | np.ndarray,
    color: str | tuple[float, float, float],
    width: float,
) -> None:
    many = [line for line in lines if len(line) > 1]
    if not many:
        return
    codes = np.concatenate([[Outline.MOVETO, *[Outline.LINETO] * (len(line) - 1)] for line in many])
    pen.set_linewidth(width)
    pen.set_foreground((*(rgb(color) if isinstance(color, str) else color), 1.0), isRGBA=True)
    renderer.draw_path(pen, Outline(np.concatenate(many), codes), IdentityTransform(), None)


def _fill(
    renderer: RendererAgg,
    pen: GraphicsContextBase,
    outlines: Float[np.ndarray, "B K 2"],
    color: tuple[float, float, float],
) -> None:
    # one path of outlines with the same orientation: their union is filled once
    many, points, _ = outlines.shape
    codes = np.tile([Outline.MOVETO, *[Outline.LINETO] * (points - 1)], many)
    pen.set_linewidth(0.0)
    renderer.draw_path(pen, Outline(outlines.reshape(-1, 2), codes), IdentityTransform(), color)


def _closed(outline: Float[np.ndarray, "K 2"]) -> Outline:
    return Outline(np.concatenate([outline, outline[:1]]), closed=True)


def _paper(views: Sequence[View], size: tuple[int, int]) -> RGBA:
    """Background of all frames: white, titles, lines between cells."""
    height = size[1]
    image = Image.new("RGBA", size, "white")
    draw = ImageDraw.Draw(image)
    for view in views:
        cell = view.cell
        top = height - cell.bottom - cell.height
        large = max(9, round(min(cell.width / 26, cell.height / 28)))
        room = max(12, int(0.94 * cell.width / (0.56 * large)))
        lines = textwrap.wrap(view.scene.title, room, max_lines=2, placeholder=" …")
        spot = (cell.left + 0.03 * cell.width, top + 0.02 * cell.height)
        draw.multiline_text(spot, "\n".join(lines), fill=INK, font=font(large), spacing=large * 0.25)
        if cell.left:
            draw.line((cell.left, top, cell.left, top + cell.height), fill=LINES)
        if top:
            draw.line((cell.left, top, cell.left + cell.width, top), fill=LINES)
    return np.asarray(image)


def _clock(renderer: RendererAgg, buffer: RGBA, view: View, seconds: float) -> None:
    cell, last = view.cell, view.scene.last_s
    now = min(seconds, last)
    tall = max(9, round(min(cell.width / 32, cell.height / 34)))
    words = _words(f"{now:.1f} / {last:.1f} s", tall)
    left, below = round(cell.left + 0.03 * cell.width), round(cell.bottom + 0.02 * cell.height)
    wide = min(words.shape[1], cell.width - round(0.03 * cell.width))
    top = buffer.shape[0] - below - words.shape[0]
    buffer[top : top + words.shape[0], left : left + wide, :3] = words[:, :wide]
    start, end = left + words.shape[1] + 0.02 * cell.width, cell.left + 0.97 * cell.width
    if end <= start:
        return
    pen = renderer.new_gc()
    pen.set_capstyle("round")
    level = below + words.shape[0] / 2
    share = now / last if last > 0 else 1.0
    thick = max(2.0, tall / 4)
    _line(renderer, pen, [np.array([[start, level], [end, level]])], LINES, thick)
    _line(renderer, pen, [np.array([[start, level], [start + (end - start) * share, level]])], FAINT, thick)


@lru_cache(maxsize=4096)
def _words(text: str, size: int) -> UInt8[np.ndarray, "h w 3"]:
    # the width of the widest clock text, so that the bar next to it does not move
    wide, _ = (math.ceil(v) for v in font(size).getbbox("".join("0" if c.isdigit() else c for c in text))[2:])
    image = Image.new("RGB", (wide + 2, round(1.35 * size)), "white")
    ImageDraw.Draw(image).text((0, round(0.1 * size)), text, fill=FAINT, font=font(size))
    return np.asarray(image)


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of matplotlib, which covers more scripts than that of Pillow."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
