"""Prompt parsing: what a sentence asks for, as claims that can be measured and in the words of captions.

A rule-based reading of English, for choosing among generated motions (``pipelines.candidates``): what it does not
understand it leaves out. The words are in ``lexicon.toml``, the claim language in ``description.claim_language``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kinescale.description.prompts.acts import COUNTED, OTHER, Act, find_acts, follows, in_time, normalized
from kinescale.description.prompts.lexicon import lexicon

STATIONARY = frozenset({"wave", "raise", "clap", "bow", "squat", "knee", "punch", "kick", "stand", "pick", "jump"})
"""Actions that are done in place unless the prompt says that the body travels."""

ANGLE_TOLERANCE_DEG, LENGTH_TOLERANCE = 22.0, 0.22
FOOT_M = 0.305
_UNCOUNTED = frozenset({"wave", "raise"})
_SIDEWAYS = {
    "left": "sideways to the left",
    "right": "sideways to the right",
    "forward left": "diagonally forward to the left",
    "forward right": "diagonally forward to the right",
}


@dataclass(frozen=True)
class Request:
    """What a prompt asks for, as far as it is understood.

    main : claims that make or break it. minor : claims that a viewer would expect besides. plain : the prompt in the
    words of captions; empty where nothing was understood, or where a manner would be lost. parts : ``plain`` action by
    action, where actions follow one another.
    """

    main: tuple[str, ...] = ()
    minor: tuple[str, ...] = ()
    plain: str = ""
    parts: tuple[str, ...] = ()


def parse_prompt(prompt: str) -> Request:
    """The claims that a prompt makes.

    Example
    -------
    >>> parse_prompt("she walks ahead, then waves with her left hand").plain
    'a person walks forward and then waves with the left hand'
    """
    text = normalized(prompt)
    acts = find_acts(text)
    wanted = [act for act in acts if not act.negated]
    main = [claim for act in wanted for claim in _claims(act)]
    if {act.name for act in wanted} == {"stand"}:
        main = ["gait stand", "way 0 0.5"]
    main = [claim for claim in main if not _contradicted(claim, wanted)]
    main += [f"never {act.kinds}" for act in acts if act.negated and act.name not in ("walk", "run", "dance", "stand")]
    main += _order(wanted, text)
    minor: list[str] = []
    if any(act.entry.moves for act in wanted):
        travel, minor = _travel(wanted, text)
        main = [*travel, *main]
    elif wanted and all(act.name in STATIONARY for act in wanted):
        minor = ["progress 0 0.35"]
    plain, parts = ("", ()) if _has_style(text) else _plain(wanted, text)
    return Request(tuple(dict.fromkeys(main)), tuple(dict.fromkeys(minor)), plain, parts)


def _has_style(text: str) -> bool:
    """Whether the prompt says in what manner it is done: words of captions for the action alone would lose it."""
    return any(lexicon().patterns[name].search(text) for name in ("slow_style", "lively_style", "styled"))


def _claims(act: Act) -> list[str]:
    """Claims of one action alone; travel has its own."""
    if act.entry.gait:
        return []
    special = {
        "turn": _turn_claims,
        "turn_around": _turn_claims,
        "circle": lambda act: ["turns any 200 -"],
        "dance": lambda act: ["peak wrist_speed 1.5 -", "peak foot_speed 1 -"],
    }
    if act.name in special:
        return special[act.name](act)
    found = [f"does {act.kinds}"]
    if act.side in OTHER:
        found.append("never " + "|".join(f"{kind}:{s}" for kind in act.entry.kinds for s in (OTHER[act.side], "both")))
    if act.count is not None and act.name in COUNTED - _UNCOUNTED:
        found.append(f"times {'|'.join(act.entry.kinds)} {act.count}")
    return found


def _turn_claims(act: Act) -> list[str]:
    side = act.side or "any"
    if act.angle is not None:
        return [f"turns {side} {act.angle - ANGLE_TOLERANCE_DEG:g} {act.angle + ANGLE_TOLERANCE_DEG:g}"]
    return [f"turns {side} 120 240" if act.name == "turn_around" else f"turns {side} 30 170"]


def _contradicted(claim: str, acts: Sequence[Act]) -> bool:
    """Whether another action of the prompt asks for what the claim forbids."""
    if not claim.startswith("never "):
        return False
    forbidden = set(claim.removeprefix("never ").split("|"))
    return any(act.side and forbidden & set(act.kinds.split("|")) for act in acts)


def _order(acts: Sequence[Act], text: str) -> list[str]:
    """Claims of order, where the actions follow one another."""
    if not follows(acts, text):
        return []
    ordered = [act for act in in_time(acts, text) if act.name not in ("stand", "dance")]
    return [
        f"order {one.kinds} {two.kinds}"
        for one, two in pairwise(ordered)
        if one.kinds != two.kinds and not (one.entry.moves and two.name == "turn")
    ]


def _direction(text: str) -> str:
    return next((where for pattern, where in lexicon().directions if pattern.search(text)), "forward")


def _gait(acts: Sequence[Act]) -> Act | None:
    return next((act for act in acts if act.entry.gait), None)


def _travel(acts: Sequence[Act], text: str) -> tuple[list[str], list[str]]:
    """Main and minor claims of direction, gait, speed, length and steps."""
    patterns, direction, gait = lexicon().patterns, _direction(text), _gait(acts)
    in_place = patterns["in_place"].search(text) is not None
    main = [] if in_place else [f"goes {direction}"]
    minor = ["way 0 0.8"] if in_place else []
    if gait is not None and direction == "forward" and not in_place:
        main += [f"gait {gait.entry.gait}", *_speed(gait, text)]
    turning = any(act.name in ("turn", "turn_around", "circle") for act in acts)
    if not turning and direction in ("forward", "backward"):
        minor.append("faces ahead")
    if (meters := _meters(text)) is not None:
        main.append(f"way {(1 - LENGTH_TOLERANCE) * meters:.2f} {(1 + LENGTH_TOLERANCE) * meters:.2f}")
    if steps := patterns["steps"].search(text):
        main.append(f"steps {steps.group(1)}")
    return main, minor


def _meters(text: str) -> float | None:
    found = lexicon().patterns["length"].search(text)
    if found is None:
        return None
    length = float(found.group(1)) + (0.5 if "and a half" in found.group(0) else 0.0)
    return length * (FOOT_M if found.group(2).startswith("f") else 1.0)


def _pace(text: str) -> tuple[str, bool]:
    """ "slow", "fast" or "", and whether very."""
    patterns = lexicon().patterns
    slow, fast = (patterns[name].search(text) is not None for name in ("slow", "fast"))
    return ("" if slow == fast else "slow" if slow else "fast"), patterns["very"].search(text) is not None


def _speed(gait: Act, text: str) -> list[str]:
    pace, very = _pace(text)
    if not pace and gait.name == "walk":
        slow, lively = (lexicon().patterns[name].search(text) for name in ("slow_style", "lively_style"))
        if bool(slow) != bool(lively):
            return ["speed 0.1 1.05" if slow else "speed 1.1 -"]
    bounds = {
        ("walk", "slow"): "0.1 0.75" if very else "0.1 0.95",
        ("walk", "fast"): "1.5 -" if very else "1.3 -",
        ("run", "slow"): "0.5 2.4",
        ("run", "fast"): "3.2 -" if very else "2.6 -",
    }
    return [f"speed {bounds[gait.name, pace]}"] if pace else []


def _plain(acts: Sequence[Act], text: str) -> tuple[str, tuple[str, ...]]:
    """The actions in the words of captions: as one sentence, and one by one where they follow one another."""
    if not acts:
        return "", ()
    sequential = follows(acts, text)
    said = list(dict.fromkeys(_words(act, text) for act in (in_time(acts, text) if sequential else acts)))
    whole = f"a person {(' and then ' if sequential else ' and ').join(said)}"
    return whole, tuple(f"a person {words}" for words in said) if sequential and len(said) > 1 else ()


def _words(act: Act, text: str) -> str:
    entry = act.entry
    if act.side == "both" and entry.both:
        words = entry.both
    else:
        words = entry.plain.format(side=act.side) if act.side in OTHER else entry.bare
    if entry.gait:
        return _travel_words(act, words, text)
    if act.name in ("turn", "turn_around") and act.angle is not None:
        words = f"turns {act.angle:g} degrees" + (f" to the {act.side}" if act.side else "")
    if (act.count or 0) > 1 and act.name in COUNTED - _UNCOUNTED:
        words += " twice" if act.count == 2 else f" {act.count} times"
    return words


def _travel_words(act: Act, words: str, text: str) -> str:
    patterns, direction = lexicon().patterns, _direction(text)
    if patterns["in_place"].search(text):
        return f"{words} in place"
    words = f"{words} {_SIDEWAYS.get(direction, direction)}"
    if steps := patterns["steps"].search(text):
        words += f" for {steps.group(1)} step{'s' if steps.group(1) != '1' else ''}"
    elif length := patterns["length"].search(text):
        words += f" for about {length.group(1)} {'feet' if length.group(2).startswith('f') else 'meters'}"
    pace, very = _pace(text)
    adverb = {"": "", "slow": "slowly", "fast": "fast" if act.name == "run" else "quickly"}[pace]
    return f"{words} {'very ' if very else ''}{adverb}" if adverb else words


__all__ = ["Request", "parse_prompt"]
