"""Grammar of instruction prompts: every claim of each kind, with the phrases that state it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, get_args

from kinescale.description.claims import (
    ANGLE_WITHIN,
    BRISK,
    RUNNING,
    SLOW,
    STANDS,
    Act,
    Claim,
    ClaimKind,
    in_order,
    moves_at,
    repeats,
    travels,
    turns_to,
    uses_limb,
)
from kinescale.description.grammar import mirror_sentence
from kinescale.description.records import Direction, Kind, Side
from kinescale.description.words import number, times
from kinescale.io.packaged_toml import packaged_toml

Entry = tuple[Claim, tuple[str, ...]]

DISTANCE_WITHIN, DISTANCE_WITHIN_M = 0.25, 0.4
"""Tolerance of a distance: a share of it, or meters where that is more."""

SIDES: tuple[Side, Side] = ("left", "right")
DISTANCES_M, ANGLES_DEG = (1, 2, 3, 4, 5, 6), (45, 90, 135, 180)
COUNTS: dict[str, tuple[int, ...]] = {"step": (2, 3, 4, 5, 6), "clap": (3, 4, 5)}
"""Counts of a repetition; of others 1 to 4."""


def _phrases(kind: str) -> dict[str, Any]:
    return packaged_toml(__package__ or "", "instruction_phrases.toml")[kind]


@lru_cache(maxsize=16)
def claims_with_words(kind: ClaimKind) -> tuple[Entry, ...]:
    """Every claim of a kind that the grammar can make, with its phrases."""
    return tuple(_MAKERS[kind]())


def _directions() -> list[Entry]:
    found: list[Entry] = []
    known: dict[str, Direction] = {direction: direction for direction in get_args(Direction)}
    for direction, phrases in _phrases("directions").items():
        found.append((travels(known[direction]), tuple(phrases)))
        if "left" in direction:
            mirrored = tuple(mirror_sentence(phrase) for phrase in phrases)
            found.append((travels(known[mirror_sentence(direction)]), mirrored))
    return found


def _distances() -> list[Entry]:
    found: list[Entry] = []
    for distance in DISTANCES_M:
        slack = max(DISTANCE_WITHIN * distance, DISTANCE_WITHIN_M)
        length = f"{number(distance)} {'metre' if distance == 1 else 'metres'}"
        words = _filled(_phrases("distances")["phrases"], length=length)
        found.append((Claim(kind="distance", low=distance - slack, high=distance + slack), words))
    return found


def _turn_sides() -> list[Entry]:
    return [(turns_to(side), _filled(_phrases("turn_sides")["phrases"], side=side)) for side in SIDES]


def _turn_angles() -> list[Entry]:
    found: list[Entry] = []
    phrases = _phrases("turn_angles")
    for angle in ANGLES_DEG:
        for side in SIDES:
            words = _filled(phrases["phrases"], side=side, angle=number(angle))
            found.append((_turn(angle, side), words))
    return [*found, (_turn(180), tuple(phrases["around"]))]


def _turn(angle: int, side: Side | None = None) -> Claim:
    return Claim(kind="turn_angle", action="turn", side=side, low=angle - ANGLE_WITHIN, high=angle + ANGLE_WITHIN)


def _speeds() -> list[Entry]:
    claims = {
        "slow": moves_at("walk", low=0.1, high=SLOW),
        "brisk": moves_at("walk", "jog", low=BRISK),
        "run": moves_at(*RUNNING),
        "sprint": moves_at("run"),
        "stand": STANDS,
    }
    return [(claims[speed], tuple(phrases)) for speed, phrases in _phrases("speeds").items()]


def _repetitions() -> list[Entry]:
    found: list[Entry] = []
    for action, phrases in _acts("repetitions"):
        for count in COUNTS.get(action, (1, 2, 3, 4)):
            many = {"s": "s" if count > 1 else "", "es": "es" if count > 1 else ""}
            words = _filled(phrases, times=times(count), number=number(count), **many)
            found.append((repeats(action, count), words))
    return found


def _limb_sides() -> list[Entry]:
    return [
        (uses_limb(action, side), _filled(phrases, side=side))
        for action, phrases in _acts("limb_sides")
        for side in SIDES
    ]


def _orders() -> list[Entry]:
    table = _phrases("orders")
    acts = [(Act.parse({k: v for k, v in act.items() if k != "phrase"}), act["phrase"]) for act in table["acts"]]
    return [
        (in_order(first, second), _filled(table["phrases"], first=one, second=two))
        for first, one in acts
        for second, two in acts
        if first.action != second.action
    ]


def _acts(kind: str) -> list[tuple[Kind, Sequence[str]]]:
    known: dict[str, Kind] = {action: action for action in get_args(Kind)}
    return [(known[action], phrases) for action, phrases in _phrases(kind).items()]


def _filled(phrases: Sequence[str], **values: str) -> tuple[str, ...]:
    return tuple(phrase.format(**values) for phrase in phrases)


_MAKERS = {
    "direction": _directions,
    "distance": _distances,
    "turn_side": _turn_sides,
    "turn_angle": _turn_angles,
    "speed": _speeds,
    "repetition": _repetitions,
    "limb_side": _limb_sides,
    "order": _orders,
}
