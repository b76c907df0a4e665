"""Clauses about one segment of a composed clip, made from measurements, at several levels of detail.

A clause is a phrase in the base form with the statements that it makes. Its numbers come from the measured description
of the finished clip; ``statements.holds`` checks each once more, also on the mirror image.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from kinescale.data.captions.phrase_book import STYLES
from kinescale.data.compose.captions import phrases as w
from kinescale.data.compose.captions.statements import Statement, holds, pace
from kinescale.description.grammar import conjugate
from kinescale.description.records import Description, Event, Side
from kinescale.description.words import number, times

BRIEF, PLAIN, FULL, STYLED = 0, 1, 2, 3

NICE_DEG = (30, 45, 60, 90, 120, 135, 150, 180, 225, 270, 360)
NICE_WITHIN = 12.0
"""Angles that are rounded to these numbers where they are within ``NICE_WITHIN`` of one; else to five degrees."""

MOST_DEG = 400.0
"""Largest turn that is stated in degrees."""

LEAST_WAY_M, ROUND_SHARE = 0.75, 0.12
"""Shortest distance stated in meters, and the relative tolerance for rounding it."""

MOST_STEPS = 8
MOST_COUNT = 6


@dataclass(frozen=True)
class Segment:
    """A segment of a composed clip and the act that it shows.

    Parameters
    ----------
    kind, side : the measured act; "" where only ``phrases`` of the label ``label`` describe it.
    span : seconds.
    tempo : "slow" or "fast", relative to other clips of its class.
    stops : the body stands still at the end.
    style : of the source clip, whose adverbs fit.
    own : measured on the segment alone, with ``span`` from its start.
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
    """A phrase with marked verbs, its statements, and its level of detail (``BRIEF`` to ``STYLED``)."""

    phrase: str
    statements: tuple[Statement, ...]
    detail: int


def clauses(segment: Segment, found: Description, rng: random.Random) -> list[Clause]:
    """Clauses for a segment; none where the clip does not show its act."""
    if segment.kind == "":
        made = _labelled(segment)
    elif segment.kind == "travel":
        made = _travel(segment, found, rng)
    elif segment.kind in ("turn", "circle"):
        made = _turn(segment, found, rng)
    elif segment.kind == "stand_still":
        made = _still(segment, found)
    else:
        made = _act(segment, found)
    made += [
        Clause(f"{clause.phrase} {adverb}", clause.statements, STYLED)
        for clause in _some([one for one in made if one.detail == BRIEF], rng, 4)
        for adverb in _adverbs(segment)
    ]
    return [clause for clause in made if all(holds(one, found) for one in clause.statements)]


def _adverbs(segment: Segment) -> tuple[str, ...]:
    """Adverbs of the source's style, except those of pace, which may differ in the composed clip."""
    look = STYLES.get(segment.style)
    if look is None or segment.kind == "stand_still":
        return ()
    return tuple(adverb for adverb in look.adverbs if adverb not in w.PACE_ADVERBS)


def events_of(segment: Segment, found: Description) -> list[Event]:
    """The measured events of a segment's act."""
    kinds = ("turn", "circle") if segment.kind in ("turn", "circle") else (segment.kind,)
    inside = []
    for event in found.events:
        if event.kind in kinds and segment.side in (None, event.side):
            shared = min(event.end_s, segment.span[1] + 0.35) - max(event.start_s, segment.span[0] - 0.35)
            if shared > 0.5 * max(event.seconds, 1e-3):
                inside.append(event)
    return inside


def _labelled(segment: Segment) -> list[Clause]:
    needs = w.EVIDENCE.get(segment.label, ())
    statement = (Statement(kind="label", span=segment.span, any_of=tuple(needs)),) if needs else ()  # pyright: ignore
    return [Clause(phrase, statement, BRIEF) for phrase in segment.phrases]


def _act(segment: Segment, found: Description) -> list[Clause]:
    events = events_of(segment, found)
    if not events:
        return []
    # with no side in the phrase, the other limb's acts would count, too
    count = sum(event.count or 1 for event in events) if segment.kind not in ("lie_down", "sit_down", "stand_up") else 1
    sided = _named(segment.kind, events[0].side)
    base = Statement(kind=segment.kind, side=segment.side, span=segment.span)
    made = []
    many = segment.kind not in ("wave", "clap") and count > 1
    for phrase in w.ACTS[segment.kind]:
        if not many:
            made.append(Clause(phrase.format(**sided), (base,), BRIEF))
        elif count >= 3 and segment.kind != "raise_hand":
            made += [
                Clause(f"{phrase.format(**sided)} {often}", (base.but(least_count=3),), BRIEF) for often in w.OFTEN[:3]
            ]
    counted = segment.kind in w.COUNTED and (many or (segment.kind in ("wave", "clap") and 2 <= count <= MOST_COUNT))
    if counted and count <= MOST_COUNT:
        forms = {"times": times(count), "number": number(count), "s": "s", "es": "es", **sided}
        figures = {**forms, "times": f"{count} times", "number": str(count)}
        statement = base.but(count=count)
        for phrase in w.COUNTED[segment.kind]:
            made += [Clause(phrase.format(**some), (statement,), PLAIN) for some in (forms, figures)]
    elif count == 1 and segment.kind in ("jump", "kick", "squat", "hop"):
        made += [
            Clause(f"{phrase.format(**sided)} once", (base.but(count=1),), PLAIN) for phrase in w.ACTS[segment.kind][:2]
        ]
    made += _levels(segment, events, sided, base) if not many else []
    if segment.tempo:
        made += [
            Clause(f"{clause.phrase} {tempo}", clause.statements, PLAIN)
            for clause in made[:3]
            for tempo in w.TEMPOS[segment.tempo]
        ]
    return made


_HEIGHTS = {"chest": "chest height", "shoulder": "shoulder height", "head": "head height"}


def _levels(segment: Segment, events: Sequence[Event], sided: dict[str, str], base: Statement) -> list[Clause]:
    """How high a hand or a foot comes."""
    level = events[0].level
    if level is None or segment.kind not in ("wave", "raise_hand", "kick"):
        return []
    if level == "overhead":
        how = ("above the head", "high overhead", "up over the head")
    else:
        how = (f"{'at' if segment.kind == 'wave' else 'to'} {_HEIGHTS[level]}",)
    return [
        Clause(f"{phrase.format(**sided)} {some}", (base,), PLAIN)
        for phrase in w.ACTS[segment.kind][:2]
        for some in how
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


def _still(segment: Segment, found: Description) -> list[Clause]:
    events = events_of(segment, found)
    if not events:
        return []
    seconds = sum(min(e.end_s, segment.span[1]) - max(e.start_s, segment.span[0]) for e in events)
    base = Statement(kind="stand_still", span=segment.span)
    made = [Clause(phrase, (base,), BRIEF) for phrase in w.ACTS["stand_still"]]
    whole = round(seconds)
    if whole >= 1 and abs(whole - seconds) <= 0.2 * whole:
        statement = base.but(seconds=float(whole))
        unit = "second" if whole == 1 else "seconds"
        for how in (f"for {number(whole)} {unit}", f"for {whole} {unit}", f"for about {number(whole)} {unit}"):
            made += [Clause(f"{phrase} {how}", (statement,), PLAIN) for phrase in w.ACTS["stand_still"][:3]]
    elif seconds < 1.6:
        made += [Clause(f"{phrase} for a moment", (base,), PLAIN) for phrase in w.ACTS["stand_still"][:2]]
    return made


def _travel(segment: Segment, found: Description, rng: random.Random) -> list[Clause]:
    events = events_of(segment, found)
    if not events or len({(e.direction, e.gait) for e in events}) > 1:
        return []
    gait, direction = events[0].gait, events[0].direction
    if gait is None or gait not in w.GAITS or direction is None:
        return []
    base = Statement(kind="travel", span=segment.span, direction=direction, gaits=(gait,))
    verbs = w.GAITS[gait] + (("*sprint", "*dash") if pace(events) > w.SPRINT_M_S else ())
    turned = any(e.kind in ("turn", "circle") for e in found.events)
    ways = [way for way in w.DIRECTIONS[direction] if not (turned and way in w.UNTURNED)]
    made = [Clause(f"{verb} {way}", (base,), BRIEF) for verb in verbs for way in ways]
    if direction == "forward" and gait in ("walk", "run"):
        made.append(Clause(f"*{gait}", (base,), BRIEF))
    paces = _paces(events, base)
    lengths = _lengths(events, base)
    steps = _steps(events, base, rng.choice(ways), segment)
    made += _some(
        [Clause(f"{rng.choice(verbs)} {rng.choice(ways)} {words}", (one,), PLAIN) for words, one in paces], rng, 5
    )
    made += [Clause(f"{rng.choice(verbs)} {rng.choice(ways)} {words}", (one,), PLAIN) for words, one in lengths]
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


def _paces(events: Sequence[Event], base: Statement) -> list[tuple[str, Statement]]:
    speed = pace(list(events))
    table = w.WALK_PACES if events[0].gait == "walk" else w.RUN_PACES
    return [
        (words, base.but(low=one.low, high=one.high))
        for one in table
        if one.low <= speed <= one.high
        for words in one.words
    ]


def _lengths(events: Sequence[Event], base: Statement) -> list[tuple[str, Statement]]:
    way = sum(event.distance_m or 0.0 for event in events)
    if way < LEAST_WAY_M:
        return []
    statement = base.but(distance_m=round(way, 2))
    made = [(f"for {way:.1f} metres", statement), (f"about {way:.1f} m", statement)]
    half = round(2 * way) / 2
    if abs(half - way) <= ROUND_SHARE * half and half >= 1:
        whole, rest = divmod(half, 1)
        amount = base.but(distance_m=half)
        unit = "metre" if half == 1 else "metres"
        if rest:
            in_words = f"{number(int(whole))} and a half metres"
            made += [(f"about {in_words}", amount), (f"{half:g} metres", amount), (in_words, amount)]
        else:
            words = f"{number(int(whole))} {unit}"
            made += [(text, amount) for text in (words, f"{int(whole)} {unit}", f"about {words}", f"{int(whole)} m")]
            made += [(f"for {words}", amount), (f"{number(int(whole))} meter{'s' if whole > 1 else ''}", amount)]
    return made


def _steps(events: Sequence[Event], base: Statement, way: str, segment: Segment) -> list[Clause]:
    steps = sum(event.steps or 0 for event in events)
    if not 1 <= steps <= MOST_STEPS or not segment.stops:
        return []
    s = "" if steps == 1 else "s"
    statement = base.but(steps=steps)
    made = [Clause(f"*take {some} step{s} {way}", (statement,), PLAIN) for some in (number(steps), str(steps))]
    if events[0].gait == "walk":
        made.append(Clause(f"*walk {number(steps)} step{s} {way}", (statement,), PLAIN))
    return made


def _turn(segment: Segment, found: Description, rng: random.Random) -> list[Clause]:
    events = events_of(segment, found)
    if len(events) != 1 or events[0].side not in ("left", "right") or (events[0].angle_deg or 0.0) > MOST_DEG:
        return []
    event = events[0]
    angle, side = event.angle_deg or 0.0, str(event.side)
    base = Statement(kind="turn", span=segment.span, side=event.side)
    travel = [e for e in found.events if e.kind == "travel" and _overlap(e, event) > 0.5 * event.seconds]
    going = travel[0].gait if travel else None
    made = [Clause(phrase, (base,), BRIEF) for phrase in _turn_words(angle, side)]
    made += [Clause(phrase, (base.but(angle_deg=amount),), PLAIN) for phrase, amount in _angle_words(angle, side)]
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
        made += [Clause(f"{walk} and {clause.phrase}", clause.statements, FULL) for clause in some]
        made += [
            Clause(f"{walk} {fast} and *turn {side}", (base, statement), FULL)
            for fast, statement in _paces(travel, Statement(kind="travel", span=(0.0, found.seconds)))[:3]
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
    amount = near if abs(near - angle) <= NICE_WITHIN else 5 * round(angle / 5)
    made = [
        f"*turn {side} by {amount} degrees",
        f"*turn {amount} degrees to the {side}",
        f"*turn {number(amount)} degrees to the {side}",
        f"*make a {amount} degree turn to the {side}",
        f"*turn {side} by about {number(amount)} degrees",
    ]
    if amount == 90:
        made += [
            f"*make a quarter turn to the {side}",
            f"*turn {side} at a right angle",
            f"*turn a quarter turn {side}",
        ]
    if amount == 180:
        made += [f"*make half a turn to the {side}", f"*make a half turn {side}", f"*do a U-turn to the {side}"]
    if amount == 360:
        made += [f"*make a full turn to the {side}", f"*turn once all the way around to the {side}"]
    if amount == 270:
        made += [f"*make three quarters of a turn to the {side}"]
    if amount == 45:
        made += [f"*make an eighth of a turn to the {side}"]
    return [(phrase, float(amount)) for phrase in made]
