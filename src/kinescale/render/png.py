"""Pose sheet (PNG): poses over time, path from above, foot and wrist tracks; many motions as short rows.

Everything is drawn by matplotlib's object interface, which keeps no global state, and without date or version in the
file, so that equal motions give equal bytes.
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kinescale.render.base import Options
from kinescale.render.base.camera import COLORS, FAINT, GRID, INK, SHADOW, heading, project
from kinescale.render.base.scene import Scene
from kinescale.render.base.shapes import Shape, body_shapes, shadow_outlines
from kinescale.render.base.sheet_panels import arrow, draw_path, draw_tracks
from kinescale.render.base.sides import SIDES

SUFFIXES = (".png",)

DPI = 100
WIDTH = 1600
MARGIN = 50
HEAD_ROOM = 92
STRIP = 320
PANELS = 410
FOOT_ROOM = 72
BLOCK = HEAD_ROOM + STRIP + PANELS + FOOT_ROOM
ROW_HEAD, ROW_STRIP, ROW_FOOT = 70, 290, 14
ROW = ROW_HEAD + ROW_STRIP + ROW_FOOT
"""Pixels."""

ROW_TITLE = 85
"""Longest title of a row, characters: the legend is next to the first."""

MOST_BLOCKS = 2
"""Most motions drawn in full; more become rows of poses and path."""

TILE = 0.5
"""Meters of the square under each figure, along the start's axes."""

TILE_COLOR = "#f3f5f8"
GAP = 0.06
"""Meters between figures."""

OVERLAP = 0.78
"""Smallest distance of figures, over their widths: figures rather overlap than shrink."""

Pixels = int | float


@dataclass(frozen=True)
class _Page:
    """A part of the figure, measured in pixels from its own top."""

    figure: Figure
    top: int
    height: int

    def place(self, left: Pixels, below: Pixels, width: Pixels, tall: Pixels) -> Axes:
        box = (left / WIDTH, (self.top - below - tall) / self.height, width / WIDTH, tall / self.height)
        return self.figure.add_axes(box)

    def write(self, text: str, x: Pixels, below: Pixels, **style: Any) -> None:
        self.figure.text(x / WIDTH, (self.top - below) / self.height, text, parse_math=False, **style)


def encode(scenes: Sequence[Scene], options: Options) -> bytes:
    """The PNG file of a sheet."""
    draw, step = (_block, BLOCK) if len(scenes) <= MOST_BLOCKS else (_row, ROW)
    height = step * len(scenes)
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for row, each in enumerate(scenes):
        draw(_Page(figure, height - row * step, height), each, pose_frames(len(each), options.poses))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # prompts may be in any script; characters missing in the font are drawn as boxes
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _block(page: _Page, each: Scene, frames: list[int]) -> None:
    lines = textwrap.wrap(each.title, 110, max_lines=2, placeholder=" …") or [""]
    small = 17 if len(lines) == 1 else 14
    page.write("\n".join(lines), MARGIN, 22, fontsize=small, color=INK, va="top", linespacing=1.25)
    page.write(_notes(each), MARGIN, 64 if len(lines) == 1 else 74, fontsize=9, color=FAINT, va="top", linespacing=1.1)
    width = WIDTH - 2 * MARGIN
    strip = page.place(MARGIN, HEAD_ROOM, width, STRIP)
    _strip(strip, each, frames, width / STRIP)
    _legend(page, 62)
    below = HEAD_ROOM + STRIP + 42
    side = PANELS - 20
    draw_path(page.place(MARGIN + 40, below, side, side), each, frames)
    left = MARGIN + side + 150
    gap = 16
    tall = (side - 2 * gap) / 3
    panels = [page.place(left, below + k * (tall + gap), WIDTH - MARGIN - left, tall) for k in range(3)]
    draw_tracks(panels, each)


def _row(page: _Page, each: Scene, frames: list[int]) -> None:
    line = textwrap.shorten(each.title, ROW_TITLE, placeholder=" …")
    page.write(line, MARGIN, 24, fontsize=14, color=INK, va="center")
    page.write(_notes(each), MARGIN, 51, fontsize=8.5, color=FAINT, va="center", linespacing=1.1)
    side = ROW_STRIP - 44
    width = WIDTH - 2 * MARGIN - side - 70
    strip = page.place(MARGIN, ROW_HEAD, width, ROW_STRIP)
    _strip(strip, each, frames, width / ROW_STRIP)
    draw_path(page.place(WIDTH - MARGIN - side, ROW_HEAD, side, side), each, frames, small=True)
    if page.top == page.height:
        _legend(page, 10)


def _notes(each: Scene) -> str:
    # The legend stands to the right.
    return "\n".join(textwrap.wrap(each.notes, 125, max_lines=2, placeholder=" …"))


def pose_frames(frames: int, poses: int) -> list[int]:
    """Frames of the poses: evenly spread from the first to the last, none twice."""
    return sorted({round(float(f)) for f in np.linspace(0, frames - 1, min(poses, frames))})


def _strip(axes: Axes, each: Scene, frames: list[int], shape: float) -> None:
    points = each.points[frames] - each.path()[frames][:, None]
    flat = project(points)
    tile = _tile(each.size)
    low = min(float(tile[:, 1].min()), float(flat[..., 1].min())) - 0.14 * each.size
    high = max(1.5 * each.size, float(flat[..., 1].max()) + 0.14 * each.size)
    room = (high - low) * shape
    places, span = spread(flat[..., 0], float(tile[:, 0].max()), GAP * each.size, room)
    high = max(high, low + span / shape)
    axes.set(xlim=(0, span), ylim=(low, high))
    axes.axis("off")
    for k, frame in enumerate(frames):
        spot = np.array([places[k], 0.0])
        ground = project(points[k] * np.array([1.0, 0.0, 1.0]))[:, :2] + spot
        _polygons(axes, [tile + spot], TILE_COLOR, zorder=0, edgecolors=GRID, linewidths=0.9)
        _polygons(axes, list(shadow_outlines(each, ground, 1.0)), SHADOW, zorder=1, linewidths=0)
        face = None if each.face is None else project(each.face[frame])
        _figure(axes, body_shapes(each, flat[k] + np.array([places[k], 0.0, 0.0]), face, 1.0))
        if each.facing is not None:
            ahead = project(heading(each.facing[frame]) * 0.4 * each.size)[:2]
            arrow(axes, (places[k], 0.0), ahead, zorder=2)
        label = f"{frame / each.fps:.2f} s" if each.last_s < 3 else f"{frame / each.fps:.1f} s"
        axes.text(places[k], low, label, ha="center", va="bottom", fontsize=10, color=INK)


def spread(
    across: Float[np.ndarray, "N P"], least: float, gap: float, room: float
) -> tuple[Float[np.ndarray, " N"], float]:
    """Horizontal positions of figures side by side, each with its own width (``least`` to each side), and the total
    width.

    ``across``: positions of their points relative to the figure. They fill ``room``, overlap a little, or need more.
    """
    left = np.maximum(-across.min(axis=1), least) + gap
    right = np.maximum(across.max(axis=1), least) + gap
    total = float((left + right).sum())
    share = 1.0 if total <= room else max(OVERLAP, room / total)
    span = max(room, total * share)
    spare = (span - total * share) / len(left)
    ends = np.cumsum((left + right) * share + spare)
    # A figure's own place keeps its two sides' proportion in its slot.
    return ends - right * share - spare / 2, span


def _tile(size: float) -> Float[np.ndarray, "4 2"]:
    half = TILE / 2 * size
    corners = np.array([[-half, 0, -half], [half, 0, -half], [half, 0, half], [-half, 0, half]])
    return project(corners)[:, :2]


def _figure(axes: Axes, shapes: list[Shape]) -> None:
    fills, rims = [shape.fill for shape in shapes], [shape.rim for shape in shapes]
    outlines = [shape.outline for shape in shapes]
    axes.add_collection(PolyCollection(outlines, facecolors=fills, edgecolors=rims, linewidths=0.7, zorder=3))


def _polygons(axes: Axes, outlines: list[Float[np.ndarray, "K 2"]], color: str, **style: Any) -> None:
    if outlines:
        axes.add_collection(PolyCollection(outlines, facecolors=color, **style))


def _legend(page: _Page, below: Pixels) -> None:
    entries: list[Any] = [Line2D([], [], color=COLORS[s], linewidth=5, label=f"{s} limbs") for s in SIDES]
    entries.append(Line2D([], [], color=INK, marker=">", linewidth=1.3, markersize=5, label="facing"))
    entries.append(Patch(facecolor=TILE_COLOR, edgecolor=GRID, label=f"{TILE:g} m square"))
    page.figure.legend(
        handles=entries,
        loc="upper right",
        bbox_to_anchor=(1.0 - MARGIN / WIDTH, (page.top - below) / page.height),
        ncols=4,
        frameon=False,
        fontsize=10,
        borderaxespad=0,
    )
