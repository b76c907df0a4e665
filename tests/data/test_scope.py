"""Prompts outside what is known are said to be, in one sentence; the phrase book's own are not."""

from __future__ import annotations

import itertools

import pytest

from kinescale.data.captions import phrase_book
from kinescale.data.datasets.hdm05 import written_captions
from kinescale.data.scope import scope_notes, stem, words_of


def test_nothing_is_said_of_captions() -> None:
    pairs = itertools.product(phrase_book.actions(), phrase_book.styles())
    book = [text for action, style in pairs for text in phrase_book.pick(action, style, "scope", 3)]
    takes = [text for sentences in written_captions().values() for text in sentences]
    assert [text for text in (*book, *takes) if scope_notes(text)] == []


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("eine Person geht vorwärts und winkt", "only English"),
        ("une personne marche en avant", "only English"),
        ("una persona camina hacia adelante", "only English"),
        ("人が歩く", "no word of the prompt"),
        ("asdf qwer", "no word of the prompt"),
        ("a person does a backflip", "backflip"),
        ("a person swims and then waves", "swims"),
        ("two people dance salsa", "several people"),
        ("they push each other", "several people"),
        ("three soldiers run", "several people"),
        ("a dog runs", "an animal (dog)"),
        ("The big horse gallops", "an animal (horse)"),
        ("a person walks like a penguin", "penguin"),
    ],
)
def test_what_is_outside_is_named(prompt: str, said: str) -> None:
    assert said in "; ".join(scope_notes(prompt))


@pytest.mark.parametrize("prompt", ["a person ducks and walks on", "someone bears right", "a man bears left, walking"])
def test_people_who_duck_and_bear_are_no_animals(prompt: str) -> None:
    assert "animal" not in "; ".join(scope_notes(prompt))


def test_a_bundles_own_words_count_where_it_has_them() -> None:
    words = words_of(["a person swims", "somebody does a backflip"])
    assert words == ("backflip", "swims")
    assert scope_notes("a man is swimming", words) == () and "walks" in scope_notes("a man walks", words)[0]


@pytest.mark.parametrize(
    "family", ["wave waves waved waving", "step steps stepped stepping", "reply replies replied", "signal signalling"]
)
def test_forms_of_a_word_have_one_stem(family: str) -> None:
    assert len({stem(word) for word in family.split()}) == 1
