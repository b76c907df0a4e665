"""What the hands do: rise (to which height), wave, clap and punch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from kinescale.core.conventions import UP_AXIS
from kinescale.description.body import SIDES, Body
from kinescale.description.records import Event, Level
from kinescale.description.signals import (
    Run,
    along_heading,
    joined,
    lasting,
    rate,
    reversals,
    runs,
    smooth,
    turning_points,
)

RAISED, LOWERED = -0.35, -0.5
"""Arm lengths of the wrist over its shoulder from which a hand is raised, and below which it is down again."""

RAISED_S, RAISED_GAP_S = 0.2, 0.25
SHOULDER, HEAD, CROWN = -0.1, 0.3, 0.12
"""From where on a raised hand is at the shoulder and at the head (arm lengths over the shoulder), and above it (meters
of an adult over the head joint)."""

LEVELS: tuple[Level, ...] = ("chest", "shoulder", "head", "overhead")
BOTH = 0.5
"""Share of the shorter of two spans that must overlap for both hands to do a thing together."""

WAVE_LOW, WAVE_TURNS = -0.6, 4
"""A hand waves above the first, in arm lengths over the shoulder, and turns back at least so often."""


class _Swing(NamedTuple):
    """A kind of waving: within ``near`` of the hand's highest place, swings of at least ``least`` (arm lengths) after
    what is slower than ``drift_s`` is taken out, with turns at most ``gap_s`` apart."""

    near: float
    drift_s: float
    least: float
    gap_s: float


SWINGS = (_Swing(near=9.0, drift_s=0.4, least=0.1, gap_s=1.0), _Swing(near=0.35, drift_s=0.2, least=0.015, gap_s=0.7))
"""Wide swings of the arm, looked for first, and small ones of a hand held up."""

CARRIED = 0.5
"""Meters per second of an adult from which arms swing with the steps: hands then count from the shoulders up."""

CLAP_NEAR, CLAP_SWING, CLAP_GAP_S, CLAP_LEVEL = 0.4, 0.12, 1.2, (-0.75, 0.3)
PUNCH, PUNCH_BENT, PUNCH_STRAIGHT, PUNCH_LEVEL, PUNCH_S = 3.2, 0.72, 0.85, (-0.55, 0.45), 0.35
PUNCH_END = 0.2
"""Arm lengths per second below which a stretching arm has come to its end, so that one held out has, too."""


def raised_hands(body: Body) -> list[Event]:
    """Hands that rise to the chest or higher; both at about the same time are one event."""
    found: dict[str, list[tuple[Run, Level]]] = {side: [] for side in SIDES}
    for side in SIDES:
        height = _reach(body, side)[:, UP_AXIS]
        for span in joined(lasting(height, RAISED, LOWERED), round(RAISED_GAP_S * body.fps)):
            if span[1] - span[0] >= RAISED_S * body.fps and not _of_the_gait(body, height, span):
                found[side].append((span, _level(body, side, height, span)))
    return _paired(body, found)


def waves(body: Body) -> list[Event]:
    """Raised hands that go to and fro."""
    found: dict[str, list[tuple[Run, int]]] = {side: [] for side in SIDES}
    for side in SIDES:
        found[side] = _waves_of(body, side)
    heights = {side: _reach(body, side)[:, UP_AXIS] for side in SIDES}
    levels: dict[str, dict[Run, Level]] = {
        side: {span: _level(body, side, heights[side], span) for span, _ in found[side]} for side in SIDES
    }
    events = []
    for (left, n), (right, m) in _overlapping(found["left"], found["right"]):
        span = (min(left[0], right[0]), max(left[1], right[1]))
        level = _lower(levels["left"][left], levels["right"][right])
        events.append(Event(kind="wave", side="both", count=max(n, m), level=level, **body.times(span)))
        found["left"].remove((left, n))
        found["right"].remove((right, m))
    for side in SIDES:
        events += [
            Event(kind="wave", side=side, count=n, level=levels[side][span], **body.times(span))
            for span, n in found[side]
        ]
    return events


def claps(body: Body) -> list[Event]:
    """Hands that meet again and again in front of the body."""
    apart = np.linalg.norm(body.at["left_wrist"] - body.at["right_wrist"], axis=-1) / body.arm
    points = turning_points(apart, CLAP_SWING)
    heights = [_reach(body, side)[:, UP_AXIS] for side in SIDES]
    fit = (np.minimum(*heights) > CLAP_LEVEL[0]) & (np.maximum(*heights) < CLAP_LEVEL[1])
    meets = [
        b
        for a, b, c in zip(points, points[1:], points[2:], strict=False)
        if apart[b] < CLAP_NEAR and apart[b] < apart[a] and apart[b] < apart[c] and fit[b]
    ]
    events = []
    for group in _grouped(meets, round(CLAP_GAP_S * body.fps)):
        if len(group) > 2:
            edge = round(0.15 * body.fps)
            events.append(Event(kind="clap", count=len(group), **body.times((group[0] - edge, group[-1] + edge))))
    return events


def punches(body: Body) -> list[Event]:
    """Arms shot out from a bent elbow at about the height of the shoulders."""
    events = []
    for side in SIDES:
        reach = _reach(body, side)
        stretch = np.linalg.norm(reach, axis=-1)
        ahead, _ = along_heading(reach, body.yaw)
        hits = []
        for start, stop in lasting(rate(stretch, body.fps), PUNCH, PUNCH_END):
            level = reach[stop - 1, UP_AXIS]
            bent, straight = stretch[start], stretch[stop - 1]
            forward = ahead[stop - 1] > 0.5 and stop - start < PUNCH_S * body.fps
            if bent < PUNCH_BENT and straight > PUNCH_STRAIGHT and forward and PUNCH_LEVEL[0] < level < PUNCH_LEVEL[1]:
                hits.append(stop - 1)
        reach_s = round(0.2 * body.fps)
        for group in _grouped(hits, round(1.5 * body.fps)):
            span = (group[0] - reach_s, group[-1] + reach_s)
            events.append(Event(kind="punch", side=side, count=len(group), **body.times(span)))
    return events


def _reach(body: Body, side: str) -> Float[np.ndarray, "T 3"]:
    """From the shoulder to the wrist, in arm lengths."""
    return (body.at[f"{side}_wrist"] - body.at[f"{side}_shoulder"]) / body.arm


def _of_the_gait(body: Body, height: Float[np.ndarray, " T"], span: Run) -> bool:
    """Whether the hand is merely carried along, swinging or with a bent elbow."""
    pace = float(np.median(body.speed[slice(*span)])) / np.sqrt(body.scale)
    return bool(pace > CARRIED and np.median(height[slice(*span)]) < SHOULDER)


def _level(body: Body, side: str, height: Float[np.ndarray, " T"], span: Run) -> Level:
    top = span[0] + int(height[slice(*span)].argmax())
    head = body.at.get("head")
    if head is not None and body.at[f"{side}_wrist"][top, UP_AXIS] > head[top, UP_AXIS] + CROWN * body.scale:
        return "overhead"
    value = float(height[top])
    if head is None and value > 2 * HEAD:
        return "overhead"
    return "head" if value > HEAD else "shoulder" if value > SHOULDER else "chest"


def _lower(one: Level, other: Level) -> Level:
    return one if LEVELS.index(one) <= LEVELS.index(other) else other


def _paired(body: Body, found: dict[str, list[tuple[Run, Level]]]) -> list[Event]:
    events = []
    for (left, high), (right, other) in _overlapping(found["left"], found["right"]):
        span = (min(left[0], right[0]), max(left[1], right[1]))
        level = _lower(high, other)
        events.append(Event(kind="raise_hand", side="both", level=level, **body.times(span)))
        found["left"].remove((left, high))
        found["right"].remove((right, other))
    for side in SIDES:
        events += [Event(kind="raise_hand", side=side, level=level, **body.times(s)) for s, level in found[side]]
    return events


def _overlapping(left: list, right: list) -> list[tuple]:
    """Pairs of (span, ...) of the two sides that are at the same time; each at most once."""
    pairs, taken = [], set()
    for one in left:
        for number, other in enumerate(right):
            (a, b), (c, d) = one[0], other[0]
            shared = min(b, d) - max(a, c)
            if number not in taken and shared > BOTH * min(b - a, d - c) and shared > BOTH / 2 * max(b - a, d - c):
                taken.add(number)
                pairs.append((one, other))
                break
    return pairs


def _waves_of(body: Body, side: str) -> list[tuple[Run, int]]:
    """Spans in which a hand goes to and fro, and how often it does."""
    reach = _reach(body, side)
    height = reach[:, UP_AXIS]
    ahead, left = along_heading(reach, body.yaw)
    hand = np.stack([ahead, height, left], -1)
    found: list[tuple[Run, int]] = []
    for up in lasting(height, WAVE_LOW, WAVE_LOW - 0.1):
        if up[1] - up[0] >= RAISED_S * body.fps and not _of_the_gait(body, height, up):
            kinds = (_swings(body, hand, height, up, kind) for kind in SWINGS)
            found += next((spans for spans in kinds if spans), [])
    return found


def _swings(
    body: Body, hand: Float[np.ndarray, "T 3"], height: Float[np.ndarray, " T"], up: Run, kind: _Swing
) -> list[tuple[Run, int]]:
    start, stop = up
    quick = hand - smooth(hand, kind.drift_s * body.fps)
    near = height[start:stop] > height[start:stop].max() - kind.near
    found = []
    for a, b in joined(runs(near), 2):
        part = quick[start + a : start + b]
        centred = part - part.mean(axis=0)
        _, axes = np.linalg.eigh(centred.T @ centred)
        turns = [start + a + at for at in reversals(centred @ axes[:, -1], kind.least)]
        for group in _grouped(turns, round(kind.gap_s * body.fps)):
            if len(group) >= WAVE_TURNS:
                found.append(((group[0], group[-1] + 1), len(group) // 2))
    return found


def _grouped(frames: list[int], gap: int) -> list[list[int]]:
    """Frames in groups whose neighbours are at most ``gap`` apart."""
    groups: list[list[int]] = []
    for frame in frames:
        if groups and frame - groups[-1][-1] <= gap:
            groups[-1].append(frame)
        else:
            groups.append([frame])
    return groups
