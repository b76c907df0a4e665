"""The grammar of measurable prompts: claims of each kind with the ways to say them (``*`` marks verbs)."""

from __future__ import annotations

from functools import lru_cache

from kinescale.description.claims import ANGLE_WITHIN, BRISK, SLOW, Act, Claim, ClaimKind
from kinescale.description.records import Direction, Kind, Side
from kinescale.description.words import number, times

Entry = tuple[Claim, tuple[str, ...]]

DISTANCE_WITHIN, DISTANCE_WITHIN_M = 0.25, 0.4
"""Tolerance of a distance: a share of it, or meters where that is more."""

_DIRECTIONS: dict[Direction, tuple[str, ...]] = {
    "forward": ("*walk forward", "*walk straight ahead", "*take several steps forward"),
    "backward": ("*walk backward", "*walk backwards", "*take several steps back"),
    "left": ("*walk sideways to the left", "*step sideways to the left", "*take side steps to the left"),
    "forward left": ("*walk diagonally forward to the left", "*walk forward while drifting to the left"),
}
_SIDED: dict[Kind, tuple[str, ...]] = {
    "raise_hand": ("*raise the {side} hand", "*lift ~their {side} hand", "*put ~their {side} hand up"),
    "wave": ("*wave the {side} hand", "*wave with ~their {side} hand", "*raise the {side} hand and *wave"),
    "kick": ("*kick with the {side} leg", "*kick with ~their {side} foot"),
    "knee_lift": ("*lift the {side} knee", "*raise ~their {side} knee up high"),
    "punch": ("*punch with the {side} hand", "*throw a punch with ~their {side} fist"),
    "hop": ("*hop on the {side} foot", "*hop on ~their {side} leg"),
}
_REPEATED: dict[Kind, tuple[str, ...]] = {
    "jump": ("*jump {times}", "*jump up {times}"),
    "squat": ("*squat {times}", "*do {number} squat{s}"),
    "kick": ("*kick {times}", "*throw {number} kick{s}"),
    "punch": ("*punch {times}", "*throw {number} punch{es}"),
    "clap": ("*clap ~their hands {times}", "*clap {times}"),
    "step": ("*walk forward {number} step{s}", "*take {number} step{s} forward"),
}
_COUNTS: dict[Kind, tuple[int, ...]] = {"step": (2, 3, 4, 5, 6), "clap": (3, 4, 5)}

_ORDERED: tuple[tuple[Act, str], ...] = (
    (Act(action="travel", direction="forward"), "*walk forward"),
    (Act(action="turn", side="left"), "*turn left"),
    (Act(action="turn", side="right"), "*turn right"),
    (Act(action="wave", side="right"), "*wave the right hand"),
    (Act(action="raise_hand", side="left"), "*raise the left hand"),
    (Act(action="bend"), "*bow"),
    (Act(action="jump"), "*jump"),
    (Act(action="kick", side="right"), "*kick with the right leg"),
    (Act(action="squat"), "*squat"),
)
_LINKS = ("{first}, then {second}", "{first} and then {second}", "first {first}, after that {second}")


@lru_cache(maxsize=16)
def claims_with_words(kind: ClaimKind) -> tuple[Entry, ...]:
    """Every claim of a kind that the grammar can make, with its phrases."""
    return tuple(_MAKERS[kind]())


def _directions() -> list[Entry]:
    found: list[Entry] = []
    for direction, words in _DIRECTIONS.items():
        found.append((Claim(kind="direction", direction=direction), words))
        if "left" in direction:
            other: Direction = "right" if direction == "left" else "forward right"
            found.append((Claim(kind="direction", direction=other), tuple(w.replace("left", "right") for w in words)))
    return found


def _distances() -> list[Entry]:
    found: list[Entry] = []
    for metres in (1, 2, 3, 4, 5, 6):
        slack = max(DISTANCE_WITHIN * metres, DISTANCE_WITHIN_M)
        unit = "metre" if metres == 1 else "metres"
        words = tuple(
            f"*walk {way}{number(metres)} {unit}{rest}"
            for way, rest in (("forward ", ""), ("about ", " ahead"), ("straight ahead for ", ""))
        )
        found.append((Claim(kind="distance", low=metres - slack, high=metres + slack), words))
    return found


def _turn_sides() -> list[Entry]:
    phrases = ("*turn {side}", "*turn to the {side} while walking", "*walk forward and *turn {side}")
    return [(Claim(kind="turn_side", action="turn", side=s), _filled(phrases, side=s)) for s in ("left", "right")]


def _turn_angles() -> list[Entry]:
    found: list[Entry] = []
    phrases = ("*turn {side} by {angle} degrees", "*walk forward and *turn {angle} degrees to the {side}")
    for angle in (45, 90, 135, 180):
        low, high = angle - ANGLE_WITHIN, angle + ANGLE_WITHIN
        sides: tuple[Side, ...] = ("left", "right")
        for side in sides:
            claim = Claim(kind="turn_angle", action="turn", side=side, low=low, high=high)
            found.append((claim, _filled(phrases, side=side, angle=number(angle))))
    half = Claim(kind="turn_angle", action="turn", low=180 - ANGLE_WITHIN, high=180 + ANGLE_WITHIN)
    return [*found, (half, ("*turn around", "*walk forward and *turn around", "*make half a turn"))]


def _speeds() -> list[Entry]:
    return [
        (Claim(kind="speed", gaits=("walk",), low=0.1, high=SLOW), ("*walk slowly", "*walk forward at a slow pace")),
        (Claim(kind="speed", gaits=("walk", "jog"), low=BRISK), ("*walk fast", "*walk forward at a quick pace")),
        (Claim(kind="speed", gaits=("jog", "run")), ("*run forward", "*run", "*jog forward", "*run straight ahead")),
        (Claim(kind="speed", gaits=("run",)), ("*sprint forward", "*run as fast as possible", "*dash forward")),
        (Claim(kind="speed", gaits=("stand",)), ("*stand still", "*stand in place", "*stand without moving")),
    ]


def _repetitions() -> list[Entry]:
    found: list[Entry] = []
    for action, phrases in _REPEATED.items():
        for count in _COUNTS.get(action, (1, 2, 3, 4)):
            many = {"s": "s" if count > 1 else "", "es": "es" if count > 1 else ""}
            words = _filled(phrases, times=times(count), number=number(count), **many)
            found.append((Claim(kind="repetition", action=action, count=count), words))
    return found


def _limb_sides() -> list[Entry]:
    sides: tuple[Side, ...] = ("left", "right")
    return [
        (Claim(kind="limb_side", action=action, side=side), _filled(phrases, side=side))
        for action, phrases in _SIDED.items()
        for side in sides
    ]


def _orders() -> list[Entry]:
    found: list[Entry] = []
    for first, one in _ORDERED:
        for second, two in _ORDERED:
            if first.action != second.action:
                claim = Claim(kind="order", **first.model_dump(), then=second)
                found.append((claim, _filled(_LINKS, first=one, second=two)))
    return found


def _filled(phrases: tuple[str, ...], **values: str) -> tuple[str, ...]:
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
