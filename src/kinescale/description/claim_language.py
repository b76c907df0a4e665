"""Claim language: one-line statements about a motion ("turns left 60 120"), parsed to predicates.

| claim | holds when |
| --- | --- |
| ``does KIND[:SIDE]`` | an event of the kind (``records.Kind``) happens, on that side |
| ``never KIND[:SIDE]`` | none happens |
| ``goes DIRECTION`` | the mean direction of travel in the body's frame is within 30 degrees of it |
| ``turns SIDE [LOW HIGH]`` | net turn to that side (left, right, any), degrees; at least 30 without bounds |
| ``faces ahead`` | net turn below 45 degrees either way |
| ``gait GAIT`` | the longest gait (stand, walk, jog, run) |
| ``speed LOW HIGH`` | mean speed while it travels, m/s |
| ``way LOW HIGH`` | length of the path, m |
| ``progress LOW HIGH`` | distance from the first position to the last by the clip's length, m/s |
| ``steps N``, ``times KIND N`` | exactly so many |
| ``order KIND[:SIDE] KIND[:SIDE]`` | the second begins after the first and overlaps it hardly (``comes_after``) |
| ``reach LEVEL`` | the highest level (chest, shoulder, head, overhead) of raised and waving hands |
| ``peak MEASURE LOW HIGH`` | a highest value of ``metrics.peaks`` |
| ``lean LOW HIGH`` | mean lean of the trunk forward, degrees |
| ``hands LOW HIGH`` | mean distance of the wrists from the hips on the ground plane, m of an adult |

Alternatives stand in one word with ``|`` between; ``-`` is no bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np

from kinescale.core.errors import DataError
from kinescale.description.body import Body, body_of
from kinescale.description.claim_scores import comes_after, score
from kinescale.description.claims import Claim
from kinescale.description.describe import describe
from kinescale.description.records import Description, Direction, Event, Gait, Kind, Level
from kinescale.motion import Motion

SIDES = ("left", "right", "both")
TURN_LEAST, AHEAD = 30.0, 45.0
"""Degrees of net turn from which a body turns, and below which it keeps its facing."""

Peaks = Callable[[Motion], Mapping[str, float]]


@dataclass(frozen=True, eq=False)
class MeasuredMotion:
    """A motion with its measurements, made once; ``peaks`` measures its highest values."""

    motion: Motion
    peaks: Peaks

    @cached_property
    def description(self) -> Description:
        """Its measured description."""
        return describe(self.motion)

    @cached_property
    def body(self) -> Body:
        """Its joints by role."""
        return body_of(self.motion)


def claim_holds(claim: str, motion: MeasuredMotion) -> bool:
    """Whether a claim holds for a motion; ``DataError`` for a claim that cannot be parsed."""
    return parse_claim(claim)(motion)


def parse_claim(claim: str) -> Callable[[MeasuredMotion], bool]:
    """A claim as a predicate of a motion; ``DataError`` for words outside the language."""
    verb, _, rest = claim.partition(" ")
    if verb not in _VERBS:
        raise DataError(f"the claim '{claim}' begins with '{verb}'; expected one of {', '.join(_VERBS)}.")
    try:
        return _VERBS[verb](rest.split())
    except (ValueError, IndexError) as problem:
        raise DataError(
            f"the claim '{claim}' cannot be parsed ({problem}); see description/claim_language.py."
        ) from None


def _does(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    acts = _acts(*words)
    return lambda motion: bool(_events(motion, acts))


def _never(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    acts = _acts(*words)
    return lambda motion: not _events(motion, acts)


def _goes(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    direction: Any = " ".join(words)
    if direction not in get_args(Direction):
        raise ValueError(f"'{direction}' is no direction")
    claim = Claim(kind="direction", direction=direction)
    return lambda motion: score(claim, motion.description).fulfilled


def measured_number(claim: str, motion: MeasuredMotion) -> tuple[float, float, float] | None:
    """Value and bounds of a claim of a turn, a speed, a length or a number of steps; ``None`` for other claims."""
    verb, *words = claim.split()
    path = motion.description.path
    match verb:
        case "turns":
            return _turned(words[0], motion), *_turn_bounds(words)
        case "way":
            return path.distance_m, *_bounds(words)
        case "speed":
            return path.speed_m_s, *_bounds(words)
        case "steps":
            return float(motion.description.steps), float(words[0]), float(words[0])
    return None


def _turns(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    side, (low, high) = words[0], _turn_bounds(words)
    if side not in ("left", "right", "any"):
        raise ValueError(f"'{side}' is no side")
    return lambda motion: low <= _turned(side, motion) <= high


def _turn_bounds(words: Sequence[str]) -> tuple[float, float]:
    return _bounds(words[1:]) if words[1:] else (TURN_LEAST, np.inf)


def _turned(side: str, motion: MeasuredMotion) -> float:
    """Net turn to a side, degrees."""
    turned = motion.description.path.turn_deg
    return {"left": turned, "right": -turned, "any": abs(turned)}[side]


def _faces(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    if list(words) != ["ahead"]:
        raise ValueError("only 'faces ahead' is known")
    return lambda motion: abs(motion.description.path.turn_deg) < AHEAD


def _gait(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    (word,) = words
    gaits = word.split("|")
    if not set(gaits) <= set(get_args(Gait)):
        raise ValueError(f"'{word}' is no gait")
    return lambda motion: motion.description.path.gait in gaits


def _number(measure: Callable[[MeasuredMotion], float]) -> Callable[[Sequence[str]], Callable[[MeasuredMotion], bool]]:
    """A verb whose words are the bounds of one number."""

    def verb(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
        low, high = _bounds(words)
        return lambda motion: low <= measure(motion) <= high

    return verb


def _steps(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    (count,) = words
    wanted = int(count)
    return lambda motion: motion.description.steps == wanted


def _times(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    acts, wanted = _acts(words[0]), int(words[1])
    return lambda motion: sum(event.count or 1 for event in _events(motion, acts)) == wanted


def _order(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    first, second = (_acts(word) for word in words)

    def holds(motion: MeasuredMotion) -> bool:
        one, two = _events(motion, first), _events(motion, second)
        if not one or not two or one[0].start_s > two[0].start_s:
            return False
        return any(comes_after(earlier, later) for earlier in one for later in two)

    return holds


def _reach(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    (word,) = words
    wanted, levels = word.split("|"), list(get_args(Level))
    if not set(wanted) <= set(levels):
        raise ValueError(f"'{word}' is no level")

    def holds(motion: MeasuredMotion) -> bool:
        found = [event.level for event in motion.description.of("raise_hand", "wave") if event.level is not None]
        return bool(found) and max(found, key=levels.index) in wanted

    return holds


def _peak(words: Sequence[str]) -> Callable[[MeasuredMotion], bool]:
    name, (low, high) = words[0], _bounds(words[1:])
    if not re.fullmatch(r"[a-z_]+", name):
        raise ValueError(f"'{name}' is no measure")
    # nan: a measure that the skeleton lacks never holds
    return lambda motion: low <= motion.peaks(motion.motion).get(name, np.nan) <= high


def _lean(motion: MeasuredMotion) -> float:
    body = motion.body
    trunk = body.trunk
    if trunk is None:
        return float("nan")
    ahead = trunk[:, 0] * np.sin(body.yaw) + trunk[:, 2] * np.cos(body.yaw)
    return float(np.degrees(np.arctan2(ahead, trunk[:, 1])).mean())


def _hands(motion: MeasuredMotion) -> float:
    body = motion.body
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


def _events(motion: MeasuredMotion, acts: Sequence[tuple[str, str | None]]) -> list[Event]:
    return [
        event
        for event in motion.description.events
        if any(event.kind == kind and side in (None, event.side) for kind, side in acts)
    ]


def _bounds(words: Sequence[str]) -> tuple[float, float]:
    low, high = words
    return (-np.inf if low == "-" else float(low)), (np.inf if high == "-" else float(high))


_VERBS: Mapping[str, Callable[[Sequence[str]], Callable[[MeasuredMotion], bool]]] = {
    "does": _does,
    "never": _never,
    "goes": _goes,
    "turns": _turns,
    "faces": _faces,
    "gait": _gait,
    "speed": _number(lambda motion: motion.description.path.speed_m_s),
    "way": _number(lambda motion: motion.description.path.distance_m),
    "progress": _number(lambda motion: motion.description.path.displacement_m / max(motion.description.seconds, 1e-9)),
    "steps": _steps,
    "times": _times,
    "order": _order,
    "reach": _reach,
    "peak": _peak,
    "lean": _number(_lean),
    "hands": _number(_hands),
}
