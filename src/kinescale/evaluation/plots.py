"""Plots as SVG text, written by hand so that equal numbers give equal bytes: bars side by side, and a line."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

INK, FAINT, GRID = "#1f2933", "#616e7c", "#d9dee3"
REAL_COLOR, MADE_COLOR = "#8a9ba8", "#2368a0"

WIDTH = 860
LABEL_WIDTH, VALUE_WIDTH = 250, 130
BAR, GAP, GROUP_GAP, HEAD, FOOT = 12, 2, 12, 30, 26
LINE_HEIGHT, EDGE = 300, 64

Number = int | float
Pair = tuple[Number | None, str]
"""A value and what is written beside its bar."""


def bars(groups: Sequence[tuple[str, Pair, Pair]], names: tuple[str, str], top: Number = 1.0) -> str:
    """Two horizontal bars a group, real and generated, on one axis from 0 to ``top``."""
    step = 2 * BAR + GAP + GROUP_GAP
    height = HEAD + step * len(groups) + FOOT
    room = WIDTH - LABEL_WIDTH - VALUE_WIDTH
    parts = [_legend(names)]
    for tick in range(5):
        x = LABEL_WIDTH + room * tick / 4
        parts.append(_rule(x, HEAD - 4, x, height - FOOT))
        parts.append(_text(x, height - FOOT + 16, f"{top * tick / 4:g}", anchor="middle", color=FAINT))
    for at, (label, real, made) in enumerate(groups):
        y = HEAD + step * at
        parts.append(_text(LABEL_WIDTH - 8, y + BAR + 4, _short(label, 36), anchor="end"))
        for k, (pair, color) in enumerate(((real, REAL_COLOR), (made, MADE_COLOR))):
            parts.append(_bar(pair, y + k * (BAR + GAP), room, top, color))
    return _svg(height, parts)


def line(points: Sequence[tuple[Number, Number, Number | None]], across: str, up: str) -> str:
    """Points (x, y, half of y's interval), joined; both axes are labeled with their ends."""
    xs = [x for x, _, _ in points]
    ends = [value for _, y, half in points for value in (y - (half or 0.0), y + (half or 0.0))]
    low, high = min(ends), max(ends)
    pad = 0.08 * (high - low) or 0.5
    low, high = low - pad, high + pad
    left, right = min(xs), max(xs)
    span = (right - left) or 1.0

    def place(x: Number, y: Number) -> tuple[float, float]:
        across_px = EDGE + (WIDTH - 2 * EDGE) * (x - left) / span
        return across_px, LINE_HEIGHT - 48 - (LINE_HEIGHT - 78) * (y - low) / (high - low)

    parts = [_rule(EDGE, LINE_HEIGHT - 48, WIDTH - EDGE, LINE_HEIGHT - 48), _rule(EDGE, 24, EDGE, LINE_HEIGHT - 48)]
    for tick in range(5):
        value = low + (high - low) * tick / 4
        y = place(left, value)[1]
        parts += [_rule(EDGE, y, WIDTH - EDGE, y), _text(EDGE - 6, y + 4, f"{value:.3g}", anchor="end", color=FAINT)]
    path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y, _ in points)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{MADE_COLOR}" stroke-width="2"/>')
    for x, y, half in points:
        at = place(x, y)
        if half:
            (_, one), (_, two) = place(x, y - half), place(x, y + half)
            parts.append(_rule(at[0], one, at[0], two, MADE_COLOR))
        parts.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="4" fill="{MADE_COLOR}"/>')
        parts.append(_text(at[0], LINE_HEIGHT - 30, f"{x:g}", anchor="middle", color=FAINT))
    parts.append(_text(WIDTH / 2, LINE_HEIGHT - 8, across, anchor="middle"))
    parts.append(_text(EDGE, 14, up))
    return _svg(LINE_HEIGHT, parts)


def _bar(pair: Pair, y: Number, room: Number, top: Number, color: str) -> str:
    value, label = pair
    long = 0.0 if value is None else room * min(max(value / top, 0.0), 1.0)
    shape = f'<rect x="{LABEL_WIDTH}" y="{y:.1f}" width="{long:.1f}" height="{BAR}" fill="{color}"/>'
    return shape + _text(LABEL_WIDTH + long + 5, y + BAR - 2, label, size=10, color=FAINT)


def _legend(names: tuple[str, str]) -> str:
    parts = []
    for k, (name, color) in enumerate(zip(names, (REAL_COLOR, MADE_COLOR), strict=True)):
        x = LABEL_WIDTH + 150 * k
        parts.append(f'<rect x="{x}" y="4" width="12" height="12" fill="{color}"/>' + _text(x + 18, 14, name))
    return "".join(parts)


def _rule(x1: Number, y1: Number, x2: Number, y2: Number, color: str = GRID) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def _text(x: Number, y: Number, label: str, *, anchor: str = "start", size: int = 12, color: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{color}"'
    return f"<text {place}>{escape(label)}</text>"


def _svg(height: Number, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
    return head + 'font-family="system-ui, sans-serif">' + "".join(parts) + "</svg>"


def _short(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"
