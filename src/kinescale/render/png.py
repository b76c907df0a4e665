"""A sheet to judge a motion by: poses over time, the path from above, feet and wrists.

One block of rows a motion. Everything is drawn by matplotlib's object interface, which keeps no global state,
and without date or version in the file, so that equal motions give equal bytes.
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kinescale.render._camera import (
    COLOURS,
    FAINT,
    GRID,
    HEAD_RADIUS,
    INK,
    SHADOW,
    from_above,
    heading,
    project,
)
from kinescale.render._scene import Scene
from kinescale.render._sides import SIDES
from kinescale.render.base import Options

SUFFIXES = (".png",)

DPI = 100
WIDTH = 1600
MARGIN = 50
HEAD_ROOM = 92
STRIP = 320
PANELS = 410
FOOT_ROOM = 72
BLOCK = HEAD_ROOM + STRIP + PANELS + FOOT_ROOM
"""Pixels."""

Pixels = int | float

MAX_SAMPLES = 2000
"""Points of a curve: more than the panel has pixels."""


def encode(scenes: Sequence[Scene], options: Options) -> bytes:
    """The PNG file of a sheet."""
    height = BLOCK * len(scenes)
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for row, each in enumerate(scenes):
        _block(figure, each, options.poses, height - row * BLOCK, height)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Prompts come in every script; a character the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _block(figure: Figure, each: Scene, poses: int, top: int, height: int) -> None:
    def place(left: Pixels, below: Pixels, width: Pixels, tall: Pixels) -> Axes:
        return figure.add_axes((left / WIDTH, (top - below - tall) / height, width / WIDTH, tall / height))

    def write(text: str, x: Pixels, below: Pixels, **style: Any) -> None:
        figure.text(x / WIDTH, (top - below) / height, text, parse_math=False, **style)

    lines = textwrap.wrap(each.title, 110, max_lines=2, placeholder=" …") or [""]
    small = 17 if len(lines) == 1 else 14
    write("\n".join(lines), MARGIN, 22, fontsize=small, color=INK, va="top", linespacing=1.25)
    write(each.notes, MARGIN, 76, fontsize=9, color=FAINT, va="center")
    frames = pose_frames(len(each), poses)
    _strip(place(MARGIN, HEAD_ROOM, WIDTH - 2 * MARGIN, STRIP), each, frames)
    below = HEAD_ROOM + STRIP + 42
    side = PANELS - 20
    _path(place(MARGIN + 40, below, side, side), each, frames)
    left = MARGIN + side + 150
    width, gap = WIDTH - MARGIN - left, 16
    tall = (side - 2 * gap) / 3
    panels = [place(left, below + k * (tall + gap), width, tall) for k in range(3)]
    _tracks(panels, each)


def pose_frames(frames: int, poses: int) -> list[int]:
    """Frames of the poses: evenly spread from the first to the last, none twice."""
    return sorted({round(float(f)) for f in np.linspace(0, frames - 1, min(poses, frames))})


def _strip(axes: Axes, each: Scene, frames: list[int]) -> None:
    points = each.points[frames] - each.path()[frames][:, None]
    flat = project(points)
    low = min(-0.3, float(flat[..., 1].min()) - 0.1)
    high = max(1.5, float(flat[..., 1].max()) + 0.12)
    half = max(0.3, float(np.abs(flat[..., 0]).max()))
    # Neighbours may overlap by their reach: wide poses are rare, and small figures help nobody.
    room = (high - low) * (WIDTH - 2 * MARGIN) / STRIP
    slot = max(min(2.1 * half, 1.5), room / max(len(frames), 6))
    span = max(room, slot * len(frames))
    high = max(high, low + span * STRIP / (WIDTH - 2 * MARGIN))
    start = (span - slot * (len(frames) - 1)) / 2
    axes.set(xlim=(0, span), ylim=(low, high))
    axes.axis("off")
    axes.axhline(0, color=GRID, linewidth=1, zorder=0)
    for k, frame in enumerate(frames):
        x = start + k * slot
        _figure(axes, each, points[k], x)
        if each.facing is not None:
            _arrow(axes, (x, 0.0), project(heading(each.facing[frame]) * 0.36)[:2], zorder=2)
        label = f"{frame / each.fps:.2f} s" if each.last_s < 3 else f"{frame / each.fps:.1f} s"
        axes.text(x, low, label, ha="center", va="bottom", fontsize=10, color=INK)
    _legend(axes)


def _figure(axes: Axes, each: Scene, points: Float[np.ndarray, "P 3"], x: float) -> None:
    flat = project(points) + np.array([x, 0.0, 0.0])
    ground = project(points * np.array([1.0, 0.0, 1.0])) + np.array([x, 0.0, 0.0])
    pairs = [(b.start, b.end) for b in each.bones]
    if not pairs:
        axes.plot(flat[:, 0], flat[:, 1], "o", color=COLOURS["middle"], markersize=5)
        return
    shadow = [ground[list(pair), :2] for pair in pairs]
    axes.add_collection(LineCollection(shadow, colors=SHADOW, linewidths=5, capstyle="round", zorder=1))
    for index in sorted(range(len(pairs)), key=lambda i: float(flat[list(pairs[i]), 2].mean())):
        bone = each.bones[index]
        line = flat[list(pairs[index])]
        near = 3 + 0.001 * index
        style = {"color": COLOURS[bone.side], "linewidth": 3.4, "solid_capstyle": "round", "zorder": near}
        axes.plot(line[:, 0], line[:, 1], **style)
    if each.head is not None:
        centre = flat[list(each.head)].mean(axis=0)
        axes.add_patch(
            Circle(
                (centre[0], centre[1]),
                HEAD_RADIUS,
                facecolor="white",
                edgecolor=COLOURS["middle"],
                linewidth=2.4,
                zorder=4,
            )
        )


def _arrow(axes: Axes, start: tuple[float, float], step: Float[np.ndarray, 2], zorder: int) -> None:
    style = {
        "arrowstyle": "-|>,head_width=0.22,head_length=0.4",
        "color": INK,
        "linewidth": 1.3,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    end = (start[0] + float(step[0]), start[1] + float(step[1]))
    axes.annotate("", xy=end, xytext=start, arrowprops=style, zorder=zorder, annotation_clip=False)


def _legend(axes: Axes) -> None:
    entries = [Line2D([], [], color=COLOURS[s], linewidth=3.4, label=f"{s} limbs") for s in SIDES]
    entries.append(Line2D([], [], color=INK, marker=">", linewidth=1.3, markersize=5, label="facing"))
    axes.legend(
        handles=entries,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.01),
        ncols=3,
        frameon=False,
        fontsize=10,
        borderaxespad=0,
    )


def _path(axes: Axes, each: Scene, frames: list[int]) -> None:
    path = each.path()
    page = from_above(path)[_few(len(each))]
    ticks = from_above(path[frames])
    every = np.concatenate([page, ticks])
    middle = (every.min(axis=0) + every.max(axis=0)) / 2
    half = max(0.75, 0.62 * float((every.max(axis=0) - every.min(axis=0)).max()))
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    axes.set_aspect("equal")
    _plain(axes)
    axes.grid(color=GRID, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{-value + 0.0:g}"))
    axes.set_xlabel("to the left of the start (m)", fontsize=9.5, color=INK)
    axes.set_ylabel("ahead of the start (m)", fontsize=9.5, color=INK)
    axes.set_title("ground path, from above", fontsize=10.5, color=INK, loc="left")
    axes.plot(page[:, 0], page[:, 1], color=COLOURS["middle"], linewidth=1.8, zorder=2)
    if each.facing is not None:
        for tick, frame in zip(ticks, frames, strict=True):
            _arrow(axes, (tick[0], tick[1]), from_above(heading(each.facing[frame])) * half * 0.15, zorder=3)
    axes.plot(ticks[:, 0], ticks[:, 1], "o", color="white", markeredgecolor=INK, markersize=5.5, zorder=4)
    axes.plot(
        ticks[0, 0],
        ticks[0, 1],
        "o",
        color="#2e9e5b",
        markeredgecolor=INK,
        markersize=10,
        zorder=5,
        label="start",
    )
    axes.legend(loc="upper right", frameon=False, fontsize=9.5)
    named: list[Float[np.ndarray, 2]] = []
    for tick, frame in zip(ticks, frames, strict=True):
        if all(float(np.abs(tick - other).max()) > 0.14 * half for other in named):
            named.append(tick)
            axes.annotate(
                f"{frame / each.fps:.1f} s",
                tick,
                (10, -13),
                textcoords="offset points",
                fontsize=8.5,
                color=FAINT,
            )


def _tracks(panels: list[Axes], each: Scene) -> None:
    height, speed, hands = panels
    times = each.times()
    few = _few(len(each))
    slides = []
    for row, side in enumerate(SIDES):
        colour = COLOURS[side]
        track = each.foot(side)
        if track is not None:
            height.plot(times[few], track.height[few], color=colour, linewidth=1.5)
            speed.plot(times[few], track.speed[few], color=colour, linewidth=1.3)
            speed.fill_between(times, track.speed, 0, where=track.down.tolist(), color=colour, alpha=0.35, linewidth=0)
            spans = [(a / each.fps, (b - a) / each.fps) for a, b in runs(track.down)]
            for axes in (height, speed):
                axes.broken_barh(
                    spans,
                    (0.93 - 0.07 * row, 0.06),
                    transform=axes.get_xaxis_transform(),
                    color=colour,
                    alpha=0.55,
                    linewidth=0,
                )
            slides.append(f"{side} {100 * track.slide:.0f}")
        if side in each.wrists:
            wrist = each.points[:, each.wrists[side], 1]
            hands.plot(times[few], wrist[few], color=colour, linewidth=1.5)
    _finish_tracks(panels, each, slides)


def _finish_tracks(panels: list[Axes], each: Scene, slides: list[str]) -> None:
    names = ("foot height (m)", "foot speed (m/s)", "wrist height (m)")
    present = (bool(slides), bool(slides), bool(each.wrists))
    least = (0.2, 1.0, 1.0)
    for axes, name, there, reach in zip(panels, names, present, least, strict=True):
        _plain(axes)
        axes.set_ylabel(name, fontsize=9.5, color=INK)
        axes.set_xlim(0, max(each.last_s, 1 / each.fps))
        low, high = axes.get_ylim()
        low = min(0.0, low) if there else 0.0
        high = max(reach, high) if there else reach
        # Head room for the bars that say when each foot is down.
        axes.set_ylim(low, high if axes is panels[2] else low + (high - low) * 1.2)
        axes.grid(color=GRID, linewidth=0.8)
        if axes is not panels[2]:
            axes.tick_params(labelbottom=False)
        if not there:
            axes.text(
                0.5,
                0.5,
                "the skeleton has no roles for these joints",
                transform=axes.transAxes,
                ha="center",
                va="center",
                fontsize=10,
                color=FAINT,
            )
    panels[2].set_xlabel("time (s)", fontsize=9.5, color=INK)
    if slides:
        text = f"bars: foot down.  shaded speed: sliding while down, mean {', '.join(slides)} cm/s"
        panels[0].set_title(text, fontsize=10.5, color=INK, loc="left")


def runs(flags: Any) -> list[tuple[int, int]]:
    """Stretches of true values as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(flags, dtype=bool), [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _few(frames: int) -> Any:
    return np.unique(np.linspace(0, frames - 1, min(frames, MAX_SAMPLES)).round().astype(int))


def _plain(axes: Axes) -> None:
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9, length=3, color=FAINT)
    axes.set_axisbelow(True)
