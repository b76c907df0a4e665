"""Travel that a prompt asks for: direction, gait, pace, length and steps, as claims and in the words of captions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kinescale.description.prompts.acts import Act, negates
from kinescale.description.prompts.lexicon import lexicon

LENGTH_TOLERANCE, PACE_TOLERANCE = 0.22, 0.22
FOOT_M, YARD_M = 0.305, 0.914
KM_H, MPH = 1 / 3.6, 0.447
MOST_STEPS, MOST_M = 30, 60.0
"""Larger numbers are not taken for what one clip is to show."""

_LEAP = re.compile(r"(?:jump|hop|leap|bounc|skip)\w* (?:\w+ )?(forwards?|backwards?|to the left|to the right)\b")

SIDEWAYS = {
    "left": "sideways to the left",
    "right": "sideways to the right",
    "forward left": "diagonally forward to the left",
    "forward right": "diagonally forward to the right",
}
_SPEEDS = {
    ("walk", "slow"): "0.1 0.75",
    ("walk", "slowish"): "0.1 0.92",
    ("walk", "fast"): "1.5 -",
    ("walk", "fastish"): "1.36 -",
    ("run", "slow"): "0.5 2.1",
    ("run", "slowish"): "0.5 2.4",
    ("run", "fast"): "3.2 -",
    ("run", "fastish"): "2.6 -",
}


def direction_of(text: str) -> str:
    """Direction of travel that a normalized prompt names; "forward" where it names none."""
    for pattern, where, unless in lexicon().directions:
        if pattern.search(text) and not (unless and unless.search(text)):
            return where
    return "forward"


def gait_act(acts: Sequence[Act]) -> Act | None:
    """The first action with a gait."""
    return next((act for act in acts if act.entry.gait), None)


def travel_claims(acts: Sequence[Act], text: str) -> tuple[list[str], list[str]]:
    """Main and minor claims of direction, gait, pace, length and steps."""
    direction, gait = direction_of(text), gait_act(acts)
    in_place = lexicon().patterns["in_place"].search(text) is not None
    main = ["does in_place"] if in_place and gait else [] if in_place else [f"goes {direction}"]
    minor = ["way 0 0.8"] if in_place else []
    if gait is not None and direction == "forward" and not in_place:
        gaits = dict.fromkeys(word for act in acts for word in act.entry.gait.split("|") if word)
        main.append(f"gait {'|'.join(gaits)}")
    if gait is not None and not in_place:
        main += _pace_claims(gait, text, sideways=direction != "forward")
    turning = any(act.name in ("turn", "turn_around", "circle") for act in acts)
    if not turning and direction in ("forward", "backward"):
        minor.append("faces ahead")
    if (length := meters(text)) is not None:
        main.append(f"way {(1 - LENGTH_TOLERANCE) * length:.2f} {(1 + LENGTH_TOLERANCE) * length:.2f}")
    if (steps := step_count(text)) is not None:
        main.append(f"steps {steps}")
    return main, minor


def meters(text: str) -> float | None:
    """Length of the way that the prompt names, meters."""
    found = lexicon().patterns["length"].search(text)
    if found is None:
        return None
    unit = found.group(2)[0]
    length = float(found.group(1)) * (FOOT_M if unit == "f" else YARD_M if unit == "y" else 1.0)
    return length if 0 < length <= MOST_M else None


def step_count(text: str) -> int | None:
    """Number of steps that the prompt names, in all."""
    count = sum(int(found.group(1)) for found in lexicon().patterns["steps"].finditer(text))
    return count if 1 <= count <= MOST_STEPS else None


def pace(text: str) -> tuple[str, bool]:
    """ "slow", "fast" or "", and whether very."""
    patterns = lexicon().patterns
    slow, fast = (_said(name, text) for name in ("slow", "fast"))
    return ("" if slow == fast else "slow" if slow else "fast"), patterns["very"].search(text) is not None


def _said(name: str, text: str) -> bool:
    return any(not negates(text[: match.start()]) for match in lexicon().patterns[name].finditer(text))


def _pace_claims(gait: Act, text: str, *, sideways: bool) -> list[str]:
    """Speed in numbers, or of a pace; walks that are not forward are slower, so that only numbers count there."""
    if (number := lexicon().patterns["pace_number"].search(text)) is not None:
        unit = number.group(2)
        factor = KM_H if unit.startswith(("km", "kph", "kilo")) else MPH if unit.startswith(("mph", "mile")) else 1.0
        speed = float(number.group(1)) * factor
        return [f"speed {(1 - PACE_TOLERANCE) * speed:.2f} {(1 + PACE_TOLERANCE) * speed:.2f}"]
    name, very = pace(text)
    if not name or (sideways and name == "fast"):
        return []
    return [f"speed {_SPEEDS[gait.name, name if very else f'{name}ish']}"]


def travel_words(words: str, text: str, *, counted: bool = True) -> str:
    """A gait in the words of captions with direction, pace and, where ``counted``, length and steps."""
    if lexicon().patterns["in_place"].search(text):
        return f"{words} in place"
    words = f"{words} {SIDEWAYS.get(direction_of(text), direction_of(text))}"
    steps, length = step_count(text), meters(text)
    if steps is not None and counted:
        words += f" for {steps} step{'s' if steps != 1 else ''}"
    elif length is not None and counted:
        words += f" for about {length:.2g} meters"
    name, very = pace(text)
    adverb = {"": "", "slow": "slowly", "fast": "fast" if words.startswith("runs") else "quickly"}[name]
    return f"{words} {'very ' if very else ''}{adverb}" if adverb else words


def leap_direction(text: str) -> str:
    """Where a jump goes, in the words of captions: "forward", "to the left"; empty where the prompt does not say."""
    found = _LEAP.search(text)
    return "" if found is None else found.group(1).removesuffix("s") if "ward" in found.group(1) else found.group(1)
