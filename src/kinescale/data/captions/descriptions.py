"""CMU's one-line descriptions put into phrases: abbreviations, lists, prefixes, run-together words, animals.

``read`` takes a description apart; what a take lists is said as a list for all of it, and with "or" for a window, in
which only some of it may be seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kinescale.data.captions.cmu_words import ACTED, ITEMS, LASTING, PREFIXES
from kinescale.data.captions.said import joined
from kinescale.description.grammar import article, conjugate

MOST_LISTED = 4
"""Items of a sentence."""

_HUMAN = re.compile(r"\s*\(human subject\)")
_ASIDE = re.compile(r"\([^)]*\)|\bcleaned ?grs\b|\.amc\b", re.IGNORECASE)
_RUN_TOGETHER = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
_SPLIT = re.compile(r"\s*[,;]\s*(?:and\s+)?")
_NOTHING = frozenset({"", "unknown", "no movie", "lost marker", "cleaned"})

_VERBS = """
act answer bend box bounce bow break buy carry catch chase chug clap climb close coil crawl creep crouch dance
dig direct dive drag drink drive drop duck eat explain fall fight fish flip get give go grab hammer hang hit
hold hop investigate jog jump kick kneel laugh lay lean leap lie lift limp link look march mop mope move
navigate open paint pass pick plant play point pose press pull punch push put rake reach relax ride rise roll
rotate run rush saw search sew shake shift shoot shuffle sit skip slice slide slip smoke sneak spin squat
stand stare start step stop stretch stroll strut stumble sweep swim swing take talk teach throw tighten tiptoe
toss trip turn twist type use veer wait walk wander wash wave whirl wipe yawn
"""
VERBS = frozenset(_VERBS.split())
"""Verbs in the base form with which an item may begin."""


@dataclass(frozen=True)
class Read:
    """A description taken apart.

    ``items``: phrases for each thing it lists. ``around``: phrases that hold for any part. ``lasting``: it lists one
    thing that goes on throughout.
    """

    items: tuple[tuple[str, ...], ...]
    around: tuple[str, ...]
    lasting: bool

    def phrases(self, part: bool) -> tuple[str, ...]:
        """Phrases for all of the take, or for a window of it."""
        if not self.items:
            return self.around
        if len(self.items) == 1:
            return (*self.items[0], *self.around)
        word = "or" if part else "and"
        lists = [joined([item[turn % len(item)] for item in self._some(turn)], word) for turn in range(3)]
        return tuple(dict.fromkeys((*lists, *self.around)))

    def _some(self, turn: int) -> tuple[tuple[str, ...], ...]:
        """At most ``MOST_LISTED`` items, others in turn, in their order."""
        count = len(self.items)
        if count <= MOST_LISTED:
            return self.items
        chosen = sorted((turn + number * count // MOST_LISTED) % count for number in range(MOST_LISTED))
        return tuple(self.items[number] for number in dict.fromkeys(chosen))


def read(description: str, subject: str = "") -> Read:
    """Take a description apart; ``subject`` is what the set says of the whole subject, for takes that say nothing."""
    text = " ".join(description.split())
    if _HUMAN.search(text):
        who = _plain(_HUMAN.sub("", text))
        named = article(who.removeprefix("insect/"))
        return Read((tuple(one.replace("{a}", named) for one in ACTED),), (), True)
    prefix, dash, rest = text.partition(" - ")
    around = PREFIXES.get(_plain(prefix), ()) if dash else ()
    listed = rest if dash and around else text
    items = [_item(_plain(item)) for item in _SPLIT.split(listed)]
    found = tuple(dict.fromkeys(item for item in items if item))
    if not found and not around:
        return Read(((_subject(subject)),) if subject else (("*move about",),), (), True)
    lasting = len(found) == 1 and _plain(listed) in LASTING
    return Read(found, around, lasting)


def _subject(words: str) -> tuple[str, ...]:
    known = _plain(words)
    return ITEMS["unknown dance"] if "indian dance" in known else ("*move about",)


def _plain(text: str) -> str:
    """Lower case, run-together words apart, without what stands in brackets, take numbers and quotation marks."""
    text = _RUN_TOGETHER.sub(" ", _ASIDE.sub(" ", text)).lower()
    text = re.sub(r"(?<=[a-z])\d{2,}\b", "", text)
    return " ".join(re.sub(r"[\"“”.]", "", text).split())


def _item(text: str) -> tuple[str, ...]:
    """Phrases for one item; none where it says nothing."""
    if text in _NOTHING:
        return ()
    if text in ITEMS:
        return ITEMS[text]
    first, _, rest = text.partition(" ")
    base = _base(first)
    if base is not None:
        return (f"*{base} {rest}".rstrip(),)
    word = next((word for word in text.split() if _base(word) is not None and text.endswith(word)), None)
    if word is not None:
        # "drunk walk": the last word is what is done
        return (f"*do {article(text)}",)
    return (f"*perform {text}" if text.endswith("s") else f"*perform {article(text)}",)


def _base(word: str) -> str | None:
    """The base form of a verb that is known: "walking", "walks" and "walk" to "walk"."""
    stem = word.removesuffix("ing")
    plural = (word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("ies") + "y")
    likely = (word, *plural, stem, stem + "e", stem[:-1], stem[:-1] + "ie")
    known = (form for form in likely if form in VERBS)
    return next((verb for verb in known if word in (verb, conjugate(verb, "third"), conjugate(verb, "gerund"))), None)
