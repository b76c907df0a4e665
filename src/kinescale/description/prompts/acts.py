"""Actions that a prompt names, in order, each with its side, angle, count and negation."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kinescale.description.prompts.lexicon import Entry, lexicon
from kinescale.description.prompts.numbers import with_figures

COUNTED = frozenset({"jump", "kick", "punch", "squat", "bow", "clap", "raise", "knee", "wave"})
"""Actions that a prompt may number."""

ARRIVALS = frozenset({"sit", "lie", "kneel", "bow", "pick", "squat", "kick", "punch", "jump"})
"""Actions that follow the travel before them even where no word says so."""

DEEDS = ARRIVALS | {"wave", "raise", "clap", "knee", "stand_up", "throw"}
"""Actions that a list names one after the other."""

ARMS = frozenset({"wave", "raise", "clap", "punch", "throw"})
"""Actions of the arms alone, which a body can do on its way."""

_LED_TO = re.compile(r"\bto (?:the|his|her|their) $")
_BOTH_NAMED = re.compile(r"left and (?:the )?right|right and (?:the )?left")
_HANDED_TURN = re.compile(r"(?:left|right) hand (?:corner|turn|bend|curve|side)")
_COUNTERCLOCKWISE, _CLOCKWISE = re.compile(r"\b(?:anti|counter) ?clockwise\b"), re.compile(r"\bclockwise\b")
_AFTER = re.compile(r"\bafter\b(?! (?:a|the) (?:ball|bus|dog|thief))")
_COMES_BACK = re.compile(r"comes? back|returns?|goes? back")
_STEPS = re.compile(r"\b(?:steps?|paces?|strides?)$")
_HALTS = re.compile(r"stop|halt")
MOST_COUNTED = 12
"""A larger number than this before an action is none of repetitions."""
OTHER = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Act:
    """One action that a prompt names.

    name : its entry in the lexicon. start, end : its place in the text. side : "left", "right", "both" or ``None``.
    negated : the prompt asks for it not to happen. angle : of a turn, degrees. count : how often. word : as named.
    """

    name: str
    start: int
    end: int
    side: str | None = None
    negated: bool = False
    angle: float | None = None
    count: int | None = None
    word: str = ""

    @property
    def entry(self) -> Entry:
        """Its entry in the lexicon."""
        return lexicon().entry(self.name)

    @property
    def kinds(self) -> str:
        """Event kinds that count as the action, with the side where it has one: "kick:left"."""
        side = f":{self.side}" if self.side and (self.entry.limb or self.name == "turn") else ""
        return "|".join(kind + side for kind in self.entry.kinds)


def normalized(prompt: str) -> str:
    """Lower case, no hyphens, numbers in figures, single blanks."""
    text = " ".join(prompt.casefold().replace("\u2019", "'").replace("-", " ").split())
    return with_figures(text)


def find_acts(text: str) -> tuple[Act, ...]:
    """Actions in order of their places in normalized text; where two overlap, the longer one counts."""
    found = [act for entry in lexicon().entries for act in _named(entry, text)]
    found.sort(key=lambda act: (act.start - act.end, act.start))
    kept: list[Act] = []
    for act in found:
        if all(act.end <= other.start or other.end <= act.start for other in kept):
            kept.append(act)
    kept = _without_counts_of_steps(sorted(kept, key=lambda act: act.start))
    return tuple(_merged(_with_pronouns([_detailed(act, kept, text) for act in kept], text), text))


def _without_counts_of_steps(acts: list[Act]) -> list[Act]:
    """Without a walk that is only a number of steps, where the steps are those of a run."""
    runs = any(act.name == "run" for act in acts)
    return [act for act in acts if not (runs and act.name == "walk" and _STEPS.search(act.word))]


def _named(entry: Entry, text: str) -> list[Act]:
    """Every place where an entry is named."""
    refused = [match.span() for match in entry.refused.finditer(text)] if entry.refused else []
    return [
        Act(entry.name, match.start(), match.end(), word=match.group(0))
        for match in entry.pattern.finditer(text)
        if not any(start <= match.start() < stop for start, stop in refused)
    ]


def together(acts: Sequence[Act], text: str) -> tuple[Act, Act] | None:
    """The travel and the action of the arms that are done at once; ``None`` where there are other actions."""
    travel = [act for act in acts if act.entry.gait]
    arms = [act for act in acts if act.name in ARMS]
    if len(travel) != 1 or len(arms) != 1 or len(acts) != 2 or follows(acts, text):
        return None
    return travel[0], arms[0]


def follows(acts: Sequence[Act], text: str) -> bool:
    """Whether the actions follow one another: a word says so, or the kinds of actions do."""
    if len(acts) < 2:
        return False
    if lexicon().patterns["together"].search(text) and len(acts) == 2:
        return False
    if lexicon().patterns["then"].search(text) or _AFTER.search(text):
        return True
    if len(acts) > 2 and all("," in text[a.end : b.start] or " and " in text[a.end : b.start]
                             for a, b in pairwise(acts)):  # fmt: skip
        return True
    names = [act.name for act in acts]
    if len(acts) == 2 and names[0] in ("walk", "run") and names[1] in ARRIVALS | {"turn_around"}:
        return True
    return len({act.kinds for act in acts}) > 1 and all(name in DEEDS for name in names) and "while" not in text


def in_time(acts: Sequence[Act], text: str) -> list[Act]:
    """The actions in the order in which they are to happen: "B after A" and "before B, A" reverse it."""
    ordered = list(acts)
    for k, (one, two) in enumerate(pairwise(acts)):
        between = text[one.end : two.start]
        if lexicon().patterns["reversed"].search(between):
            ordered[k], ordered[k + 1] = ordered[k + 1], ordered[k]
    if re.match(r"(?:right )?before\b", text) and len(ordered) == 2:
        ordered.reverse()
    # a halt on the way to another action takes no time of its own
    return [act for act in ordered[:-1] if not (act.name == "stand" and _HALTS.search(act.word))] + ordered[-1:]


def negates(before: str) -> bool:
    """Whether what follows is negated."""
    return lexicon().patterns["negation"].search(before) is not None


def _detailed(act: Act, every: Sequence[Act], text: str) -> Act:
    """The action with side, negation, angle and count, read from its own stretch of the text."""
    low, high = _stretch(act, every, text)
    around = text[low:high]
    side = angle = count = None
    if act.entry.limb:
        side = _limb_side(act, text, low, high)
    elif act.name in ("turn", "circle"):
        side = _turn_side(around)
    elif act.name == "turn_around":
        side = _turn_side(text[act.end : high])
    if act.name in ("turn", "turn_around"):
        angle = _angle(around)
    if act.name in COUNTED:
        count = _count(act, text, low, high)
    return dataclasses.replace(act, side=side, negated=negates(text[: act.start]), angle=angle, count=count)


def _stretch(act: Act, every: Sequence[Act], text: str) -> tuple[int, int]:
    """From the first break after the action before it to the last break before the action after it."""
    breaks = lexicon().patterns["clause_break"]
    low, high = 0, len(text)
    for other in every:
        if other.end <= act.start:
            ends = [m.end() for m in breaks.finditer(text, other.end, act.start)]
            low = max(low, ends[0] if ends else other.end)
        elif other.start >= act.end:
            starts = [m.start() for m in breaks.finditer(text, act.end, other.start)]
            high = min(high, starts[-1] if starts else other.start)
    return low, high


def _limb_side(act: Act, text: str, low: int, high: int) -> str | None:
    """The side named nearest to the action, or "both"; "to the left" is a direction, not a limb."""
    own, patterns = text[low:high], lexicon().patterns
    if patterns["other_limb"].search(text, low, high):
        before = [match.group(1) for match in patterns["side"].finditer(text[: act.start])]
        return OTHER[before[-1]] if before else None
    named = [
        match
        for match in patterns["side"].finditer(own)
        if not negates(text[: low + match.start()]) and not _LED_TO.search(own[: match.start()])
    ]
    if not named:
        return "both" if act.entry.both and patterns["both"].search(own) else None
    if len({match.group(1) for match in named}) == 2 and _BOTH_NAMED.search(own):
        return "both" if act.entry.both else None
    return min(named, key=lambda match: abs(match.start() + low - act.start)).group(1)


def _turn_side(around: str) -> str | None:
    if _COUNTERCLOCKWISE.search(around):
        return "left"
    if _CLOCKWISE.search(around):
        return "right"
    handed = _HANDED_TURN.search(around)
    named = [
        match.group(1)
        for match in lexicon().patterns["side"].finditer(around)
        if handed or not re.search(r"hand|foot|arm|leg|knee|fist", match.group(0))
    ]
    return named[0] if named else None


def _angle(around: str) -> float | None:
    patterns = lexicon().patterns
    if found := patterns["angle"].search(around):
        return float(found.group(1))
    named = {"quarter_turn": 90.0, "half_turn": 180.0, "full_turn": 360.0}
    return next((value for name, value in named.items() if patterns[name].search(around)), None)


def _count(act: Act, text: str, low: int, high: int) -> int | None:
    patterns = lexicon().patterns
    if times := patterns["times"].search(text, act.start, high):
        figure = times.group(1) or times.group(5)
        count = int(figure) if figure else 1 if times.group(2) else 2 if times.group(3) else 3
    else:
        before = patterns["count_before"].search(text[low : act.start])
        if before is None or patterns["not_a_count"].search(before.group(0)):
            inside = re.match(r"(?:throws?|does|lands?) (\d+) ", act.word)
            return int(inside.group(1)) if inside else None
        count = int(before.group(1))
    return count if 1 <= count <= MOST_COUNTED else None


def _with_pronouns(acts: list[Act], text: str) -> list[Act]:
    """With "the left hand goes up, then the right one" as the same action on both sides, one after the other."""
    patterns = lexicon().patterns
    for match in patterns["pronoun"].finditer(text):
        limbs = [act for act in acts if act.end <= match.start() and act.entry.limb]
        if limbs and limbs[-1].side is None and match.group(1) in OTHER and negates(text[: match.start()]):
            meant = dataclasses.replace(limbs[-1], side=OTHER[match.group(1)])
            acts = [meant if act is limbs[-1] else act for act in acts]
        before = [act for act in limbs if act.side in OTHER]
        if not before or not patterns["then"].search(text[before[-1].end : match.start()]):
            continue
        last = before[-1]
        side = OTHER[str(last.side)] if match.group(1) == "other" else match.group(1)
        if side != last.side and not negates(text[: match.start()]):
            acts = [*acts, Act(last.name, match.start(), match.end(), side, last.negated)]
    for match in patterns["turn_pronoun"].finditer(text):
        turns = [act for act in acts if act.end <= match.start()][-1:]
        if turns and turns[0].name == "turn" and turns[0].side not in (None, match.group(1)):
            acts = [*acts, Act("turn", match.start(), match.end(), match.group(1))]
    return sorted(acts, key=lambda act: act.start)


def _merged(acts: Sequence[Act], text: str) -> list[Act]:
    """One action for neighbors that name the same ("kick, left foot leading"); a hand that waves is raised anyway."""
    kept: list[Act] = []
    for act in acts:
        at = next((k for k, other in enumerate(kept) if _same(other, act, text)), None)
        if at is None:
            kept.append(act)
            continue
        old = kept[at]
        kept[at] = dataclasses.replace(
            old, end=max(old.end, act.end), side=old.side or act.side, angle=old.angle or act.angle,
            count=old.count or act.count,
        )  # fmt: skip
    names = [act.name for act in kept]
    waved = [k for k in range(len(kept) - 1) if names[k : k + 2] == ["raise", "wave"] and not kept[k + 1].negated]
    for k in waved:
        kept[k + 1] = dataclasses.replace(kept[k + 1], side=kept[k + 1].side or kept[k].side)
    kept = [act for k, act in enumerate(kept) if k not in waved]
    if "circle" in names:
        sides = [act.side for act in kept if act.name in ("circle", "turn") and act.side]
        kept = [dataclasses.replace(act, side=sides[0]) if act.name == "circle" and sides else act for act in kept]
        kept = [act for act in kept if act.name != "turn" or act.angle or act.negated]
    if "turn_around" in names:
        kept = [act for act in kept if act.name != "turn" or act.side is not None]
    return [act for act in kept if not _idle_word(act, names)]


def _idle_word(act: Act, names: Sequence[str]) -> bool:
    """Whether an action is named only in passing: "and comes back" up from a squat, "greets with a bow"."""
    if act.name == "turn_around" and _COMES_BACK.match(act.word):
        return not {"walk", "run"} & set(names)
    if act.name == "kick" and act.word.startswith("with "):
        return bool({"walk", "run", "jump", "hop"} & set(names))
    return act.name == "wave" and act.word.startswith("greet") and "bow" in names


def _same(one: Act, two: Act, text: str) -> bool:
    if one.name != two.name or one.negated != two.negated:
        return False
    apart = one.name != "walk" and lexicon().patterns["then"].search(text[one.end : two.start])
    return not apart and not (one.side and two.side and one.side != two.side)
