"""Whether one claim of the claim language says what another one does, bounds aside."""

from __future__ import annotations

import math


def covers(made: str, wanted: str) -> bool:
    """Whether a claim that a parser made checks what a hand-written one asks."""
    verb, *words = made.split()
    other, *asked = wanted.split()
    if verb == "turns" and other == "faces":
        return False
    if (verb, other) in (("times", "does"), ("order", "does")):
        return any(_meet(word, asked[0]) for word in words if not word.isdigit())
    if verb != other:
        return _implied(made, wanted)
    match verb:
        case "does" | "never":
            return _meet(words[0], asked[0])
        case "order":
            return all(_meet(one, two) for one, two in zip(words, asked, strict=True))
        case "gait":
            return bool(set(words[0].split("|")) & set(asked[0].split("|")))
        case "turns":
            return words[0] == asked[0] and _overlap(words[1:], asked[1:], ends=False)
        case "speed" | "way" | "progress":
            return _overlap(words, asked)
        case "peak":
            return words[0] == asked[0] and _overlap(words[1:], asked[1:])
        case "lean" | "hands":
            return _overlap(words, asked)
        case "times":
            return _meet(words[0], asked[0]) and words[1] == asked[1]
    return words == asked


def _implied(made: str, wanted: str) -> bool:
    """What follows from another claim: a body that stands stays, one that travels in a gait goes somewhere."""
    return made == "gait stand" and wanted.startswith("way 0 ")


def _meet(one: str, two: str) -> bool:
    """Whether alternatives share an action, and no side contradicts."""
    for a in one.split("|"):
        for b in two.split("|"):
            (kind, _, side), (other, _, wanted) = a.partition(":"), b.partition(":")
            if kind == other and (side == wanted or not wanted):
                return True
    return False


def _overlap(made: list[str], wanted: list[str], *, ends: bool = True) -> bool:
    """Whether two ranges share at least half of the narrower one; with ``ends``, an open end meets only an open one."""
    if not made or not wanted:
        return True
    (a, b), (c, d) = (_range(words) for words in (made, wanted))
    if ends and math.isinf(b) != math.isinf(d):
        return False
    low, high = max(a, c), min(b, d)
    return math.isinf(high) or high - low >= 0.5 * min(b - a, d - c)


def _range(words: list[str]) -> tuple[float, float]:
    low, high = words
    return (0.0 if low == "-" else float(low)), (math.inf if high == "-" else float(high))
