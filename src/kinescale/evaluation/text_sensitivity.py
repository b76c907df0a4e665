"""Text sensitivity: prompts that differ in one word, and whether the motion differs accordingly.

A ladder is a sentence with a place in it and the words that go there, in rising order of what they mean, some with the
value that they name. Each rung is drawn with the same seeds, so that nothing but the word differs. The response curve
is the mean measured value of each rung; ``rank`` is Spearman's correlation of rung and value over all draws, 1 where
every word is heard, 0 where none is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from kinescale.core.errors import SkeletonError
from kinescale.core.randomness import derive_seed
from kinescale.core.records import Record
from kinescale.description import Description, describe
from kinescale.evaluation.clips import Progress
from kinescale.metrics import peaks
from kinescale.motion import Motion
from kinescale.pipelines import TextToMotion

Measure = Callable[[Motion, Description], float]
Rung = tuple[str, float | None]
"""A word, and the value that it names."""

ANGLE_WITHIN_DEG = 25.0
SHARE_WITHIN = 0.25


@dataclass(frozen=True)
class Ladder:
    """A sentence with ``{}`` where the words of ``rungs`` go. ``within``: whether a draw is near the named value."""

    name: str
    unit: str
    sentence: str
    rungs: tuple[Rung, ...]
    measure: Measure
    seconds: float = 6.0
    within: Callable[[float, float], bool] = lambda value, wanted: abs(value - wanted) <= SHARE_WITHIN * wanted


class RungRow(Record):
    """One word: the value it names, mean and standard deviation of what was measured, over ``draws``."""

    word: str
    wanted: float | None
    mean: float
    deviation: float
    draws: int


class Response(Record):
    """The response to one ladder.

    rank : Spearman's correlation of rung and value over all draws, 0 where all values are equal.
    range : mean of the last rung less that of the first. within : share of the draws near the value that is named.
    """

    name: str
    unit: str
    sentence: str
    rungs: list[RungRow]
    rank: float
    range: float
    within: float | None


def responses(
    pipe: TextToMotion, seeds: int, seed: int, sampling: dict[str, Any], progress: Progress
) -> list[Response]:
    """The response to each ladder, ``seeds`` draws a rung; none for a skeleton without legs."""
    total, done = sum(len(ladder.rungs) for ladder in LADDERS), 0
    found = []
    progress("sensitivity", 0, total)
    for ladder in LADDERS:
        values: list[list[float]] = []
        own = derive_seed(seed, "ladder", ladder.name)
        for word, _ in ladder.rungs:
            prompt = " ".join(ladder.sentence.format(word).split())
            made = pipe(
                prompt, min(ladder.seconds, pipe.seconds_range[1]), seeds, own, batch=seeds, sampling=sampling
            ).motions
            try:
                values.append([ladder.measure(motion, describe(motion)) for motion in made])
            except SkeletonError:
                return []
            done += 1
            progress("sensitivity", done, total)
        found.append(response(ladder, values))
    return found


def response(ladder: Ladder, values: Sequence[Sequence[float]]) -> Response:
    """The curve of measured values, a list for each rung."""
    rows = [
        RungRow(
            word=word or "(none)",
            wanted=wanted,
            mean=float(np.mean(found)),
            deviation=float(np.std(found, ddof=1)) if len(found) > 1 else 0.0,
            draws=len(found),
        )
        for (word, wanted), found in zip(ladder.rungs, values, strict=True)
    ]
    near = [
        ladder.within(value, wanted)
        for (_, wanted), found in zip(ladder.rungs, values, strict=True)
        if wanted is not None
        for value in found
    ]
    order = [float(at) for at, found in enumerate(values) for _ in found]
    return Response(
        name=ladder.name,
        unit=ladder.unit,
        sentence=ladder.sentence,
        rungs=rows,
        # a value that never changes hears no word
        rank=spearman(order, [value for found in values for value in found]) or 0.0,
        range=rows[-1].mean - rows[0].mean,
        within=float(np.mean(near)) if near else None,
    )


def spearman(one: Sequence[float], two: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties sharing their mean rank; ``None`` where either never changes."""
    ranks = [_ranks(np.asarray(values, dtype=np.float64)) for values in (one, two)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts).astype(np.float64)
    return (last - (counts - 1) / 2)[inverse]


def _speed(motion: Motion, found: Description) -> float:
    """Way of the whole clip by its length: one that stands half the time is slow."""
    return found.path.distance_m / max(found.seconds, 1e-9)


def _turned(side: str) -> Measure:
    sign = 1.0 if side == "left" else -1.0
    return lambda motion, found: sign * found.path.turn_deg


def _steps(motion: Motion, found: Description) -> float:
    return float(found.steps)


def _times(*kinds: Any) -> Measure:
    return lambda motion, found: float(sum(event.count or 1 for event in found.of(*kinds)))


def _distance(motion: Motion, found: Description) -> float:
    return found.path.distance_m


def _hand(side: str) -> Measure:
    """Highest wrist over its shoulder, arm lengths: -1 hanging, 1 straight up."""

    def measure(motion: Motion, found: Description) -> float:
        at = motion.positions().double().numpy()
        parts = (at[:, motion.skeleton.role(f"{side}_{part}")] for part in ("shoulder", "elbow", "wrist"))
        shoulder, elbow, wrist = parts
        arm = np.linalg.norm(elbow - shoulder, axis=1).mean() + np.linalg.norm(wrist - elbow, axis=1).mean()
        return float((wrist - shoulder)[:, 1].max() / arm)

    return measure


def _peak(name: str) -> Measure:
    return lambda motion, found: peaks.peaks(motion).get(name, 0.0)


def _side(kind: Any) -> Measure:
    """Seconds of the action with the left less those with the right, over all: 1 left, -1 right, 0 both or neither."""

    def measure(motion: Motion, found: Description) -> float:
        seconds = {side: sum(e.seconds for e in found.of(kind) if e.side == side) for side in ("left", "right", "both")}
        total = sum(seconds.values())
        return (seconds["left"] - seconds["right"]) / total if total else 0.0

    return measure


def _numbers(words: str) -> tuple[Rung, ...]:
    """Words that name 1, 2, 3 ..."""
    return tuple((word, float(at + 1)) for at, word in enumerate(words.split()))


_SPEEDS: tuple[Rung, ...] = tuple((word, None) for word in ("very slowly", "slowly", "", "quickly", "very fast"))
_SIDES: tuple[Rung, ...] = (("right", -1.0), ("left", 1.0))
_HEIGHTS: tuple[Rung, ...] = (
    ("to chest height", -0.4),
    ("to shoulder height", 0.0),
    ("to head height", 0.35),
    ("high above the head", 0.85),
)


def _side_right(value: float, wanted: float) -> bool:
    return value * wanted > 0.2


def _angle(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= ANGLE_WITHIN_DEG


def _count(value: float, wanted: float) -> bool:
    return value == wanted


def _height(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= 0.25


def _angles(side: str) -> Ladder:
    rungs: tuple[Rung, ...] = tuple((str(angle), float(angle)) for angle in (45, 90, 135, 180, 270, 360))
    sentence = f"a person turns {{}} degrees to the {side}"
    return Ladder(f"turn {side}", "degrees", sentence, rungs, _turned(side), within=_angle)


def _sided(name: str, sentence: str, kind: str, seconds: float = 4.0) -> Ladder:
    return Ladder(f"side of a {name}", "-1 right, 1 left", sentence, _SIDES, _side(kind), seconds, _side_right)


_GAITS: tuple[Rung, ...] = (("walks", None), ("jogs", None), ("runs", None), ("sprints", None))
_TIMES: tuple[Rung, ...] = (("once", 1.0), ("twice", 2.0), ("three times", 3.0), ("four times", 4.0))
_KICKS: tuple[Rung, ...] = (("low", None), ("at waist height", None), ("high", None), ("as high as possible", None))
_SIX = _numbers("one two three four five six")
_RAISES = "a person raises the right hand {}"
_STEPS = "a person takes {} steps forward and stops"
_METERS = "a person walks forward {} meters"

LADDERS: tuple[Ladder, ...] = (
    Ladder("walking speed", "m/s", "a person walks {}", _SPEEDS, _speed),
    Ladder("gait", "m/s", "a person {} forward", _GAITS, _speed, 4.0),
    Ladder("waving speed", "m/s", "a person waves the right hand {}", _SPEEDS, _peak("wrist_speed"), 4.0),
    _angles("left"),
    _angles("right"),
    Ladder("steps", "steps", _STEPS, _SIX, _steps, within=_count),
    Ladder("jumps", "jumps", "a person jumps {}", _TIMES, _times("jump", "hop"), within=_count),
    Ladder("kicks", "kicks", "a person kicks {}", _TIMES[:3], _times("kick"), within=_count),
    Ladder("distance", "m", _METERS, _SIX, _distance),
    Ladder("height of a hand", "arm lengths over the shoulder", _RAISES, _HEIGHTS, _hand("right"), 4.0, _height),
    Ladder(
        "height of a kick", "leg lengths", "a person kicks {} with the right leg", _KICKS, _peak("foot_height"), 3.0
    ),
    _sided("raised hand", "a person raises the {} hand", "raise_hand"),
    _sided("wave", "a person waves the {} hand", "wave"),
    _sided("kick", "a person kicks with the {} leg", "kick", 3.0),
    _sided("punch", "a person punches with the {} fist", "punch", 3.0),
)
"""Every ladder."""
