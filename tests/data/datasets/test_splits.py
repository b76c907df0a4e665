"""What is held out: named pairs, actors and takes, the same whatever else is there, with the rest still in training."""

from __future__ import annotations

import csv
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from kinescale.data.datasets import FAMILY, accad, bandai_namco, cmu, hdm05, kaykit, mesh2motion
from kinescale.data.datasets.base.splits import SPLITS
from kinescale.data.datasets.cmu.descriptions import _plain
from kinescale.data.prepared.clips import _record


@pytest.fixture(scope="module")
def index(data_root: Path) -> list[dict[str, str]]:
    found = []
    for name in ("index.csv", "index-2.csv"):
        with (data_root / name).open(newline="") as file:
            found += list(csv.DictReader(file))
    return found


def tables():
    return [bandai_namco.PAIRS, hdm05.ACTORS, cmu.ACTORS, cmu.TAKES, accad.TAKES, kaykit.TAKES, mesh2motion.TAKES]


def test_no_name_is_in_two_splits():
    for table in tables():
        assert set(table) <= set(SPLITS) - {"train"}
        assert not table.get("test", frozenset()) & table.get("val", frozenset())


def test_a_held_out_take_is_of_no_held_out_actor():
    actors = frozenset().union(*cmu.ACTORS.values())
    assert not [take for takes in cmu.TAKES.values() for take in takes if take.split("_")[0] in actors]


def touched(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("corpus", "names"),
    [
        ("bandai_namco", [f"dataset-2_{a}_{s}_{n:03d}.bvh" for a in ("run", "walk") for s in ("feminine", "normal")
                          for n in range(40)]),
        ("hdm05", [f"HDM_{actor}_squat1Reps_{n:03d}_120.amc" for actor in ("bd", "mm", "dg") for n in range(30)]),
        ("cmu", [f"{s}/{s}_{n:02d}.amc" for s in ("13", "14", "07", "02") for n in range(1, 13)]),
    ],
)  # fmt: skip
def test_a_clip_stays_where_it_is_when_others_go(tmp_path, corpus, names):
    find = FAMILY.load(corpus).find
    every = {clip.take: (clip.split, clip.held_by) for clip in find(touched(tmp_path / "all", names))}
    some = {clip.take: (clip.split, clip.held_by) for clip in find(touched(tmp_path / "some", names[::3]))}
    assert some and all(every[take] == where for take, where in some.items())
    assert {split for split, _ in every.values()} > {"train"}


def test_every_action_and_style_stays_in_training(index):
    labels = {(row["action"], row["style_or_subject"]) for row in index if row["id"].startswith("bandai-namco/")}
    held = {tuple(pair.split("/")) for pairs in bandai_namco.PAIRS.values() for pair in pairs}
    assert held <= labels
    kept = labels - held
    assert {action for action, _ in kept} == {action for action, _ in labels}
    assert {style for _, style in kept} == {style for _, style in labels}


def test_a_held_out_side_has_no_mirror_image_in_training():
    from kinescale.data.captions.phrase_book import mirror_sentence

    for pairs in bandai_namco.PAIRS.values():
        assert {f"{mirror_sentence(pair.split('/')[0])}/{pair.split('/')[1]}" for pair in pairs} == pairs


def test_what_is_held_out_of_cmu_is_done_in_training_too(index):
    rows = {row["id"].split("/")[1]: row["action"] for row in index if row["id"].startswith("cmu/")}
    held = frozenset().union(*cmu.TAKES.values())
    actors = frozenset().union(*cmu.ACTORS.values())
    assert held <= set(rows)
    kept = {action for take, action in rows.items() if take not in held and take.split("_")[0] not in actors}
    words = {word.rstrip("s") for action in kept for word in re.findall(r"\w+", _plain(action))}
    for take in held:
        asked = [word.rstrip("s") for word in re.findall(r"\w+", _plain(rows[take]))]
        assert any(word in words for word in asked if len(word) > 3 or word == "run"), (take, rows[take])


def test_rows_of_older_folders_read_as_they_were():
    row = {
        "id": "cmu/01_01", "corpus": "cmu", "split": "val", "action": "a", "style": "b", "license": "c", "frames": 9,
        "fps": 30.0, "steady": True, "captions": ("x",), "captions_mirrored": ("y",), "motion_sha256": "",
    }  # fmt: skip
    assert asdict(_record(row)) == {**row, "caption_tokens": (), "held_by": "", "take": "cmu/01_01", "amounts": 0}
    newer = {**row, "held_by": None, "take": None, "amounts": None}
    assert _record(newer) == _record(row)
