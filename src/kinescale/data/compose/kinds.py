"""Kinds of composed clips: the units that each draws, and how they are put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import torch

from kinescale.data.compose.captions import Segment
from kinescale.data.compose.captions.sentences import Needs, Relation
from kinescale.data.compose.chain import MOST_FRAMES, SHORT_M, Chain, Part, Rejected, segment_of
from kinescale.data.compose.context import ComposeContext
from kinescale.data.compose.overlay import EASE, overlay
from kinescale.data.compose.path import bend_path, ramp
from kinescale.data.compose.retime import FASTEST, SLOWEST
from kinescale.data.compose.track import Track
from kinescale.data.compose.transition import Transition
from kinescale.data.compose.units import Unit

Rng = np.random.Generator

FAMILIES: Mapping[str, float] = {
    "walk": 2.5, "jog": 0.8, "run": 1.0, "go_turn": 1.5, "go_circle": 0.4, "turn": 0.8,
    "kick": 2.0, "punch": 1.5, "jump": 1.5, "hop": 1.0, "squat": 1.5, "wave": 2.0, "raise_hand": 1.8,
    "knee_lift": 0.8, "bend": 1.0, "clap": 0.7, "lie_down": 0.8, "sit_down": 1.0, "stand_up": 0.8,
}  # fmt: skip
"""First word of a class -> weight of its draws; classes known by their label alone share ``LABELED``."""

LABELED = 3.5
GAITS = ("walk", "jog", "run")
COUNTABLE = ("kick", "punch", "jump", "hop", "squat", "bend", "knee_lift", "raise_hand", "wave")
ARM_ACTS = ("wave", "raise_hand", "clap", "punch")


@dataclass(eq=False)
class Composition:
    """A composed clip before it is checked: frames of its transitions, segments to caption, and sources."""

    track: Track
    relation: Relation
    segments: list[Segment]
    sources: list[str]
    transitions: list[tuple[int, int]] = field(default_factory=list)
    name: str = ""
    factor: float = 1.0
    needs: Needs = ""


def draw_class(
    context: ComposeContext, rng: Rng, *, without: str = "", only: tuple[str, ...] = (), way: str | None = None
) -> Unit:
    """A unit drawn by weight of its family, then of its class; ``way``: travel in this direction only."""
    names, weights = [], []
    filled = sum(context.library.size(name) ** 0.5 for name in context.library.classes if _family(name) == "")
    for name in context.library.classes:
        family = _family(name)
        if name == without or name == "stand_still" or (only and family not in only):
            continue
        if way is not None and name.split()[1:] != [way]:
            continue
        names.append(name)
        if family:
            alike = sum(_family(other) == family for other in context.library.classes)
            weights.append(FAMILIES[family] / alike * _plainness(name))
        else:
            # many labels have a single clip: together they are drawn as often as a few frequent ones
            weights.append(LABELED * context.library.size(name) ** 0.5 / filled)
    if not names:
        raise Rejected("no source")
    return context.library.draw(rng, names, weights)


def _plainness(name: str) -> float:
    """Weight of a direction within a gait."""
    first, *way = name.split()
    if first not in GAITS:
        return 1.0
    return {"forward": 5.0, "backward": 2.0, "left": 1.5, "right": 1.5}.get(" ".join(way), 0.6)


def _family(name: str) -> str:
    first = name.split()[0]
    return first if first in FAMILIES else ""


def _part(context: ComposeContext, unit: Unit, rng: Rng, *, frames: int | None = None, factor: float = 1.0) -> Part:
    """The unit's frames; of a steady unit a cut of ``frames`` frames."""
    part = context.part(unit).faster(factor)
    return part.cut(rng, frames or int(rng.integers(36, 105)))


def sequence(context: ComposeContext, rng: Rng) -> Composition:
    """Two or three acts in sequence: of several candidates for the next act, the one with the easiest transition."""
    count = 3 if rng.random() < 0.18 else 2
    first = draw_class(context, rng)
    chain = Chain.start(_part(context, first, rng), rng)
    used = [first]
    while len(used) < count:
        _join_best(context, rng, chain, used)
    chain.finish(rng)
    return _of_chain(context, chain, "then", used)


def _join_best(context: ComposeContext, rng: Rng, chain: Chain, used: list[Unit], tries: int = 4) -> None:
    """Join the candidate with the easiest transition."""
    best: tuple[Transition, Part] | None = None
    for _ in range(tries):
        unit = draw_class(context, rng, without=used[-1].name)
        part = _part(context, unit, rng)
        if chain.lasts[0] + part.stops[0] - part.starts[1] + 12 > MOST_FRAMES:
            continue
        transition = chain.transition_to(part)
        if best is None or transition.cost < best[0].cost:
            best = (transition, part)
    if best is None:
        raise Rejected("too long")
    chain.then(best[1], best[0])
    used.append(best[1].unit)


def _of_chain(context: ComposeContext, chain: Chain, relation: Relation, units: list[Unit]) -> Composition:
    sources = [context.source(unit) for unit in units]
    segments = chain.segments()
    for k, (one, other) in enumerate(pairwise(segments)):
        if one.kind == other.kind == "travel":
            segments[k : k + 2] = [_alone(one), _alone(other)]
    striking = next((unit for unit in units if unit.kind not in ("travel", "stand_still")), units[0])
    return Composition(chain.track, relation, segments, sources, chain.transitions, _named(context, striking))


FEW = 8
"""Units that a label needs for a class of its own; others are counted as "other"."""


def _named(context: ComposeContext, unit: Unit) -> str:
    """Class under which a clip is counted."""
    return unit.label if unit.kind or context.library.size(unit.name) >= FEW else "other"


def _alone(segment: Segment) -> Segment:
    """Travel next to travel is measured on its own segment: together they are one event."""
    return replace(segment, own=True)


def at_once(context: ComposeContext, rng: Rng) -> Composition:
    """The arms of one clip on the walk of another."""
    lower = draw_class(context, rng, only=(*GAITS, "go_turn"))
    upper = draw_class(context, rng, only=ARM_ACTS)
    length = int(rng.integers(60, 180))
    base = context.part(lower).cut(rng, length)
    chain = Chain.start(base, rng)
    chain.finish(rng)
    lent = context.part(upper)
    first, stop = lent.starts[1], lent.stops[0]
    room = len(chain.track) - (stop - first)
    if room < -30:
        first_of = int(rng.integers(0, 8))
        stop = first + len(chain.track) - first_of
        start = first_of
    else:
        start = int(rng.integers(0, max(1, room)))
    if stop - first < EASE + 10:
        raise Rejected("too short")
    parts = ("arms",) if upper.side in ("both", None) else (f"{upper.side}_arm",)
    track = overlay(chain.track, lent.track.slice(first, stop), start, parts)
    (segment,) = chain.segments()
    end = min(len(track), start + stop - first) / track.fps
    segments = [segment, segment_of(upper, start / track.fps, end)]
    return Composition(
        track, "while", segments, [context.source(lower), context.source(upper)], [], _named(context, upper)
    )


def repetition(context: ComposeContext, rng: Rng) -> Composition:
    """One act several times, from one unit."""
    unit = draw_class(context, rng, only=COUNTABLE)
    if unit.kind == "wave":
        return _waves(context, rng, unit)
    shortest = max(12, unit.frames)
    most = min(6, (MOST_FRAMES - 10) // (shortest + 8))
    if most < 1:
        raise Rejected("too long")
    count = int(rng.integers(1, most + 1)) if rng.random() < 0.25 else int(rng.integers(min(2, most), most + 1))
    factor = float(rng.uniform(0.9, 1.2)) if rng.random() < 0.5 else 1.0
    part = _tight(context.part(unit)).faster(factor)
    chain = Chain.start(part, rng)
    used = [unit]
    for _ in range(count - 1):
        chain.then(part)
    chain.finish(rng)
    return _as_one(context, chain, used, unit, needs="count")


def _tight(part: Part) -> Part:
    """The act with few frames before and after it, so that repetitions join closely."""
    low = max(part.starts[0], part.starts[1] - 8)
    high = min(part.stops[1], part.stops[0] + 8)
    return Part(part.unit, part.track, (low, part.starts[1]), (part.stops[0], max(high, part.stops[0])))


def _waves(context: ComposeContext, rng: Rng, unit: Unit) -> Composition:
    """A wave with some of its swings cut out."""
    part = context.part(unit)
    low, high = part.starts[1] + 16, part.stops[0] - 16
    if high - low < 24:
        raise Rejected("too short")
    # people count only a few swings
    leave = low + int(rng.integers(8, max(9, min(60, (high - low) // 2))))
    enter = max(leave + 6, high - int(rng.integers(8, 60)))
    chain = Chain.start(Part(unit, part.track, part.starts, (leave, min(leave + 10, high))), rng)
    chain.then(Part(unit, part.track, (enter, min(enter + 10, high)), part.stops))
    chain.finish(rng)
    return _as_one(context, chain, [unit], unit, needs="count")


def _as_one(context: ComposeContext, chain: Chain, used: list[Unit], unit: Unit, *, needs: Needs = "") -> Composition:
    """The whole chain as one segment."""
    whole = segment_of(unit, 0.0, len(chain.track) / chain.track.fps)
    sources = [context.source(u) for u in used]
    return Composition(chain.track, "one", [whole], sources, chain.transitions, _named(context, unit), needs=needs)


def pace(context: ComposeContext, rng: Rng) -> Composition:
    """Travel or an act at another speed; travel also with longer or shorter steps."""
    travels = rng.random() < 0.65
    unit = draw_class(context, rng, only=GAITS if travels else (*COUNTABLE, "clap"))
    factor = float(rng.uniform(SLOWEST, FASTEST))
    part = _part(context, unit, rng, frames=int(rng.integers(60, 150)), factor=factor)
    chain = Chain.start(part, rng)
    chain.finish(rng)
    track = chain.track
    if travels:
        stretch = float(rng.uniform(0.7, 1.2))
        track = _bend_path(track, torch.zeros(len(track), dtype=torch.float64), stretch)
    made = Composition(track, "one", chain.segments(), [context.source(unit)], [], _named(context, unit), factor)
    if travels and rng.random() < 0.3:
        return _two_paces(context, rng, unit)
    return made


def _two_paces(context: ComposeContext, rng: Rng, unit: Unit) -> Composition:
    """Slow, then fast, or the reverse."""
    paces = [float(rng.uniform(SLOWEST, 0.85)), float(rng.uniform(1.15, FASTEST))]
    stretch = [float(rng.uniform(0.65, 0.85)), float(rng.uniform(1.05, 1.25))]
    order = (0, 1) if rng.random() < 0.5 else (1, 0)
    parts = []
    for at in order:
        part = _part(context, unit, rng, frames=int(rng.integers(70, 110)), factor=paces[at])
        low, high = part.starts[0], part.stops[1]
        track = part.track.slice(low, high)
        track = _bend_path(track, torch.zeros(len(track), dtype=torch.float64), stretch[at])
        starts, stops = ((a - low, b - low) for a, b in (part.starts, part.stops))
        parts.append(Part(unit, track, starts, stops))
    chain = Chain.start(parts[0], rng)
    chain.then(parts[1])
    chain.finish(rng)
    return replace(_of_chain(context, chain, "then", [unit, unit]), needs="pace")


TURNS = (30, 45, 60, 75, 90, 90, 105, 120, 135, 150, 180, 180, 180)
DEG_S = {"walk": 100.0, "jog": 110.0, "run": 90.0}
"""Fastest turn of a bent walk or run, degrees per second."""


def bend(context: ComposeContext, rng: Rng) -> Composition:
    """A straight walk or run bent into a turn, an arc, a circle."""
    unit = draw_class(context, rng, only=GAITS, way="backward" if rng.random() < 0.06 else "forward")
    circle = rng.random() < 0.15
    track, transitions = _long_travel(context, rng, unit, 190 if circle else int(rng.integers(75, 170)))
    angle = float(rng.choice((300, 330, 360, 360, 360, 390))) if circle else float(rng.choice(TURNS))
    least = max(14, round(angle / DEG_S[unit.name.split()[0]] * track.fps))
    total = len(track)
    if least > total - 4:
        raise Rejected("too short")
    if circle or rng.random() < 0.35:
        start, stop = (0, total) if circle else (int(rng.integers(0, 10)), total - int(rng.integers(1, 10)))
    else:
        longest = min(total - 4, round(1.9 * least))
        width = int(rng.integers(least, longest + 1))
        start = int(rng.integers(2, total - width - 1)) if total - width > 4 else 1
        stop = start + width
    side = "left" if rng.random() < 0.5 else "right"
    turn = ramp(total, start, stop) * float(np.radians(angle)) * (1 if side == "left" else -1)
    made = _bend_path(track, turn, float(rng.uniform(0.85, 1.1)))
    segment = Segment(kind="turn", span=(0.0, total / track.fps), side=side)
    return Composition(made, "one", [segment], [context.source(unit)], transitions, "turn")


def _long_travel(context: ComposeContext, rng: Rng, unit: Unit, frames: int) -> tuple[Track, list[tuple[int, int]]]:
    """``frames`` frames of one gait: a cut, or the clip joined to itself until it is long enough."""
    part = context.part(unit)
    low, high = part.starts[0], part.stops[1]
    if high - low >= frames:
        start = low + int(rng.integers(high - low - frames + 1))
        return part.track.slice(start, start + frames), []
    slack = min(16, (high - low) // 4)
    again = Part(unit, part.track, (low, low + slack), (high - slack, high))
    chain = Chain.start(again, rng)
    while len(chain.track) < frames and len(chain.transitions) < 5:
        if chain.then(again) > 1.2:
            raise Rejected("hard transition")
    return chain.track.slice(0, min(frames, len(chain.track))), [s for s in chain.transitions if s[1] < frames - 2]


def _bend_path(track: Track, turn: torch.Tensor, stretch: float) -> Track:
    made, short = bend_path(track, turn, stretch)
    if short > SHORT_M:
        raise Rejected("foot out of reach")
    return made


def distance(context: ComposeContext, rng: Rng) -> Composition:
    """Travel over a distance, from standing to standing."""
    unit = draw_class(context, rng, only=("walk",) if rng.random() < 0.85 else ("jog", "run"))
    stretch = float(rng.uniform(0.8, 1.15))
    part = _part(context, unit, rng, frames=int(rng.integers(20, 120)))
    low, high = part.starts[0], part.stops[1]
    walked = part.track.slice(max(0, low - 2), high)
    walked = _bend_path(walked, torch.zeros(len(walked), dtype=torch.float64), stretch)
    shift = max(0, low - 2)
    walk = Part(unit, walked, (part.starts[0] - shift, part.starts[1] - shift), (part.stops[0] - shift, high - shift))
    used = [unit]
    if rng.random() < 0.7:
        chain = Chain.start(_standing(context, rng), rng)
        chain.then(walk)
    else:
        chain = Chain.start(walk, rng)
    chain.then(_standing(context, rng))
    chain.finish(rng)
    segments = chain.segments()
    at = next(i for i, segment in enumerate(segments) if segment.kind == "travel")
    # the first and the last step lie in the transitions
    first = chain.transitions[0][0] / chain.track.fps if at else 0.0
    span = (first, chain.transitions[-1][1] / chain.track.fps + 0.1)
    segment = replace(segments[at], span=span, stops=True)
    return Composition(
        chain.track, "one", [segment], [context.source(u) for u in used], chain.transitions, _named(context, unit)
    )


def _standing(context: ComposeContext, rng: Rng) -> Part:
    """About half a second to a second of standing."""
    unit = context.library.draw(rng, ["stand_still"])
    return context.part(unit).cut(rng, int(rng.integers(16, 32)))


def hold(context: ComposeContext, rng: Rng) -> Composition:
    """Standing still for some seconds, then an act; or the reverse."""
    still = context.library.draw(rng, ["stand_still"])
    seconds = int(rng.integers(1, 5))
    part = context.part(still)
    frames = part.stops[1] - part.starts[0]
    factor = min(1.0, max(0.35, frames / (30 * seconds + 6)))
    held = part.faster(factor).cut(rng, 30 * seconds + 4)
    unit = draw_class(context, rng)
    if rng.random() < 0.7:
        chain = Chain.start(held, rng)
        chain.then(_part(context, unit, rng))
        units = [still, unit]
    else:
        chain = Chain.start(_part(context, unit, rng), rng)
        chain.then(held)
        units = [unit, still]
    chain.finish(rng)
    return _of_chain(context, chain, "then", units)


def single(context: ComposeContext, rng: Rng) -> Composition:
    """One act alone, cut at its start and end."""
    unit = draw_class(context, rng)
    factor = float(rng.uniform(0.9, 1.1))
    chain = Chain.start(_part(context, unit, rng, frames=int(rng.integers(45, 180)), factor=factor), rng)
    chain.finish(rng)
    return _as_one(context, chain, [unit], unit)


KINDS: Mapping[str, tuple[float, Callable[[ComposeContext, Rng], Composition]]] = {
    "then": (0.36, sequence),
    "while": (0.12, at_once),
    "repeat": (0.14, repetition),
    "pace": (0.11, pace),
    "turn": (0.13, bend),
    "distance": (0.08, distance),
    "hold": (0.03, hold),
    "single": (0.03, single),
}
"""Kind -> its share of the clips, and the function that composes it."""
