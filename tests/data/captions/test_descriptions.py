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

from kinescale.data.captions import said
from kinescale.data.captions.cmu_words import ITEMS, PREFIXES
from kinescale.data.captions.corpora import FAMILY
from kinescale.data.captions.descriptions import VERBS, _base, read
from kinescale.data.captions.game_words import WORDS, phrases

BAD = re.compile(r"  |^ | $|[*~{}_]|\ba [aeiou](?!ne |ni|-)|\ban [^aeiou]|\bliing|[^e]uating|squating")


@pytest.fixture(scope="module")
def descriptions(data_root: Path) -> dict[str, str]:
    """Every CMU take's description, of the published index."""
    with tarfile.open(data_root / "cmu.tar.xz") as archive:
        file = archive.extractfile("cmu/cmu-mocap-index.csv")
        assert file is not None
        rows = csv.reader(io.StringIO(file.read().decode("utf-8", "replace")))
    return {row[0]: row[1] for row in rows if len(row) > 1 and re.fullmatch(r"\d+_\d+", row[0])}


def test_every_take_gets_sound_sentences(descriptions):
    describe = FAMILY.get("cmu", "describe")
    for take, text in descriptions.items():
        for part in (False, True):
            words = describe(text, "normal", take, 8, part=part)
            assert words.captions and len(words.captions) == len(words.mirrored), (take, text)
            assert len(set(words.captions)) == len(words.captions)
            assert not [one for one in words.captions if not one.isprintable() or re.search(r"[*~{}]", one)], take


def test_items_written_by_hand_are_sound():
    for table in (ITEMS, PREFIXES, WORDS):
        for name, found in table.items():
            assert found and all(phrase.startswith("*") for phrase in found), name
            for sentence in said.sentences(found, name, 20):
                assert not BAD.search(sentence), sentence


@given(st.text(max_size=80))
def test_no_description_is_refused(text: str):
    found = read(text).phrases(part=True)
    assert found and all(phrase.startswith("*") for phrase in found)


def test_lists_become_lists_and_may_be_any_of_them_in_a_window():
    whole, part = (read("climb, hang, swing").phrases(part=part)[0] for part in (False, True))
    assert whole.split(" and ")[0] == part.split(" or ")[0] and " and " in whole and " or " in part


@pytest.mark.parametrize("animal", ["bear", "elephant", "prairie dog"])
def test_who_plays_an_animal_is_a_person_that_acts_like_one(animal):
    found = read(f"{animal} (human subject)").phrases(part=False)
    article = "an" if animal[0] in "aeiou" else "a"
    assert all(f"{article} {animal}" in phrase for phrase in found)


@pytest.mark.parametrize("side", ["left", "right"])
def test_sides_are_kept_and_exchanged_for_the_mirror_image(side):
    words = FAMILY.get("cmu", "describe")(f"walk, veer {side}", "normal", "999_01", 10)
    other = "right" if side == "left" else "left"
    assert all(side in one and other not in one for one in words.captions)
    assert all(other in one and side not in one for one in words.mirrored)


@given(st.sampled_from(sorted(VERBS)))
def test_verbs_are_known_in_every_form(verb: str):
    from kinescale.description.grammar import conjugate

    assert all(_base(conjugate(verb, form)) == verb for form in ("base", "third", "gerund"))


def test_game_names_know_loops_and_root_motion():
    assert phrases("walk loop")[0] == phrases("walk")[0] and phrases("walk loop")[1]
    assert phrases("roll rm")[0] != phrases("roll")[0]
    assert phrases("melee 1h attack chop")[0] == phrases("1h melee attack chop")[0]
