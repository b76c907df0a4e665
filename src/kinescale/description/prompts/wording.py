"""A prompt in the words of captions: as one sentence, action by action, and as a body with the arms of another."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from kinescale.description.prompts.acts import COUNTED, OTHER, Act, follows, in_time, together
from kinescale.description.prompts.lexicon import lexicon
from kinescale.description.prompts.styles import Style, style_of
from kinescale.description.prompts.travel import leap_direction, travel_words

UNCOUNTED = frozenset({"wave", "raise"})
MOST_REPEATED = 6
"""An action that is to happen oftener is not put together from single ones."""


@dataclass(frozen=True)
class Part:
    """A part of a prompt that can be drawn alone.

    text : in the words of captions. seconds : how long it takes once; ``elastic``: as long as one likes. side : of the
    arm, for a part of the arms alone. kinds, count : event kinds of an action that is to happen ``count`` times.
    """

    text: str
    seconds: float
    elastic: bool = False
    side: str | None = None
    kinds: tuple[str, ...] = ()
    count: int = 1


@dataclass(frozen=True)
class Wording:
    """``plain``: one sentence. ``parts``: in sequence. ``layers``: the body, and the arms that are put on it. ``act``:
    the only action, where it takes its time and no longer."""

    plain: str = ""
    parts: tuple[Part, ...] = ()
    layers: tuple[Part, ...] = ()
    act: Part | None = None


def wording(acts: Sequence[Act], text: str) -> Wording:
    """The prompt in the words of captions; empty where a manner would be lost."""
    style = style_of(text)
    if not acts or (style is not None and not style.manner):
        return Wording()
    sequential = follows(acts, text)
    ordered = _without_way_to_circle(in_time(acts, text) if sequential else list(acts))
    said = list(dict.fromkeys(_words(act, text) for act in ordered))
    manner = f" {style.manner}" if style is not None else ""
    plain = f"a person {(' and then ' if sequential else ' and ').join(said)}{manner}"
    pair = together(acts, text)
    if pair is not None:
        return Wording(plain, layers=tuple(_part(act, text, style) for act in pair))
    repeated = [act for act in ordered if _repeats(act)]
    if (sequential and len(said) > 1) or repeated:
        return Wording(plain, parts=_distinct([_part(act, text, style) for act in ordered]))
    single = _part(ordered[0], text, style) if len(ordered) == 1 else None
    return Wording(plain, act=single if single is not None and not single.elastic else None)


def _without_way_to_circle(acts: list[Act]) -> list[Act]:
    """Without the gait of who goes in a circle, which the circle's words have."""
    circles = [act for act in acts if act.name == "circle"]
    gaits = [act for act in acts if act.entry.gait]
    if not circles or not gaits:
        return acts
    verb = "runs" if gaits[0].name == "run" else "walks"
    kept = [act for act in acts if act is not gaits[0]]
    return [dataclasses.replace(act, word=verb) if act is circles[0] else act for act in kept]


def _distinct(parts: list[Part]) -> tuple[Part, ...]:
    """Parts without those that say the same as the one before."""
    return tuple(part for k, part in enumerate(parts) if not k or part != parts[k - 1])


def _repeats(act: Act) -> bool:
    return act.name in COUNTED - UNCOUNTED and 1 < (act.count or 1) <= MOST_REPEATED


def _part(act: Act, text: str, style: Style | None) -> Part:
    count = act.count or 1 if _repeats(act) else 1
    manner = f" {style.manner}" if style is not None else ""
    return Part(
        text=f"a person {_words(act, text, counted=count == 1)}{manner}",
        seconds=act.entry.seconds,
        elastic=act.entry.elastic,
        side=act.side,
        kinds=act.entry.kinds,
        count=count,
    )


def _words(act: Act, text: str, *, counted: bool = True) -> str:
    entry = act.entry
    if act.side == "both" and entry.both:
        words = entry.both
    else:
        words = entry.plain.format(side=act.side) if act.side in OTHER else entry.bare
    if entry.gait:
        return travel_words(_gait_word(act, words), text)
    if act.name == "circle":
        verb = act.word if act.word in ("walks", "runs") else "walks"
        return f"{verb} in a circle" + (f" to the {act.side}" if act.side else "")
    if act.name == "jump" and leap_direction(text):
        words = f"jumps {leap_direction(text)}"
    if act.name in ("turn", "turn_around") and act.angle is not None:
        words = f"turns {act.angle:g} degrees" + (f" to the {act.side}" if act.side else "")
    if act.name == "turn_around" and act.side and act.angle is None:
        words += f" to the {act.side}"
    if counted and (act.count or 0) > 1 and act.name in COUNTED - UNCOUNTED:
        words += " twice" if act.count == 2 else f" {act.count} times"
    return words


def _gait_word(act: Act, words: str) -> str:
    """The verb of a walk that captions have in their own words."""
    if act.name != "walk":
        return words
    return next((said for verb, said in lexicon().manner.items() if act.word.startswith(verb.rstrip("e"))), words)
