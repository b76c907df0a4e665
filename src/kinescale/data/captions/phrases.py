"""Sentences from outside the phrase book, each with claims that can be measured; for evaluation alone.

``phrases.toml`` holds them: slang, long sentences, negatives, sides, two actions in one sentence, as people type them.
Training captions come from the phrase book; a model that knows only that book's words fails here.

A claim is a line of words:

| claim | kept when |
| --- | --- |
| ``does KIND[:SIDE]`` | an event of the kind (``measured.records.Kind``) happens, on that side |
| ``never KIND[:SIDE]`` | none happens |
| ``goes DIRECTION`` | the mean direction of travel in the body's frame is within 30 degrees of it |
| ``turns SIDE [LOW HIGH]`` | net turn to that side (left, right, any), degrees; at least 30 without bounds |
| ``faces ahead`` | net turn below 45 degrees either way |
| ``gait GAIT`` | the gait kept for longest (stand, walk, jog, run) |
| ``speed LOW HIGH`` | mean speed while it travels, m/s |
| ``way LOW HIGH`` | length of the way, m |
| ``progress LOW HIGH`` | way from the first place to the last by the clip's length, m/s |
| ``steps N``, ``times KIND N`` | exactly so many |
| ``order KIND[:SIDE] KIND[:SIDE]`` | the first begins before the second |
| ``peak MEASURE LOW HIGH`` | a highest value of ``metrics.peaks`` |
| ``lean LOW HIGH`` | mean lean of the trunk forward, degrees |
| ``hands LOW HIGH`` | mean distance of the wrists from the hips on the ground plane, m of an adult |

Alternatives stand in one word with ``|`` between; ``-`` is no bound.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, Literal, get_args

import numpy as np
from pydantic import Field

from kinescale.core.errors import ConfigError, DataError
from kinescale.core.records import Record
from kinescale.data.captions.instructions import SOONER_S, score
from kinescale.description import Description, Event, describe
from kinescale.description.body import Body, body_of
from kinescale.description.claims import Claim
from kinescale.description.records import Direction, Gait, Kind
from kinescale.motion import Motion

FILE = "phrases.toml"
PhraseKind = Literal["plain", "paraphrase", "compound", "style", "side"]
KINDS: tuple[PhraseKind, ...] = get_args(PhraseKind)

SIDES = ("left", "right", "both")
TURN_LEAST, AHEAD = 30.0, 45.0
"""Degrees of net turn from which a body turns, and below which it keeps its facing."""

Peaks = Callable[[Motion], Mapping[str, float]]


class Phrase(Record):
    """A sentence with its claims.

    ``like``: actions ("walk") or actions in a style ("walk/old") whose recordings do the same; ``~`` before one: their
    mirror images do.
    """

    text: str
    kind: PhraseKind
    claims: tuple[str, ...]
    seconds: float = 4.0
    tags: tuple[str, ...] = ()
    like: tuple[str, ...] = ()


class _Group(Record):
    """A table of the file."""

    kind: PhraseKind
    claims: tuple[str, ...] = Field(min_length=1)
    texts: tuple[str, ...] = Field(min_length=1)
    seconds: float = Field(default=4.0, gt=0)
    tags: tuple[str, ...] = ()
    like: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def phrases() -> tuple[Phrase, ...]:
    """Every sentence of the file, in its order. ``DataError`` for a file with a claim that cannot be read."""
    text = resources.files("kinescale.data.captions").joinpath(FILE).read_text(encoding="utf-8")
    return read(text)


def read(text: str) -> tuple[Phrase, ...]:
    """Sentences from TOML text of the same form. ``DataError`` for what is not."""
    try:
        tables = tomllib.loads(text).get("group", [])
    except tomllib.TOMLDecodeError as problem:
        raise DataError(f"phrases: the text is no TOML ({problem}); expected tables [[group]].") from None
    found: list[Phrase] = []
    for number, table in enumerate(tables, start=1):
        try:
            group = _Group.parse(table, where=f"phrases, group {number}")
        except ConfigError as problem:
            raise DataError(str(problem)) from None
        for claim in group.claims:
            parse_claim(claim)
        shared = group.to_json()
        del shared["texts"]
        found += [Phrase.parse({**shared, "text": line}) for line in group.texts]
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Seen:
    """A motion as claims look at it, measured once. ``peaks`` measures its highest values."""

    motion: Motion
    peaks: Peaks

    @cached_property
    def description(self) -> Description:
        """What it does."""
        return describe(self.motion)

    @cached_property
    def body(self) -> Body:
        """Its joints by role."""
        return body_of(self.motion)


def keeps(claim: str, seen: Seen) -> bool:
    """Whether a motion keeps a claim. ``DataError`` for a claim that cannot be read."""
    return parse_claim(claim)(seen)


def parse_claim(claim: str) -> Callable[[Seen], bool]:
    """A claim as a function of what is seen; ``DataError`` when its words are not in the language."""
    verb, _, rest = claim.partition(" ")
    if verb not in _VERBS:
        raise DataError(f"the claim '{claim}' begins with '{verb}'; expected one of {', '.join(_VERBS)}.")
    try:
        return _VERBS[verb](rest.split())
    except (ValueError, IndexError) as problem:
        raise DataError(f"the claim '{claim}' cannot be read ({problem}); see data/captions/phrases.py.") from None


def _does(words: Sequence[str]) -> Callable[[Seen], bool]:
    acts = _acts(*words)
    return lambda seen: bool(_events(seen, acts))


def _never(words: Sequence[str]) -> Callable[[Seen], bool]:
    acts = _acts(*words)
    return lambda seen: not _events(seen, acts)


def _goes(words: Sequence[str]) -> Callable[[Seen], bool]:
    direction: Any = " ".join(words)
    if direction not in get_args(Direction):
        raise ValueError(f"'{direction}' is no direction")
    claim = Claim(kind="direction", direction=direction)
    return lambda seen: score(claim, seen.description).fulfilled


def _turns(words: Sequence[str]) -> Callable[[Seen], bool]:
    side, low, high = words[0], *(_bounds(words[1:]) if words[1:] else (TURN_LEAST, np.inf))
    if side not in ("left", "right", "any"):
        raise ValueError(f"'{side}' is no side")

    def kept(seen: Seen) -> bool:
        turned = seen.description.path.turn_deg
        return low <= {"left": turned, "right": -turned, "any": abs(turned)}[side] <= high

    return kept


def _faces(words: Sequence[str]) -> Callable[[Seen], bool]:
    if list(words) != ["ahead"]:
        raise ValueError("only 'faces ahead' is known")
    return lambda seen: abs(seen.description.path.turn_deg) < AHEAD


def _gait(words: Sequence[str]) -> Callable[[Seen], bool]:
    (word,) = words
    gaits = word.split("|")
    if not set(gaits) <= set(get_args(Gait)):
        raise ValueError(f"'{word}' is no gait")
    return lambda seen: seen.description.path.gait in gaits


def _number(measure: Callable[[Seen], float]) -> Callable[[Sequence[str]], Callable[[Seen], bool]]:
    """A verb whose words are the bounds of one number."""

    def verb(words: Sequence[str]) -> Callable[[Seen], bool]:
        low, high = _bounds(words)
        return lambda seen: low <= measure(seen) <= high

    return verb


def _steps(words: Sequence[str]) -> Callable[[Seen], bool]:
    (count,) = words
    wanted = int(count)
    return lambda seen: seen.description.steps == wanted


def _times(words: Sequence[str]) -> Callable[[Seen], bool]:
    acts, wanted = _acts(words[0]), int(words[1])
    return lambda seen: sum(event.count or 1 for event in _events(seen, acts)) == wanted


def _order(words: Sequence[str]) -> Callable[[Seen], bool]:
    first, second = (_acts(word) for word in words)

    def kept(seen: Seen) -> bool:
        one, two = _events(seen, first), _events(seen, second)
        return bool(one and two) and one[0].start_s + SOONER_S <= two[-1].start_s

    return kept


def _peak(words: Sequence[str]) -> Callable[[Seen], bool]:
    name, (low, high) = words[0], _bounds(words[1:])
    if not re.fullmatch(r"[a-z_]+", name):
        raise ValueError(f"'{name}' is no measure")
    # a measure that the skeleton does not have is not kept
    return lambda seen: low <= seen.peaks(seen.motion).get(name, np.nan) <= high


def _lean(seen: Seen) -> float:
    body = seen.body
    trunk = body.trunk
    if trunk is None:
        return float("nan")
    ahead = trunk[:, 0] * np.sin(body.yaw) + trunk[:, 2] * np.cos(body.yaw)
    return float(np.degrees(np.arctan2(ahead, trunk[:, 1])).mean())


def _hands(seen: Seen) -> float:
    body = seen.body
    if not body.has_arms:
        return float("nan")
    apart = [np.linalg.norm((body.at[f"{s}_wrist"] - body.hips)[:, [0, 2]], axis=-1).mean() for s in ("left", "right")]
    return float(np.mean(apart)) / body.scale


def _acts(*words: str) -> tuple[tuple[str, str | None], ...]:
    """(kind, side) alternatives of ``kind[:side]|...``."""
    (word,) = words
    found = []
    for part in word.split("|"):
        kind, _, side = part.partition(":")
        if kind not in get_args(Kind) or (side and side not in SIDES):
            raise ValueError(f"'{part}' is no action")
        found.append((kind, side or None))
    return tuple(found)


def _events(seen: Seen, acts: Sequence[tuple[str, str | None]]) -> list[Event]:
    return [
        event
        for event in seen.description.events
        if any(event.kind == kind and side in (None, event.side) for kind, side in acts)
    ]


def _bounds(words: Sequence[str]) -> tuple[float, float]:
    low, high = words
    return (-np.inf if low == "-" else float(low)), (np.inf if high == "-" else float(high))


_VERBS: Mapping[str, Callable[[Sequence[str]], Callable[[Seen], bool]]] = {
    "does": _does,
    "never": _never,
    "goes": _goes,
    "turns": _turns,
    "faces": _faces,
    "gait": _gait,
    "speed": _number(lambda seen: seen.description.path.speed_m_s),
    "way": _number(lambda seen: seen.description.path.distance_m),
    "progress": _number(lambda seen: seen.description.path.displacement_m / max(seen.description.seconds, 1e-9)),
    "steps": _steps,
    "times": _times,
    "order": _order,
    "peak": _peak,
    "lean": _number(_lean),
    "hands": _number(_hands),
}

__all__ = ["KINDS", "Phrase", "PhraseKind", "Seen", "keeps", "parse_claim", "phrases", "read"]
