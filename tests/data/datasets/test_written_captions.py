"""Hand-written captions: every take of the index has some, they are well formed, corrections name known actions."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from kinescale.data.captions import phrase_book
from kinescale.data.datasets import FAMILY, ClipCaptions, RawClip, bandai_namco, hdm05
from kinescale.data.datasets.cmu.takes import take_captions

CMU, HDM05 = take_captions(), hdm05.written_captions()
CORRECTED_ACTIONS, CORRECTED_CAPTIONS = bandai_namco.corrected_actions(), bandai_namco.corrected_captions()


def bandai(action: str, style: str, take: str, count: int) -> ClipCaptions:
    clip = RawClip(id=f"bandai_namco/{take}", corpus="bandai_namco", files=(), action=action, style=style)
    return FAMILY.get("bandai_namco", "captions")(clip, count)


BAD = re.compile(r"  |^ | $|[.*~{}_A-Z]|\ba [aeiou]|\ban [^aeiou]|\b(\w+) \1\b(?<!again)")


@pytest.fixture(scope="module")
def index(data_root: Path) -> list[dict[str, str]]:
    with (data_root / "index.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_cmu_take_is_described(index):
    takes = {row["id"].split("/")[1] for row in index if row["id"].startswith("cmu/")}
    assert takes and takes <= set(CMU)


def test_every_hdm05_class_is_described(index):
    names = [hdm05.NAME.match(row["id"].split("/")[1]) for row in index if row["id"].startswith("hdm05/")]
    assert names and {match.group(2) for match in names if match} <= set(HDM05) and all(names)


def test_every_bandai_label_is_in_the_book(index):
    rows = [row for row in index if row["id"].startswith("bandai-namco/")]
    assert rows
    assert {row["action"] for row in rows} <= set(phrase_book.actions())
    assert {row["style_or_subject"] for row in rows} <= set(phrase_book.styles())
    takes = {row["id"].split("/")[1] for row in rows}
    assert {*CORRECTED_ACTIONS, *CORRECTED_CAPTIONS} <= takes


def test_cmu_sentences_are_sound():
    for take, entry in CMU.items():
        assert 2 <= len(entry.captions) <= 4, take
        assert len(set(entry.captions)) == len(entry.captions)
        assert not [sentence for sentence in entry.captions if BAD.search(sentence)], take
    assert len({sentence for entry in CMU.values() for sentence in entry.captions}) > 150


def test_walks_and_dances_are_steady_and_sequences_are_not():
    steady = {take for take, entry in CMU.items() if entry.steady}
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


def test_corrected_clips_are_described_by_what_they_show():
    swapped = bandai("walk-turn-left", "masculine", "dataset-2_walk-turn-left_masculine_006", 4)
    assert set(swapped.captions) <= set(phrase_book.sentences("walk-turn-right", "masculine"))
    assert set(swapped.mirrored) <= set(phrase_book.sentences("walk-turn-left", "masculine"))
    twice = bandai("walk-turn-right", "normal", "dataset-2_walk-turn-right_normal_004", 3)
    assert "right" in twice.captions[0] and not twice.steady
    assert twice.mirrored == tuple(map(phrase_book.mirror_sentence, twice.captions))
    assert set(CORRECTED_ACTIONS.values()) <= set(phrase_book.actions())
    assert not set(CORRECTED_ACTIONS) & set(CORRECTED_CAPTIONS)
