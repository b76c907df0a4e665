"""Walking, jogging and running on the spot: the legs go to and fro, or up and down in turn, and the body stays."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from kinescale.core.conventions import UP_AXIS
from kinescale.description.body import SIDES, Body
from kinescale.description.records import Event, Gait
from kinescale.description.signals import Run, along_heading, reversals, smooth

STRIDE, LIFT = 0.25, 0.07
"""What one foot is ahead of the other, or above it, from one step to the next: the change in leg lengths."""
LONGEST_STEP_S, SHORTEST_STEP_S = 1.0, 0.12
LEAST_STEPS = 3
STANDS = 0.8
"""Least height of the hips over the lower ankle, in leg lengths."""
STAYS_M = 0.5
"""Meters (of an adult) that the hips stray at most, without going anywhere."""
SMOOTH_S = 0.04
JOG, RUN = 2.75, 3.5
"""Steps per second from which, with both feet off the floor now and then, one jogs or runs."""
FLIES = 0.05


def steps_in_place(body: Body) -> list[Event]:
    """Stretches of at least ``LEAST_STEPS`` steps that lead nowhere."""
    found: list[Run] = []
    counts: list[int] = []
    for track, least in ((_ahead(body), STRIDE), (_above(body), LIFT)):
        for turns in _groups(_extremes(track, least), body.fps):
            span = (turns[0], turns[-1] + 1)
            if len(turns) > LEAST_STEPS and _stays(body, span):
                found.append(span)
                counts.append(len(turns) - 1)
    order = sorted(range(len(found)), key=lambda i: found[i][0] - found[i][1])
    kept: list[int] = []
    for i in order:
        if all(min(found[i][1], found[k][1]) <= max(found[i][0], found[k][0]) for k in kept):
            kept.append(i)
    return [_event(body, found[i], counts[i]) for i in kept]


def _ahead(body: Body) -> Float[np.ndarray, " T"]:
    """How far the left ankle is ahead of the right one, leg lengths."""
    apart = (body.at["left_ankle"] - body.at["right_ankle"]) / body.leg
    return smooth(along_heading(apart, body.yaw)[0], SMOOTH_S * body.fps)


def _above(body: Body) -> Float[np.ndarray, " T"]:
    """How far the left ankle is above the right one, leg lengths."""
    apart = (body.at["left_ankle"] - body.at["right_ankle"])[:, UP_AXIS] / body.leg
    return smooth(apart, SMOOTH_S * body.fps)


def _extremes(track: Float[np.ndarray, " T"], least: float) -> list[int]:
    """Frames in which the track turns back, and its ends where it goes as far from there."""
    turns = reversals(track, least)
    if not turns:
        return []
    ends = [at for at in (0, len(track) - 1) if all(abs(at - turn) > 1 for turn in turns)]
    return sorted([*turns, *(e for e in ends if abs(track[e] - track[min(turns, key=lambda t: abs(t - e))]) >= least)])


def _groups(turns: list[int], fps: float) -> list[list[int]]:
    """Turns that follow one another as steps do."""
    groups: list[list[int]] = [turns[:1]] if turns else []
    for before, at in pairwise(turns):
        if SHORTEST_STEP_S * fps <= at - before <= LONGEST_STEP_S * fps:
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups


def _stays(body: Body, span: Run) -> bool:
    part = slice(*span)
    upright = float(np.median(body.hips_share[part])) > STANDS
    return upright and float(np.ptp(body.path[part], axis=0).max()) < STAYS_M * body.scale


def _event(body: Body, span: Run, steps: int) -> Event:
    low = np.minimum(*(body.clearance(side) for side in SIDES))[slice(*span)]
    pace = steps * body.fps / max(span[1] - 1 - span[0], 1)
    flies = float((low > FLIES).mean()) > FLIES
    gait: Gait = "run" if flies and pace > RUN else "jog" if flies and pace > JOG else "walk"
    return Event(kind="in_place", gait=gait, steps=steps, **body.times(span))
