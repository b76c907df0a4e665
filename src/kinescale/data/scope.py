"""Scope check: whether the words of a prompt lie inside the vocabulary of the training captions.

A text encoder embeds every sentence, also one in another language or about a horse, and the generator returns a motion
all the same. ``scope_notes`` reports which words lie outside the training captions, so that the user knows that the
result can only be an approximation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from kinescale.data import datasets
from kinescale.data.captions.phrase_book import ACTIONS, STYLES, SUBJECTS
from kinescale.io.packaged_toml import packaged_toml

_LISTS = {name: frozenset(words.split()) for name, words in packaged_toml("kinescale.data", "scope.toml").items()}
FUNCTION_WORDS, ENGLISH, ANIMALS = _LISTS["function_words"], _LISTS["english"], _LISTS["animals"]
DETERMINERS, HUMANS = _LISTS["determiners"], _LISTS["humans"]

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
    """One sentence per way in which a prompt lies outside the training captions; none where it lies inside.

    ``known``: the words of the training captions; by default those of this package's own captions.
    """
    stems = _stems_of(tuple(sorted(known))) if known else package_stems()
    text = prompt.casefold()
    words = _WORD.findall(text)
    content = [word for word in dict.fromkeys(words) if word not in FUNCTION_WORDS]
    stems |= _stems_of(tuple(sorted(FUNCTION_WORDS)))
    animal = _animal(words)
    unknown = [word for word in content if stem(word) not in stems and word != animal]
    notes = []
    if _SEVERAL.search(text):
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
    """The distinct words of captions, sorted, without function words."""
    found = {word for text in captions for word in _WORD.findall(text.casefold())}
    return tuple(sorted(found - FUNCTION_WORDS))


@lru_cache(maxsize=1)
def package_stems() -> frozenset[str]:
    """Stems of the words of this package's own captions: phrase book and hand-written captions."""
    texts = [phrase for action in ACTIONS.values() for phrase in (*action.phrases, *action.overhead)]
    for style in STYLES.values():
        texts += [*style.expressions(), *style.gait]
    for name in datasets.FAMILY.names():
        written = getattr(datasets.FAMILY.load(name), "written_captions", None)
        texts += [] if written is None else [sentence for sentences in written().values() for sentence in sentences]
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

    "bears right" and "ducks under" describe people, who are mentioned before.
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
