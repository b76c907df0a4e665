"""Scope: whether a prompt asks for something a bundle can know, judged by its words alone.

A text encoder gives every sentence a place, also one in another language or about a horse, and a motion comes out all
the same. ``scope_notes`` says what in a prompt lies outside the words of the training captions, so that the user learns
that what was made can only be the nearest thing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from kinescale.data.captions import cmu, hdm05
from kinescale.data.captions.actions import ACTIONS
from kinescale.data.captions.phrase_book import SUBJECTS
from kinescale.data.captions.styles import STYLES


def _words(text: str) -> list[str]:
    return text.split()


FUNCTION_WORDS = frozenset(
    _words(
        "a about above across after again against all along also an and another any are around as at away back be "
        "been before behind being below beside between both but by can could did do does doing done down during each "
        "either else end ends enough every few first for forth forward from front further get gets getting go goes "
        "going gone had half has have having he her here him his how i if in inside instead into is it its itself "
        "just last left less like little long made make makes making many me more most much must my near no nor not "
        "nothing now of off on once one only onto or other our out outside over own part quite rather right same "
        "second several she should side so some still such than that the their them then there they third this those "
        "three through till times to together too toward towards turn twice two under until up upon us very was way "
        "we well were what when where which while who whole whose will with without would you your four five six "
        "seven eight nine ten please let lets himself herself themselves someone somebody person people man woman men "
        "women figure character human guy boy girl he's she's it's don't isn't metre metres meter meters degree "
        "degrees step steps time place"
    )
)
"""English words that say nothing of an action."""

ENGLISH = frozenset(_words("the is are an and with of his her their he she they to into then"))
"""Words that only English has: a sentence with one of them is not taken for another language."""

ANIMALS = frozenset(
    _words(
        "animal ape bear bird bull cat chicken cow crab deer dinosaur dog dolphin dragon duck eagle elephant fish fox "
        "frog giraffe goat gorilla horse insect kangaroo kitten lion monkey mouse panda penguin pig pony puppy rabbit "
        "rat sheep snake spider tiger turtle wolf zebra"
    )
)
DETERMINERS = frozenset(_words("a an the my his her their two three some"))
HUMANS = frozenset(
    _words("person people man men woman women guy boy girl figure character human child someone somebody")
)
_SEVERAL = re.compile(
    r"\b(?:(?:two|three|four|five|both|several|many|some|a couple of|a group of|a pair of) (?:\w+ )?"
    r"(?:people|persons|men|women|guys|boys|girls|kids|children|dancers|fighters|boxers|friends|figures|characters|"
    r"players|soldiers)|each other|one another|a couple (?:dances?|walks?|hugs?|is|are)|crowds?)\b"
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

MOST_NAMED = 6
FOREIGN_SHARE = 0.5
"""Share of unknown words from which a sentence of three or more without ``ENGLISH`` words is taken for foreign."""


def scope_notes(prompt: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """One sentence for each way in which a prompt lies outside what was trained on; none where it lies inside.

    ``known``: the words of the training captions; by default those that this package writes captions with.
    """
    stems = _stems_of(tuple(sorted(known))) if known else package_stems()
    said = prompt.casefold()
    words = _WORD.findall(said)
    content = [word for word in dict.fromkeys(words) if word not in FUNCTION_WORDS]
    stems |= _stems_of(tuple(sorted(FUNCTION_WORDS)))
    animal = _animal(words)
    unknown = [word for word in content if stem(word) not in stems and word != animal]
    notes = []
    if _SEVERAL.search(said):
        notes.append("the prompt speaks of several people; one is made")
    if animal:
        notes.append(f"the prompt speaks of an animal ({animal}); a human body is made")
    foreign = len(words) >= 3 and not ENGLISH & set(words)
    if foreign and sum(word in unknown for word in words) >= FOREIGN_SHARE * len(words):
        notes.append("hardly a word of the prompt is known: only English was trained on")
    elif unknown and len(unknown) == len([word for word in content if word != animal]):
        notes.append(f"no word of the prompt that tells an action is known ({_listed(unknown)})")
    elif unknown:
        notes.append(f"not among the words trained on: {_listed(unknown)}")
    return tuple(notes)


def words_of(captions: Iterable[str]) -> tuple[str, ...]:
    """The distinct words of captions, sorted, without those that say nothing of an action."""
    found = {word for text in captions for word in _WORD.findall(text.casefold())}
    return tuple(sorted(found - FUNCTION_WORDS))


@lru_cache(maxsize=1)
def package_stems() -> frozenset[str]:
    """Stems of the words that this package writes captions with."""
    texts = [phrase for action in ACTIONS.values() for phrase in (*action.phrases, *action.overhead)]
    for style in STYLES.values():
        texts += [*style.expressions(), *style.gait]
    texts += [sentence for take in cmu.CAPTIONS.values() for sentence in take.captions]
    texts += [sentence for sentences in hdm05.CAPTIONS.values() for sentence in sentences]
    texts += [who for who, _ in SUBJECTS]
    return _stems_of(words_of(texts))


def stem(word: str) -> str:
    """A word without the endings of English verbs and plurals: "waves", "waved" and "waving" are one."""
    if word.endswith(("ies", "ied")) and len(word) > 4:
        word = word[:-3] + "y"
    for ending, least in (("ing", 3), ("ed", 3), ("es", 3), ("s", 3), ("ly", 4)):
        if word.endswith(ending) and not word.endswith("eed") and len(word) - len(ending) >= least:
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word.rstrip("e") or word


@lru_cache(maxsize=8)
def _stems_of(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(stem(word.lower()) for word in words)


def _animal(words: Sequence[str]) -> str:
    """The animal that is the subject: after an article, with an adjective between at most; else "".

    "bears right" and "ducks under" are said of people, who then come before.
    """
    if len(words) < 2 or words[0] not in DETERMINERS:
        return ""
    for word, after in zip(words[1:3], (*words[2:4], ""), strict=False):
        if word in HUMANS:
            return ""
        if (word in ANIMALS or word.removesuffix("s") in ANIMALS) and after not in ("left", "right", "walk"):
            return word
    return ""


def _listed(words: list[str]) -> str:
    more = len(words) - MOST_NAMED
    return ", ".join(words[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


__all__ = ["package_stems", "scope_notes", "stem", "words_of"]
