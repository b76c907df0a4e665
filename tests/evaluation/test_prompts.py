"""Sentences from outside the phrase book: none of them is a training caption, all claims can be read and measured."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from kinescale.core.errors import DataError
from kinescale.data.captions import phrase_book
from kinescale.data.captions.phrase_book import mirror_sentence
from kinescale.data.datasets import cmu, hdm05
from kinescale.description.claim_language import MeasuredMotion, claim_holds, parse_claim
from kinescale.evaluation.prompts import KINDS, Prompt, parse_prompts, prompts
from kinescale.metrics import peaks
from kinescale.motion import canonicalize, mirror
from motion_strategies import random_motion, walk


def plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(" .!?")


@pytest.fixture(scope="module")
def captions() -> set[str]:
    """Every sentence that training can be shown: the whole phrase book, and what is written for single takes."""
    book = (
        sentence
        for action, style in itertools.product(phrase_book.actions(), phrase_book.styles())
        for sentence in phrase_book.sentences(action, style)
    )
    written = (
        sentence
        for corpus in (cmu, hdm05)
        for sentences in corpus.written_captions().values()
        for sentence in sentences
    )
    return {plain(text) for one in (book, written) for text in one}


def test_no_sentence_is_a_caption_nor_its_mirror_image(captions: set[str]) -> None:
    known = [one.text for one in prompts() if {plain(one.text), plain(mirror_sentence(one.text))} & captions]
    assert known == [] and len(captions) > 10_000


def test_there_are_300_of_all_kinds_and_no_two_alike() -> None:
    chosen = prompts()
    assert len(chosen) >= 300 and len({plain(one.text) for one in chosen}) == len(chosen)
    counts, tags = Counter(one.kind for one in chosen), Counter(tag for one in chosen for tag in one.tags)
    assert set(counts) == set(KINDS) and min(counts.values()) >= 40
    assert tags["negative"] >= 15 and tags["long"] >= 8
    sides = [one for one in chosen if one.kind == "side"]
    # what is chosen of one side is chosen of the other as often
    mirrored = Counter(mirror_sentence(" ".join(one.claims)) for one in sides)
    assert mirrored == Counter(" ".join(one.claims) for one in sides)


@pytest.mark.parametrize("prompt", prompts()[::7], ids=lambda prompt: prompt.text[:40])
def test_every_claim_is_answered_for_any_motion(prompt: Prompt) -> None:
    seen = MeasuredMotion(random_motion(frames=60, seed=len(prompt.text)), peaks.peaks)
    assert all(claim_holds(claim, seen) in (True, False) for claim in prompt.claims)


def test_peaks_that_are_claimed_are_measured() -> None:
    named = {claim.split()[1] for one in prompts() for claim in one.claims if claim.startswith("peak ")}
    assert named and named <= set(peaks.LEAST)


def test_claims_hold_of_a_walk_and_of_its_mirror_image() -> None:
    motion = canonicalize(walk(seconds=4))
    for each in (motion, mirror(motion)):
        seen = MeasuredMotion(each, peaks.peaks)
        for claim in ("does travel", "faces ahead", "never jump|kick:left", "turns any 0 30", "goes forward"):
            assert claim_holds(claim, seen), claim
        for claim in ("does wave", "goes backward", "gait stand", "turns left", "steps 40", "order travel jump"):
            assert not claim_holds(claim, seen), claim


@pytest.mark.parametrize(
    "claim",
    [
        *("", "dances", "does", "does dance", "does kick:up", "goes up", "turns up", "turns left 10", "faces back"),
        *("gait hop", "speed 1", "speed a b", "steps many", "times kick", "order kick", "peak 1 2", "way 1 2 3"),
    ],
)
def test_a_claim_outside_the_language_is_one_sentence(claim: str) -> None:
    with pytest.raises(DataError, match="the claim"):
        parse_claim(claim)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[group", "no TOML"),
        ("[[group]]\nkind = 'plain'", "group 1"),
        ("[[group]]\nkind = 'odd'\nclaims = ['does kick']\ntexts = ['x']", "group 1"),
        ("[[group]]\nkind = 'plain'\nclaims = []\ntexts = ['x']", "group 1"),
        ("[[group]]\nkind = 'plain'\nclaims = ['does magic']\ntexts = ['x']", "the claim 'does magic'"),
    ],
)
def test_a_broken_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_prompts(text)
