"""Panels of the pose sheet: ground path with footprints, and foot and wrist tracks over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Ellipse
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kinescale.render.base.camera import COLORS, FAINT, GRID, INK, from_above, heading
from kinescale.render.base.scene import Scene, runs
from kinescale.render.base.shapes import rgb
from kinescale.render.base.sides import SIDES

MAX_SAMPLES = 2000
"""Most points of a curve: more than the panel has pixels."""

MAX_FOOTPRINTS = 300
START = "#2e9e5b"
EARLY = "#b6bcc6"


def draw_path(axes: Axes, each: Scene, frames: list[int], *, small: bool = False) -> None:
    """Path of the body from above, light to dark with time; footprints; facing and time at ``frames``."""
    page = from_above(each.path())[_few(len(each))]
    ticks = from_above(each.path()[frames])
    half = _frame(axes, np.concatenate([page, ticks]), each.size)
    _plain(axes)
    axes.grid(color=GRID, linewidth=0.8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4 if small else 6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{-value + 0.0:g}"))
    axes.set_xlabel("to the left (m)" if small else "to the left of the start (m)", fontsize=9.5, color=INK)
    axes.set_ylabel("ahead (m)" if small else "ahead of the start (m)", fontsize=9.5, color=INK)
    if not small:
        axes.set_title("ground path, from above", fontsize=10.5, color=INK, loc="left")
    _footprints(axes, each)
    if len(page) > 1:
        share = np.linspace(0, 1, len(page) - 1)[:, None]
        colors = (1 - share) * np.array(rgb(EARLY)) + share * np.array(rgb(INK))
        lines = np.stack([page[:-1], page[1:]], axis=1)
        axes.add_collection(LineCollection(list(lines), colors=colors, linewidths=1.9, capstyle="round", zorder=2))
    if each.facing is not None:
        for tick, frame in zip(ticks, frames, strict=True):
            arrow(axes, (tick[0], tick[1]), from_above(heading(each.facing[frame])) * half * 0.15, zorder=3)
    axes.plot(ticks[:, 0], ticks[:, 1], "o", color="white", markeredgecolor=INK, markersize=5 - small, zorder=4)
    start = {"color": START, "markeredgecolor": INK, "markersize": 9 - 2 * small, "zorder": 5}
    axes.plot(ticks[0, 0], ticks[0, 1], "o", label="start", **start)
    axes.legend(loc="upper right", frameon=False, fontsize=9.5 - small, borderaxespad=0.1, handletextpad=0.1)
    _times(axes, each, frames, half, small)


def _frame(axes: Axes, every: Float[np.ndarray, "N 2"], size: float) -> float:
    """Set limits that hold all points in a square; half its side in meters."""
    middle = (every.min(axis=0) + every.max(axis=0)) / 2
    half = max(0.75 * size, 0.62 * float((every.max(axis=0) - every.min(axis=0)).max()))
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    axes.set_aspect("equal")
    return half


def _footprints(axes: Axes, each: Scene) -> None:
    for mark in each.footprints()[:MAX_FOOTPRINTS]:
        center = from_above(np.array([mark.x, 0.0, mark.z]))
        along = from_above(heading(mark.yaw))
        angle = float(np.degrees(np.arctan2(along[1], along[0])))
        shape = {"width": 0.25 * each.size, "height": 0.09 * each.size, "angle": angle}
        style = {"facecolor": COLORS[mark.side], "alpha": 0.3, "linewidth": 0, "zorder": 1}
        axes.add_patch(Ellipse((float(center[0]), float(center[1])), **shape, **style))


def _times(axes: Axes, each: Scene, frames: list[int], half: float, small: bool) -> None:
    """Labels of seconds to the right of the path, without overlaps."""
    page = from_above(each.path())
    named: list[Float[np.ndarray, 2]] = []
    for frame in frames:
        tick = page[frame]
        if any(float(np.abs(tick - other).max()) < (0.3 if small else 0.16) * half for other in named):
            continue
        named.append(tick)
        ahead = max(0, frame - 5), min(len(page) - 1, frame + 5)
        along = page[ahead[1]] - page[ahead[0]]
        long = float(np.linalg.norm(along))
        right = np.array([along[1], -along[0]]) / long if long > 0.02 * half else np.array([0.7, -0.7])
        offset = (float(24 * right[0]), float(15 * right[1]))
        style = {"ha": "center", "va": "center", "fontsize": 8.5 - small, "color": FAINT, "zorder": 6}
        axes.annotate(f"{frame / each.fps:.1f} s", (tick[0], tick[1]), offset, textcoords="offset points", **style)


def arrow(axes: Axes, start: tuple[float, float], step: Float[np.ndarray, 2], zorder: int) -> None:
    """An arrow on the page."""
    style = {
        "arrowstyle": "-|>,head_width=0.22,head_length=0.4",
        "color": INK,
        "linewidth": 1.3,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    end = (start[0] + float(step[0]), start[1] + float(step[1]))
    axes.annotate("", xy=end, xytext=start, arrowprops=style, zorder=zorder, annotation_clip=False)


def draw_tracks(panels: list[Axes], each: Scene) -> None:
    """Height and speed of the feet with bars for stances, and height of the wrists."""
    height, speed, hands = panels
    times = each.times()
    few = _few(len(each))
    slides = []
    for row, side in enumerate(SIDES):
        color = COLORS[side]
        track = each.foot(side)
        if track is not None:
            height.plot(times[few], track.height[few], color=color, linewidth=1.5)
            speed.plot(times[few], track.speed[few], color=color, linewidth=1.3)
            speed.fill_between(times, track.speed, 0, where=track.down.tolist(), color=color, alpha=0.35, linewidth=0)
            spans = [(a / each.fps, (b - a) / each.fps) for a, b in runs(track.down)]
            for axes in (height, speed):
                axes.broken_barh(
                    spans,
                    (0.93 - 0.07 * row, 0.06),
                    transform=axes.get_xaxis_transform(),
                    color=color,
                    alpha=0.55,
                    linewidth=0,
                )
            slides.append(f"{side} {100 * track.slide:.0f}")
        if side in each.wrists:
            wrist = each.points[:, each.wrists[side], 1]
            hands.plot(times[few], wrist[few], color=color, linewidth=1.5)
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
        # head room for the bars of stances
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


def _few(frames: int) -> Any:
    return np.unique(np.linspace(0, frames - 1, min(frames, MAX_SAMPLES)).round().astype(int))


def _plain(axes: Axes) -> None:
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9, length=3, color=FAINT)
    axes.set_axisbelow(True)
