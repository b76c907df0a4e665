"""Captions by hand: every take of the shared index has some, they are sound, and corrections fit the book."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from kinescale.core.errors import InputError
from kinescale.data.captions import phrase_book
from kinescale.data.captions.cmu import CAPTIONS as CMU
from kinescale.data.captions.corpora.bandai_namco import describe
from kinescale.data.captions.corrections import OTHERWISE, SWAPPED
from kinescale.data.captions.hdm05 import CAPTIONS as HDM05
from kinescale.data.captions.hdm05 import motion_class

BAD = re.compile(r"  |^ | $|[.*~{}_A-Z]|\ba [aeiou]|\ban [^aeiou]|\b(\w+) \1\b(?<!again)")


@pytest.fixture(scope="module")
def index(data_root: Path) -> list[dict[str, str]]:
    with (data_root / "index.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_cmu_take_is_described(index):
    takes = {row["id"].split("/")[1] for row in index if row["id"].startswith("cmu/")}
    assert takes and takes <= set(CMU)


def test_every_hdm05_class_is_described(index):
    classes = [motion_class(row["id"].split("/")[1]) for row in index if row["id"].startswith("hdm05/")]
    assert classes and set(classes) <= set(HDM05)


def test_every_bandai_label_is_in_the_book(index):
    rows = [row for row in index if row["id"].startswith("bandai-namco/")]
    assert rows
    assert {row["action"] for row in rows} <= set(phrase_book.actions())
    assert {row["style_or_subject"] for row in rows} <= set(phrase_book.styles())
    takes = {row["id"].split("/")[1] for row in rows}
    assert {*SWAPPED, *OTHERWISE} <= takes


def test_cmu_sentences_are_sound():
    for take, said in CMU.items():
        assert 2 <= len(said.captions) <= 4, take
        assert len(set(said.captions)) == len(said.captions)
        assert not [sentence for sentence in said.captions if BAD.search(sentence)], take
    assert len({sentence for said in CMU.values() for sentence in said.captions}) > 150


def test_walks_and_dances_are_steady_and_sequences_are_not():
    steady = {take for take, said in CMU.items() if said.steady}
    assert {"02_01", "35_01", "60_01", "61_15", "94_04", "06_02"} <= steady
    assert not {"01_01", "02_04", "06_15", "05_02"} & steady


def test_cmu_sides_are_those_of_the_descriptions():
    assert all("left" in sentence for sentence in CMU["06_10"].captions)
    assert all("right" in sentence for sentence in CMU["06_12"].captions)


@pytest.mark.parametrize(
    ("name", "side", "other"),
    [
        ("depositFloorR", "right", "left"),
        ("grabHighR", "right", "left"),
        ("jogLeftCircle4StepsRstart", "left", None),
        ("kickLFront1Reps", "left", "right"),
        ("sneak2StepsLStart", "left", "right"),
    ],
)
def test_hdm05_sides(name, side, other):
    text = " ".join(HDM05[name])
    assert re.search(rf"\b{side}\b", text)
    assert other is None or not re.search(rf"\b{other}\b", text)


def test_hdm05_sentences_are_sound():
    for name, sentences in HDM05.items():
        assert len(set(sentences)) == len(sentences) >= 8, name
        assert not [sentence for sentence in sentences if BAD.search(sentence)], name


def test_motion_class():
    assert motion_class("some/where/HDM_bd_kickLFront1Reps_001_120.amc") == "kickLFront1Reps"
    assert motion_class("HDM_dg_squat1Reps_026_120") == "squat1Reps"
    with pytest.raises(InputError, match="HDM_ACTOR_CLASS_NNN_120"):
        motion_class("walk.bvh")


def test_corrected_clips_are_described_by_what_they_show():
    swapped = describe("walk-turn-left", "masculine", "dataset-2_walk-turn-left_masculine_006", 4)
    assert set(swapped.captions) <= set(phrase_book.sentences("walk-turn-right", "masculine"))
    assert set(swapped.mirrored) <= set(phrase_book.sentences("walk-turn-left", "masculine"))
    twice = describe("walk-turn-right", "normal", "dataset-2_walk-turn-right_normal_004", 3)
    assert "right" in twice.captions[0] and not twice.steady
    assert twice.mirrored == tuple(map(phrase_book.mirror_sentence, twice.captions))
    assert set(SWAPPED.values()) <= set(phrase_book.actions())
    assert not set(SWAPPED) & set(OTHERWISE)
