"""The kinds of clips that are composed: what each draws, and how it is put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import torch

from kinescale.data.compose.captions import Piece
from kinescale.data.compose.captions.sentences import Needs, Relation
from kinescale.data.compose.chain import MOST_FRAMES, SHORT_M, Chain, Part, Refused, piece_of
from kinescale.data.compose.context import Workshop
from kinescale.data.compose.parts import EASE, laid_over
from kinescale.data.compose.path import bent, ramp
from kinescale.data.compose.retime import FASTEST, SLOWEST
from kinescale.data.compose.seam import Seam
from kinescale.data.compose.sources import Unit
from kinescale.data.compose.track import Track

Rng = np.random.Generator

FAMILIES: Mapping[str, float] = {
    "walk": 2.5, "jog": 0.8, "run": 1.0, "go_turn": 1.5, "go_circle": 0.4, "turn": 0.8,
    "kick": 2.0, "punch": 1.5, "jump": 1.5, "hop": 1.0, "squat": 1.5, "wave": 2.0, "raise_hand": 1.8,
    "knee_lift": 0.8, "bend": 1.0, "clap": 0.7, "lie_down": 0.8, "sit_down": 1.0, "stand_up": 0.8,
}  # fmt: skip
"""First word of a class -> how often it is drawn; classes told by their label alone share ``LABELLED``."""

LABELLED = 3.5
GAITS = ("walk", "jog", "run")
COUNTABLE = ("kick", "punch", "jump", "hop", "squat", "bend", "knee_lift", "raise_hand", "wave")
ARM_ACTS = ("wave", "raise_hand", "clap", "punch")


@dataclass(eq=False)
class Made:
    """A composed clip before it is judged: frames of the seams, what is to be told and how, and where it is from."""

    track: Track
    relation: Relation
    pieces: list[Piece]
    sources: list[str]
    seams: list[tuple[int, int]] = field(default_factory=list)
    name: str = ""
    factor: float = 1.0
    needs: Needs = ""


def draw_class(
    shop: Workshop, rng: Rng, *, without: str = "", only: tuple[str, ...] = (), way: str | None = None
) -> Unit:
    """A unit of a family drawn by weight, of any of its classes; ``way``: travel in this direction only."""
    names, weights = [], []
    filled = sum(shop.library.size(name) ** 0.5 for name in shop.library.classes if _family(name) == "")
    for name in shop.library.classes:
        family = _family(name)
        if name == without or name == "stand_still" or (only and family not in only):
            continue
        if way is not None and name.split()[1:] != [way]:
            continue
        names.append(name)
        if family:
            alike = sum(_family(other) == family for other in shop.library.classes)
            weights.append(FAMILIES[family] / alike * _plainness(name))
        else:
            # labels of a single clip are many: together they come as often as a few well-filled ones
            weights.append(LABELLED * shop.library.size(name) ** 0.5 / filled)
    if not names:
        raise Refused("no source")
    return shop.library.draw(rng, names, weights)


def _plainness(name: str) -> float:
    """Weight of a direction among those of a gait."""
    first, *way = name.split()
    if first not in GAITS:
        return 1.0
    return {"forward": 5.0, "backward": 2.0, "left": 1.5, "right": 1.5}.get(" ".join(way), 0.6)


def _family(name: str) -> str:
    first = name.split()[0]
    return first if first in FAMILIES else ""


def _part(shop: Workshop, unit: Unit, rng: Rng, *, frames: int | None = None, factor: float = 1.0) -> Part:
    """The unit ready to be laid, of steady ones a cut of so many frames."""
    part = shop.part(unit).faster(factor)
    return part.cut(rng, frames or int(rng.integers(36, 105)))


def sequence(shop: Workshop, rng: Rng) -> Made:
    """A, then B, and rarely then C: of several candidates for the next act the one whose seam is the easiest."""
    count = 3 if rng.random() < 0.18 else 2
    first = draw_class(shop, rng)
    chain = Chain.start(_part(shop, first, rng), rng)
    used = [first]
    while len(used) < count:
        _join_best(shop, rng, chain, used)
    chain.finish(rng)
    return _of_chain(shop, chain, "then", used)


def _join_best(shop: Workshop, rng: Rng, chain: Chain, used: list[Unit], tries: int = 4) -> None:
    """Join on the candidate that goes best with where the chain ends."""
    best: tuple[Seam, Part] | None = None
    for _ in range(tries):
        unit = draw_class(shop, rng, without=used[-1].name)
        part = _part(shop, unit, rng)
        if chain.lasts[0] + part.stops[0] - part.starts[1] + 12 > MOST_FRAMES:
            continue
        seam = chain.seam_to(part)
        if best is None or seam.cost < best[0].cost:
            best = (seam, part)
    if best is None:
        raise Refused("too long")
    chain.then(best[1], best[0])
    used.append(best[1].unit)


def _of_chain(shop: Workshop, chain: Chain, relation: Relation, units: list[Unit]) -> Made:
    sources = [shop.source(unit) for unit in units]
    pieces = chain.told()
    for k, (one, other) in enumerate(pairwise(pieces)):
        if one.kind == other.kind == "travel":
            pieces[k : k + 2] = [_alone(one), _alone(other)]
    striking = next((unit for unit in units if unit.kind not in ("travel", "stand_still")), units[0])
    return Made(chain.track, relation, pieces, sources, chain.seams, _named(shop, striking))


FEW = 8
"""Units of a label below which clips are filed under "other": a class of one clip would be drawn all the time."""


def _named(shop: Workshop, unit: Unit) -> str:
    """What a clip is filed under."""
    return unit.label if unit.kind or shop.library.size(unit.name) >= FEW else "other"


def _alone(piece: Piece) -> Piece:
    """Travel after travel is measured on its own stretch: together they are one."""
    return replace(piece, own=True)


def at_once(shop: Workshop, rng: Rng) -> Made:
    """The arms of one clip on the walk of another."""
    lower = draw_class(shop, rng, only=(*GAITS, "go_turn"))
    upper = draw_class(shop, rng, only=ARM_ACTS)
    length = int(rng.integers(60, 180))
    base = shop.part(lower).cut(rng, length)
    chain = Chain.start(base, rng)
    chain.finish(rng)
    lent = shop.part(upper)
    first, stop = lent.starts[1], lent.stops[0]
    room = len(chain.track) - (stop - first)
    if room < -30:
        first_of = int(rng.integers(0, 8))
        stop = first + len(chain.track) - first_of
        start = first_of
    else:
        start = int(rng.integers(0, max(1, room)))
    if stop - first < EASE + 10:
        raise Refused("too short")
    parts = ("arms",) if upper.side in ("both", None) else (f"{upper.side}_arm",)
    track = laid_over(chain.track, lent.track.slice(first, stop), start, parts)
    (piece,) = chain.told()
    end = min(len(track), start + stop - first) / track.fps
    pieces = [piece, piece_of(upper, start / track.fps, end)]
    return Made(track, "while", pieces, [shop.source(lower), shop.source(upper)], [], _named(shop, upper))


def repetition(shop: Workshop, rng: Rng) -> Made:
    """One act so many times, from one unit or several of a class."""
    unit = draw_class(shop, rng, only=COUNTABLE)
    if unit.kind == "wave":
        return _waves(shop, rng, unit)
    shortest = max(12, unit.frames)
    most = min(6, (MOST_FRAMES - 10) // (shortest + 8))
    if most < 1:
        raise Refused("too long")
    count = int(rng.integers(1, most + 1)) if rng.random() < 0.25 else int(rng.integers(min(2, most), most + 1))
    factor = float(rng.uniform(0.9, 1.2)) if rng.random() < 0.5 else 1.0
    part = _tight(shop.part(unit)).faster(factor)
    chain = Chain.start(part, rng)
    used = [unit]
    for _ in range(count - 1):
        chain.then(part)
    chain.finish(rng)
    return _as_one(shop, chain, used, unit, needs="count")


def _tight(part: Part) -> Part:
    """The act with little before and after it, so that repetitions follow on."""
    low = max(part.starts[0], part.starts[1] - 8)
    high = min(part.stops[1], part.stops[0] + 8)
    return Part(part.unit, part.track, (low, part.starts[1]), (part.stops[0], max(high, part.stops[0])))


def _waves(shop: Workshop, rng: Rng, unit: Unit) -> Made:
    """A wave with some of its swings left out, as often as it then is."""
    part = shop.part(unit)
    low, high = part.starts[1] + 16, part.stops[0] - 16
    if high - low < 24:
        raise Refused("too short")
    # few swings are what one counts
    leave = low + int(rng.integers(8, max(9, min(60, (high - low) // 2))))
    enter = max(leave + 6, high - int(rng.integers(8, 60)))
    chain = Chain.start(Part(unit, part.track, part.starts, (leave, min(leave + 10, high))), rng)
    chain.then(Part(unit, part.track, (enter, min(enter + 10, high)), part.stops))
    chain.finish(rng)
    return _as_one(shop, chain, [unit], unit, needs="count")


def _as_one(shop: Workshop, chain: Chain, used: list[Unit], unit: Unit, *, needs: Needs = "") -> Made:
    """The whole chain told as one piece."""
    whole = piece_of(unit, 0.0, len(chain.track) / chain.track.fps)
    sources = [shop.source(u) for u in used]
    return Made(chain.track, "one", [whole], sources, chain.seams, _named(shop, unit), needs=needs)


def pace(shop: Workshop, rng: Rng) -> Made:
    """Travel, or an act, at another pace; travel with longer or shorter steps, too."""
    travels = rng.random() < 0.65
    unit = draw_class(shop, rng, only=GAITS if travels else (*COUNTABLE, "clap"))
    factor = float(rng.uniform(SLOWEST, FASTEST))
    part = _part(shop, unit, rng, frames=int(rng.integers(60, 150)), factor=factor)
    chain = Chain.start(part, rng)
    chain.finish(rng)
    track = chain.track
    if travels:
        stretch = float(rng.uniform(0.7, 1.2))
        track = _bent(track, torch.zeros(len(track), dtype=torch.float64), stretch)
    made = Made(track, "one", chain.told(), [shop.source(unit)], [], _named(shop, unit), factor)
    if travels and rng.random() < 0.3:
        return _two_paces(shop, rng, unit)
    return made


def _two_paces(shop: Workshop, rng: Rng, unit: Unit) -> Made:
    """Slow, then fast, or the other way."""
    paces = [float(rng.uniform(SLOWEST, 0.85)), float(rng.uniform(1.15, FASTEST))]
    stretch = [float(rng.uniform(0.65, 0.85)), float(rng.uniform(1.05, 1.25))]
    order = (0, 1) if rng.random() < 0.5 else (1, 0)
    parts = []
    for at in order:
        part = _part(shop, unit, rng, frames=int(rng.integers(70, 110)), factor=paces[at])
        low, high = part.starts[0], part.stops[1]
        track = part.track.slice(low, high)
        track = _bent(track, torch.zeros(len(track), dtype=torch.float64), stretch[at])
        starts, stops = ((a - low, b - low) for a, b in (part.starts, part.stops))
        parts.append(Part(unit, track, starts, stops))
    chain = Chain.start(parts[0], rng)
    chain.then(parts[1])
    chain.finish(rng)
    return replace(_of_chain(shop, chain, "then", [unit, unit]), needs="pace")


TURNS = (30, 45, 60, 75, 90, 90, 105, 120, 135, 150, 180, 180, 180)
DEG_S = {"walk": 100.0, "jog": 110.0, "run": 90.0}
"""Fastest turning that a bend asks of who walks or runs, degrees per second."""


def bend(shop: Workshop, rng: Rng) -> Made:
    """A straight walk or run bent into a turn, an arc, a circle."""
    unit = draw_class(shop, rng, only=GAITS, way="backward" if rng.random() < 0.06 else "forward")
    circle = rng.random() < 0.15
    track, seams = _long_travel(shop, rng, unit, 190 if circle else int(rng.integers(75, 170)))
    angle = float(rng.choice((300, 330, 360, 360, 360, 390))) if circle else float(rng.choice(TURNS))
    least = max(14, round(angle / DEG_S[unit.name.split()[0]] * track.fps))
    total = len(track)
    if least > total - 4:
        raise Refused("too short")
    if circle or rng.random() < 0.35:
        start, stop = (0, total) if circle else (int(rng.integers(0, 10)), total - int(rng.integers(1, 10)))
    else:
        longest = min(total - 4, round(1.9 * least))
        width = int(rng.integers(least, longest + 1))
        start = int(rng.integers(2, total - width - 1)) if total - width > 4 else 1
        stop = start + width
    side = "left" if rng.random() < 0.5 else "right"
    turn = ramp(total, start, stop) * float(np.radians(angle)) * (1 if side == "left" else -1)
    made = _bent(track, turn, float(rng.uniform(0.85, 1.1)))
    piece = Piece(kind="turn", span=(0.0, total / track.fps), side=side)
    return Made(made, "one", [piece], [shop.source(unit)], seams, "turn")


def _long_travel(shop: Workshop, rng: Rng, unit: Unit, frames: int) -> tuple[Track, list[tuple[int, int]]]:
    """So many frames of one gait: a cut, or the clip joined to itself until it is long enough."""
    part = shop.part(unit)
    low, high = part.starts[0], part.stops[1]
    if high - low >= frames:
        start = low + int(rng.integers(high - low - frames + 1))
        return part.track.slice(start, start + frames), []
    slack = min(16, (high - low) // 4)
    again = Part(unit, part.track, (low, low + slack), (high - slack, high))
    chain = Chain.start(again, rng)
    while len(chain.track) < frames and len(chain.seams) < 5:
        if chain.then(again) > 1.2:
            raise Refused("hard seam")
    return chain.track.slice(0, min(frames, len(chain.track))), [s for s in chain.seams if s[1] < frames - 2]


def _bent(track: Track, turn: torch.Tensor, stretch: float) -> Track:
    made, short = bent(track, turn, stretch)
    if short > SHORT_M:
        raise Refused("foot out of reach")
    return made


def distance(shop: Workshop, rng: Rng) -> Made:
    """Some way or some steps from standing to standing."""
    unit = draw_class(shop, rng, only=("walk",) if rng.random() < 0.85 else ("jog", "run"))
    stretch = float(rng.uniform(0.8, 1.15))
    part = _part(shop, unit, rng, frames=int(rng.integers(20, 120)))
    low, high = part.starts[0], part.stops[1]
    walked = part.track.slice(max(0, low - 2), high)
    walked = _bent(walked, torch.zeros(len(walked), dtype=torch.float64), stretch)
    shift = max(0, low - 2)
    walk = Part(unit, walked, (part.starts[0] - shift, part.starts[1] - shift), (part.stops[0] - shift, high - shift))
    used = [unit]
    if rng.random() < 0.7:
        chain = Chain.start(_standing(shop, rng), rng)
        chain.then(walk)
    else:
        chain = Chain.start(walk, rng)
    chain.then(_standing(shop, rng))
    chain.finish(rng)
    pieces = chain.told()
    at = next(i for i, piece in enumerate(pieces) if piece.kind == "travel")
    # the first and the last step are made at the seams
    first = chain.seams[0][0] / chain.track.fps if at else 0.0
    span = (first, chain.seams[-1][1] / chain.track.fps + 0.1)
    piece = replace(pieces[at], span=span, stops=True)
    return Made(chain.track, "one", [piece], [shop.source(u) for u in used], chain.seams, _named(shop, unit))


def _standing(shop: Workshop, rng: Rng) -> Part:
    """About half a second to a second of standing."""
    unit = shop.library.draw(rng, ["stand_still"])
    return shop.part(unit).cut(rng, int(rng.integers(16, 32)))


def hold(shop: Workshop, rng: Rng) -> Made:
    """Standing still for some seconds, then an act; or the other way."""
    still = shop.library.draw(rng, ["stand_still"])
    seconds = int(rng.integers(1, 5))
    part = shop.part(still)
    frames = part.stops[1] - part.starts[0]
    factor = min(1.0, max(0.35, frames / (30 * seconds + 6)))
    held = part.faster(factor).cut(rng, 30 * seconds + 4)
    unit = draw_class(shop, rng)
    if rng.random() < 0.7:
        chain = Chain.start(held, rng)
        chain.then(_part(shop, unit, rng))
        units = [still, unit]
    else:
        chain = Chain.start(_part(shop, unit, rng), rng)
        chain.then(held)
        units = [unit, still]
    chain.finish(rng)
    return _of_chain(shop, chain, "then", units)


def single(shop: Workshop, rng: Rng) -> Made:
    """One act alone, cut at its start and end."""
    unit = draw_class(shop, rng)
    factor = float(rng.uniform(0.9, 1.1))
    chain = Chain.start(_part(shop, unit, rng, frames=int(rng.integers(45, 180)), factor=factor), rng)
    chain.finish(rng)
    return _as_one(shop, chain, [unit], unit)


KINDS: Mapping[str, tuple[float, Callable[[Workshop, Rng], Made]]] = {
    "then": (0.36, sequence),
    "while": (0.12, at_once),
    "repeat": (0.14, repetition),
    "pace": (0.11, pace),
    "turn": (0.13, bend),
    "distance": (0.08, distance),
    "hold": (0.03, hold),
    "single": (0.03, single),
}
"""Kind -> its share, and how it is made."""
