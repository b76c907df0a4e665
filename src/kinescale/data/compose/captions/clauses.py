"""Clauses about one stretch of a clip, made from what is measured there, at three levels of detail.

A clause is a phrase in the base form with the statements it makes. Since its numbers are read off the description of
the finished clip, a clause is true of that clip; ``stated.holds`` checks it once more, and on the mirror image.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from kinescale.data.captions.phrase_book import STYLES
from kinescale.data.compose.captions import phrases as w
from kinescale.data.compose.captions.statements import Stated, holds, pace
from kinescale.description.grammar import conjugate
from kinescale.description.records import Description, Event, Side
from kinescale.description.words import number, times

BRIEF, PLAIN, FULL, STYLED = 0, 1, 2, 3

NICE_DEG = (30, 45, 60, 90, 120, 135, 150, 180, 225, 270, 360)
NICE_WITHIN = 12.0
"""Angles that are told by a round number where they are so near it; others are told to five degrees."""

MOST_DEG = 400.0
"""What turns further is told by nobody in degrees."""

LEAST_WAY_M, ROUND_SHARE = 0.75, 0.12
"""Shortest way told in metres, and how near it has to be to a round one to be told as such."""

MOST_STEPS = 8
MOST_COUNT = 6


@dataclass(frozen=True)
class Piece:
    """A stretch of a composed clip and what it is meant to show.

    kind, side : the act that was put there; "" where only ``phrases`` of the label ``label`` tell. span : seconds.
    tempo : "slow" or "fast" where it is so against others of its class. stops : the body stands at the end.
    style : of the source, whose adverbs fit. own : described on its stretch alone, with ``span`` from its start.
    """

    kind: str
    span: tuple[float, float]
    side: Side | None = None
    label: str = ""
    phrases: tuple[str, ...] = ()
    tempo: str = ""
    stops: bool = False
    style: str = "normal"
    own: bool = False


@dataclass(frozen=True)
class Clause:
    """A phrase with marked verbs, what it states, and how much it tells (``BRIEF`` to ``STYLED``)."""

    phrase: str
    stated: tuple[Stated, ...]
    detail: int


def clauses(piece: Piece, found: Description, rng: random.Random) -> list[Clause]:
    """What can be said of a piece; empty where the clip does not show it."""
    if piece.kind == "":
        made = _labelled(piece)
    elif piece.kind == "travel":
        made = _travel(piece, found, rng)
    elif piece.kind in ("turn", "circle"):
        made = _turn(piece, found, rng)
    elif piece.kind == "stand_still":
        made = _still(piece, found)
    else:
        made = _act(piece, found)
    made += [
        Clause(f"{clause.phrase} {adverb}", clause.stated, STYLED)
        for clause in _some([one for one in made if one.detail == BRIEF], rng, 4)
        for adverb in _adverbs(piece)
    ]
    return [clause for clause in made if all(holds(stated, found) for stated in clause.stated)]


def _adverbs(piece: Piece) -> tuple[str, ...]:
    """Of the source's style: those that say nothing of the pace, which may be another here."""
    look = STYLES.get(piece.style)
    if look is None or piece.kind == "stand_still":
        return ()
    return tuple(adverb for adverb in look.adverbs if adverb not in w.PACE_ADVERBS)


def events_of(piece: Piece, found: Description) -> list[Event]:
    """The events that a piece is about."""
    kinds = ("turn", "circle") if piece.kind in ("turn", "circle") else (piece.kind,)
    inside = []
    for event in found.events:
        if event.kind in kinds and piece.side in (None, event.side):
            shared = min(event.end_s, piece.span[1] + 0.35) - max(event.start_s, piece.span[0] - 0.35)
            if shared > 0.5 * max(event.seconds, 1e-3):
                inside.append(event)
    return inside


def _labelled(piece: Piece) -> list[Clause]:
    needs = w.EVIDENCE.get(piece.label, ())
    stated = (Stated(kind="label", span=piece.span, any_of=tuple(needs)),) if needs else ()  # pyright: ignore
    return [Clause(phrase, stated, BRIEF) for phrase in piece.phrases]


def _act(piece: Piece, found: Description) -> list[Clause]:
    events = events_of(piece, found)
    if not events:
        return []
    # with no side in the phrase, the other limb's acts would count, too
    count = sum(event.count or 1 for event in events) if piece.kind not in ("lie_down", "sit_down", "stand_up") else 1
    sided = _named(piece.kind, events[0].side)
    base = Stated(kind=piece.kind, side=piece.side, span=piece.span)
    made = []
    many = piece.kind not in ("wave", "clap") and count > 1
    for phrase in w.ACTS[piece.kind]:
        if not many:
            made.append(Clause(phrase.format(**sided), (base,), BRIEF))
        elif count >= 3 and piece.kind != "raise_hand":
            made += [
                Clause(f"{phrase.format(**sided)} {often}", (base.but(least_count=3),), BRIEF) for often in w.OFTEN[:3]
            ]
    counted = piece.kind in w.COUNTED and (many or (piece.kind in ("wave", "clap") and 2 <= count <= MOST_COUNT))
    if counted and count <= MOST_COUNT:
        forms = {"times": times(count), "number": number(count), "s": "s", "es": "es", **sided}
        figures = {**forms, "times": f"{count} times", "number": str(count)}
        stated = base.but(count=count)
        for phrase in w.COUNTED[piece.kind]:
            made += [Clause(phrase.format(**some), (stated,), PLAIN) for some in (forms, figures)]
    elif count == 1 and piece.kind in ("jump", "kick", "squat", "hop"):
        made += [
            Clause(f"{phrase.format(**sided)} once", (base.but(count=1),), PLAIN) for phrase in w.ACTS[piece.kind][:2]
        ]
    made += _levels(piece, events, sided, base) if not many else []
    if piece.tempo:
        made += [
            Clause(f"{clause.phrase} {tempo}", clause.stated, PLAIN)
            for clause in made[:3]
            for tempo in w.TEMPOS[piece.tempo]
        ]
    return made


_HEIGHTS = {"chest": "chest height", "shoulder": "shoulder height", "head": "head height"}


def _levels(piece: Piece, events: Sequence[Event], sided: dict[str, str], base: Stated) -> list[Clause]:
    """How high a hand or a foot comes."""
    level = events[0].level
    if level is None or piece.kind not in ("wave", "raise_hand", "kick"):
        return []
    if level == "overhead":
        how = ("above the head", "high overhead", "up over the head")
    else:
        how = (f"{'at' if piece.kind == 'wave' else 'to'} {_HEIGHTS[level]}",)
    return [
        Clause(f"{phrase.format(**sided)} {some}", (base,), PLAIN) for phrase in w.ACTS[piece.kind][:2] for some in how
    ]


def _named(kind: str, side: Side | None) -> dict[str, str]:
    """Words for a side."""
    if side == "both":
        return {"hands": "both hands", "arms": "both arms", "arm": "arms", "side": "both"}
    return {
        "hands": f"the {side} hand",
        "arms": f"the {side} arm",
        "arm": f"{side} arm",
        "side": str(side),
    }


def _still(piece: Piece, found: Description) -> list[Clause]:
    events = events_of(piece, found)
    if not events:
        return []
    seconds = sum(min(e.end_s, piece.span[1]) - max(e.start_s, piece.span[0]) for e in events)
    base = Stated(kind="stand_still", span=piece.span)
    made = [Clause(phrase, (base,), BRIEF) for phrase in w.ACTS["stand_still"]]
    whole = round(seconds)
    if whole >= 1 and abs(whole - seconds) <= 0.2 * whole:
        stated = base.but(seconds=float(whole))
        unit = "second" if whole == 1 else "seconds"
        for how in (f"for {number(whole)} {unit}", f"for {whole} {unit}", f"for about {number(whole)} {unit}"):
            made += [Clause(f"{phrase} {how}", (stated,), PLAIN) for phrase in w.ACTS["stand_still"][:3]]
    elif seconds < 1.6:
        made += [Clause(f"{phrase} for a moment", (base,), PLAIN) for phrase in w.ACTS["stand_still"][:2]]
    return made


def _travel(piece: Piece, found: Description, rng: random.Random) -> list[Clause]:
    events = events_of(piece, found)
    if not events or len({(e.direction, e.gait) for e in events}) > 1:
        return []
    gait, direction = events[0].gait, events[0].direction
    if gait is None or gait not in w.GAITS or direction is None:
        return []
    base = Stated(kind="travel", span=piece.span, direction=direction, gaits=(gait,))
    verbs = w.GAITS[gait] + (("*sprint", "*dash") if pace(events) > w.SPRINT_M_S else ())
    turned = any(e.kind in ("turn", "circle") for e in found.events)
    ways = [way for way in w.DIRECTIONS[direction] if not (turned and way in w.UNTURNED)]
    made = [Clause(f"{verb} {way}", (base,), BRIEF) for verb in verbs for way in ways]
    if direction == "forward" and gait in ("walk", "run"):
        made.append(Clause(f"*{gait}", (base,), BRIEF))
    paces = _paces(events, base)
    lengths = _lengths(events, base)
    steps = _steps(events, base, rng.choice(ways), piece)
    made += _some(
        [Clause(f"{rng.choice(verbs)} {rng.choice(ways)} {words}", (stated,), PLAIN) for words, stated in paces], rng, 5
    )
    made += [Clause(f"{rng.choice(verbs)} {rng.choice(ways)} {words}", (stated,), PLAIN) for words, stated in lengths]
    made += steps
    made += _some(
        [
            Clause(f"{rng.choice(verbs)} {rng.choice(ways)} {far} {fast}", (one, other), FULL)
            for far, one in lengths
            for fast, other in paces
        ],
        rng,
        3,
    )
    return made


def _some(made: list[Clause], rng: random.Random, count: int) -> list[Clause]:
    return made if len(made) <= count else rng.sample(made, count)


def _paces(events: Sequence[Event], base: Stated) -> list[tuple[str, Stated]]:
    speed = pace(list(events))
    table = w.WALK_PACES if events[0].gait == "walk" else w.RUN_PACES
    return [
        (words, base.but(low=one.low, high=one.high))
        for one in table
        if one.low <= speed <= one.high
        for words in one.words
    ]


def _lengths(events: Sequence[Event], base: Stated) -> list[tuple[str, Stated]]:
    way = sum(event.distance_m or 0.0 for event in events)
    if way < LEAST_WAY_M:
        return []
    stated = base.but(distance_m=round(way, 2))
    made = [(f"for {way:.1f} metres", stated), (f"about {way:.1f} m", stated)]
    half = round(2 * way) / 2
    if abs(half - way) <= ROUND_SHARE * half and half >= 1:
        whole, rest = divmod(half, 1)
        told = base.but(distance_m=half)
        unit = "metre" if half == 1 else "metres"
        if rest:
            in_words = f"{number(int(whole))} and a half metres"
            made += [(f"about {in_words}", told), (f"{half:g} metres", told), (in_words, told)]
        else:
            words = f"{number(int(whole))} {unit}"
            made += [(words, told), (f"{int(whole)} {unit}", told), (f"about {words}", told), (f"{int(whole)} m", told)]
            made += [(f"for {words}", told), (f"{number(int(whole))} meter{'s' if whole > 1 else ''}", told)]
    return made


def _steps(events: Sequence[Event], base: Stated, way: str, piece: Piece) -> list[Clause]:
    steps = sum(event.steps or 0 for event in events)
    if not 1 <= steps <= MOST_STEPS or not piece.stops:
        return []
    s = "" if steps == 1 else "s"
    stated = base.but(steps=steps)
    made = [Clause(f"*take {some} step{s} {way}", (stated,), PLAIN) for some in (number(steps), str(steps))]
    if events[0].gait == "walk":
        made.append(Clause(f"*walk {number(steps)} step{s} {way}", (stated,), PLAIN))
    return made


def _turn(piece: Piece, found: Description, rng: random.Random) -> list[Clause]:
    events = events_of(piece, found)
    if len(events) != 1 or events[0].side not in ("left", "right") or (events[0].angle_deg or 0.0) > MOST_DEG:
        return []
    event = events[0]
    angle, side = event.angle_deg or 0.0, str(event.side)
    base = Stated(kind="turn", span=piece.span, side=event.side)
    travel = [e for e in found.events if e.kind == "travel" and _overlap(e, event) > 0.5 * event.seconds]
    going = travel[0].gait if travel else None
    made = [Clause(phrase, (base,), BRIEF) for phrase in _turn_words(angle, side)]
    made += [Clause(phrase, (base.but(angle_deg=told),), PLAIN) for phrase, told in _angle_words(angle, side)]
    if going is not None and going in w.GAITS:
        walk = f"*{going}"
        long = event.seconds > 2.0 or event.kind == "circle"
        extra = []
        if angle >= 300:
            way = "counterclockwise" if side == "left" else "clockwise"
            extra = [f"{walk} in a circle to the {side}", f"{walk} in a circle, {way}"]
            extra += [f"{walk} round in a {way} circle", f"{walk} in a full circle to the {side}"]
        elif angle >= 150 and event.seconds < 3.0:
            extra = [f"{walk} and *turn around to the {side}", f"{walk} and *make a U-turn to the {side}"]
        if long and angle < 300:
            extra += [f"{walk} in an arc to the {side}", f"{walk} along a curve to the {side}",
                      f"{walk} in a curve that bends {side}"]  # fmt: skip
        extra += [f"{walk} and *turn {side}", f"*turn {side} while {conjugate(going, 'gerund')}"]
        made += [Clause(phrase, (base,), BRIEF) for phrase in extra]
        some = _some([Clause(p, (base.but(angle_deg=t),), PLAIN) for p, t in _angle_words(angle, side)], rng, 4)
        made += [Clause(f"{walk} and {clause.phrase}", clause.stated, FULL) for clause in some]
        made += [
            Clause(f"{walk} {fast} and *turn {side}", (base, stated), FULL)
            for fast, stated in _paces(travel, Stated(kind="travel", span=(0.0, found.seconds)))[:3]
        ]
    return made


def _overlap(one: Event, other: Event) -> float:
    return min(one.end_s, other.end_s) - max(one.start_s, other.start_s)


def _turn_words(angle: float, side: str) -> list[str]:
    if angle >= 300:
        return [f"*turn all the way around to the {side}", f"*make a full turn to the {side}"]
    if angle >= 150:
        return [
            f"*turn around to the {side}",
            f"*make half a turn to the {side}",
            f"*turn back, going round to the {side}",
        ]
    words = [f"*turn {side}", f"*turn to the {side}", f"*make a {side} turn", f"*take a turn to ~their {side}"]
    if angle < 55:
        words += [f"*veer {side}", f"*turn slightly to the {side}", f"*bear {side}"]
    return words


def _angle_words(angle: float, side: str) -> list[tuple[str, float]]:
    """Phrases with the angle in words or figures, and the angle they tell."""
    near = min(NICE_DEG, key=lambda nice: abs(nice - angle))
    told = near if abs(near - angle) <= NICE_WITHIN else 5 * round(angle / 5)
    made = [
        f"*turn {side} by {told} degrees",
        f"*turn {told} degrees to the {side}",
        f"*turn {number(told)} degrees to the {side}",
        f"*make a {told} degree turn to the {side}",
        f"*turn {side} by about {number(told)} degrees",
    ]
    if told == 90:
        made += [
            f"*make a quarter turn to the {side}",
            f"*turn {side} at a right angle",
            f"*turn a quarter turn {side}",
        ]
    if told == 180:
        made += [f"*make half a turn to the {side}", f"*make a half turn {side}", f"*do a U-turn to the {side}"]
    if told == 360:
        made += [f"*make a full turn to the {side}", f"*turn once all the way around to the {side}"]
    if told == 270:
        made += [f"*make three quarters of a turn to the {side}"]
    if told == 45:
        made += [f"*make an eighth of a turn to the {side}"]
    return [(phrase, float(told)) for phrase in made]
