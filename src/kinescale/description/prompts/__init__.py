"""Prompt parsing: what a sentence asks for, as claims that can be measured and in the words of captions.

A rule-based reading of English, for choosing among generated motions (``pipelines.candidates``): what it does not
understand it leaves out. The words are in ``lexicon.toml`` and ``styles.toml``, the claim language in
``description.claim_language``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kinescale.description.prompts.acts import ARMS, COUNTED, OTHER, Act, find_acts, follows, in_time, normalized
from kinescale.description.prompts.lexicon import lexicon
from kinescale.description.prompts.styles import style_of
from kinescale.description.prompts.travel import gait_act, leap_direction, pace, travel_claims
from kinescale.description.prompts.wording import UNCOUNTED, Part, wording

STATIONARY = frozenset(
    {"wave", "raise", "clap", "bow", "squat", "knee", "punch", "kick", "stand", "pick", "jump", "jacks"}
)
"""Actions that are done in place unless the prompt says that the body travels."""

ANGLE_TOLERANCE_DEG = 22.0
SPECIAL = {
    "dance": ("peak wrist_speed 1.5 -", "peak foot_speed 1 -"),
    "throw": ("peak wrist_speed 2.5 -",),
}
"""Claims of actions that are no event by themselves."""

_UNFORBIDDEN = ("walk", "run", "dance", "stand")


@dataclass(frozen=True)
class Request:
    """What a prompt asks for, as far as it is understood.

    main : claims that make or break it. minor : claims that a viewer would expect besides. plain : the prompt in the
    words of captions; empty where nothing was understood, or where a manner would be lost. parts : ``plain`` action by
    action, where actions follow one another or one is repeated. layers : the body, and arms that act meanwhile. act :
    the only action, where it takes its time and no longer.
    """

    main: tuple[str, ...] = ()
    minor: tuple[str, ...] = ()
    plain: str = ""
    parts: tuple[Part, ...] = ()
    layers: tuple[Part, ...] = ()
    act: Part | None = None


def parse_prompt(prompt: str) -> Request:
    """The claims that a prompt makes.

    Example
    -------
    >>> request = parse_prompt("she walks ahead, then waves with her left hand")
    >>> request.plain
    'a person walks forward and then waves with the left hand'
    >>> [part.text for part in request.parts]
    ['a person walks forward', 'a person waves with the left hand']
    """
    text = normalized(prompt)
    acts = find_acts(text)
    wanted = [act for act in acts if not act.negated]
    main = [claim for act in wanted for claim in _claims(act, wanted, text)]
    if {act.name for act in wanted} == {"stand"}:
        main = ["gait stand", "way 0 0.5"]
    main = [claim for claim in main if not _contradicted(claim, wanted)]
    main += [f"never {act.kinds}" for act in acts if act.negated and act.name not in _UNFORBIDDEN]
    main += _order(wanted, text)
    minor: list[str] = []
    if any(act.entry.moves for act in wanted):
        travel, minor = travel_claims(wanted, text)
        main = [*travel, *main]
    elif wanted and all(act.name in STATIONARY for act in wanted) and not leap_direction(text):
        minor = ["progress 0 0.35"]
    elif {act.name for act in wanted} == {"dance"}:
        minor = ["progress 0 0.6"]
    main += _style_claims(wanted, text)
    said = wording(wanted, text)
    main, minor = list(dict.fromkeys(main)), list(dict.fromkeys(minor))
    return Request(tuple(main), tuple(minor), said.plain, said.parts, said.layers, said.act)


def _claims(act: Act, acts: Sequence[Act], text: str) -> list[str]:
    """Claims of one action alone; travel has its own."""
    if act.entry.gait or act.name == "stand":
        return []
    if act.name in ("turn", "turn_around"):
        # of turns to both sides the net turn says nothing
        to_both = {"left", "right"} <= {one.side for one in acts if one.name == "turn"}
        return [f"does {act.kinds}"] if to_both else _turn_claims(act)
    if act.name == "circle":
        return [f"turns {act.side or 'any'} 200 -"]
    if act.name in SPECIAL:
        return list(SPECIAL[act.name])
    found = [f"does {act.kinds}"]
    if act.side in OTHER:
        found.append("never " + "|".join(f"{kind}:{s}" for kind in act.entry.kinds for s in (OTHER[act.side], "both")))
    if act.count is not None and act.name in COUNTED - UNCOUNTED:
        found.append(f"times {'|'.join(act.entry.kinds)} {act.count}")
    if act.name == "raise":
        found += _height(text)
    return found


def _height(text: str) -> list[str]:
    """The height of a raised hand."""
    levels = {"overhead": "overhead|head", "shoulder_high": "shoulder|chest", "chest_high": "chest|shoulder"}
    named = [level for name, level in levels.items() if lexicon().patterns[name].search(text)]
    return [f"reach {named[0]}"] if len(named) == 1 else []


def _turn_claims(act: Act) -> list[str]:
    side = act.side or "any"
    if act.angle is not None:
        return [f"turns {side} {act.angle - ANGLE_TOLERANCE_DEG:g} {act.angle + ANGLE_TOLERANCE_DEG:g}"]
    return [f"turns {side} 120 240" if act.name == "turn_around" else f"turns {side} 30 170"]


def _style_claims(acts: Sequence[Act], text: str) -> list[str]:
    """Claims of a style; a pace that is named counts more than the style's."""
    style = style_of(text)
    if style is None:
        return []
    gait = gait_act(acts)
    if gait is not None:
        named = bool(pace(text)[0])
        return [claim for claim in style.claims[gait.name] if not (named and claim.startswith("speed"))]
    if any(act.name in ARMS for act in acts):
        return list(style.claims["arms"])
    # of bows there are few recordings in a style: none is fast in a style that is slow
    return [claim for claim in style.claims["arms"] if " 0 " in claim] if acts else []


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
    ordered = [act for act in in_time(acts, text) if act.name != "dance"]
    return [
        f"order {one.kinds} {two.kinds}"
        for one, two in pairwise(ordered)
        if not set(one.kinds.split("|")) & set(two.kinds.split("|")) and not (one.entry.gait and two.name == "circle")
    ]


__all__ = ["Part", "Request", "parse_prompt"]
