"""One-line descriptions as sentences: sound English, lists as lists, sides kept, nothing refused."""

from __future__ import annotations

import csv
import io
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinescale.data.datasets import ClipCaptions, RawClip, cmu
from kinescale.data.datasets.base.game import phrases_of
from kinescale.data.datasets.cmu.descriptions import ITEMS, PREFIXES, VERBS, _base, parse_description
from kinescale.description.phrase_sentences import sentences
from kinescale.io.packaged_toml import packaged_toml, phrase_table

GAME_CLIPS = phrase_table(packaged_toml("kinescale.data.datasets.base", "game_clips.toml")["phrases"])

BAD = re.compile(r"  |^ | $|[*~{}_]|\ba [aeiou](?!ne |ni|-)|\ban [^aeiou]|\bliing|[^e]uating|squating")


def captions(text: str, take: str, count: int, *, part: bool = False) -> ClipCaptions:
    return cmu.captions(RawClip(id=f"cmu/{take}", corpus="cmu", files=(), action=text), count, part=part)


@pytest.fixture(scope="module")
def descriptions(data_root: Path) -> dict[str, str]:
    """Every CMU take's description, of the published index."""
    with tarfile.open(data_root / "cmu.tar.xz") as archive:
        file = archive.extractfile("cmu/cmu-mocap-index.csv")
        assert file is not None
        rows = csv.reader(io.StringIO(file.read().decode("utf-8", "replace")))
    return {row[0]: row[1] for row in rows if len(row) > 1 and re.fullmatch(r"\d+_\d+", row[0])}


@pytest.mark.slow  # unpacks the corpus and writes 40,000 sentences
def test_every_take_gets_sound_sentences(descriptions):
    for take, text in descriptions.items():
        for part in (False, True):
            words = captions(text, take, 8, part=part)
            assert words.captions and len(words.captions) == len(words.mirrored), (take, text)
            assert len(set(words.captions)) == len(words.captions)
            assert not [one for one in words.captions if not one.isprintable() or re.search(r"[*~{}]", one)], take


def test_items_written_by_hand_are_sound():
    for table in (ITEMS, PREFIXES, GAME_CLIPS):
        for name, found in table.items():
            assert found and all(phrase.startswith("*") for phrase in found), name
            for sentence in sentences(found, name, 20):
                assert not BAD.search(sentence), sentence


@given(st.text(max_size=80))
def test_no_description_is_refused(text: str):
    found = parse_description(text).phrases(part=True)
    assert found and all(phrase.startswith("*") for phrase in found)


def test_lists_become_lists_and_may_be_any_of_them_in_a_window():
    whole, part = (parse_description("climb, hang, swing").phrases(part=part)[0] for part in (False, True))
    assert whole.split(" and ")[0] == part.split(" or ")[0] and " and " in whole and " or " in part


@pytest.mark.parametrize("animal", ["bear", "elephant", "prairie dog"])
def test_who_plays_an_animal_is_a_person_that_acts_like_one(animal):
    found = parse_description(f"{animal} (human subject)").phrases(part=False)
    article = "an" if animal[0] in "aeiou" else "a"
    assert all(f"{article} {animal}" in phrase for phrase in found)


@pytest.mark.parametrize("side", ["left", "right"])
def test_sides_are_kept_and_exchanged_for_the_mirror_image(side):
    words = captions(f"walk, veer {side}", "999_01", 10)
    other = "right" if side == "left" else "left"
    assert all(side in one and other not in one for one in words.captions)
    assert all(other in one and side not in one for one in words.mirrored)


@given(st.sampled_from(sorted(VERBS)))
def test_verbs_are_known_in_every_form(verb: str):
    from kinescale.description.grammar import conjugate

    assert all(_base(conjugate(verb, form)) == verb for form in ("base", "third", "gerund"))


def test_game_names_know_loops_and_root_motion():
    assert phrases_of("walk loop")[0] == phrases_of("walk")[0] and phrases_of("walk loop")[1]
    assert phrases_of("roll rm")[0] != phrases_of("roll")[0]
    assert phrases_of("melee 1h attack chop")[0] == phrases_of("1h melee attack chop")[0]
