"""Anyone's own folder: several formats and skeletons, captions in a table or beside the file, what is wrong by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from published_folders import walker

from kinescale.cli.main import main
from kinescale.core.errors import ConfigError, DataError
from kinescale.data.datasets import FAMILY
from kinescale.data.prepare import Settings, prepare
from kinescale.data.prepared import open_prepared
from kinescale.formats import write_motion

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")


@pytest.fixture
def own(tmp_path) -> Path:
    folder = tmp_path / "mine"
    (folder / "day 1").mkdir(parents=True)
    write_motion(walker("humanml22", 40, 30.0), folder / "walk.bvh")
    write_motion(walker("mixamo", 50, 24.0), folder / "day 1" / "stroll.glb")
    write_motion(walker("cmu", 60, 60.0), folder / "day 1" / "march.npz")
    write_motion(walker("humanml22", 40, 30.0), folder / "day 1" / "twin.bvh")
    write_motion(walker("humanml22", 45, 30.0), folder / "day 1" / "twin.npz")
    (folder / "broken.bvh").write_text("HIERARCHY\nROOT")
    (folder / "readme.txt").write_text("notes of mine")
    return folder


def ids(report_or_data) -> list[str]:
    return [clip.id.removeprefix("folder/") for clip in report_or_data.clips]


def test_table_text_files_and_splits(own, tmp_path):
    (own / "captions.tsv").write_text(
        "walk\ta person walks and turns left\nwalk\tsomeone   walks\nday 1/twin.npz\tthe second twin\n"
    )
    (own / "day 1" / "stroll.txt").write_text("a stroll in the left lane\n")
    (own / "test.txt").write_text("day 1/stroll\n")
    (own / "license.json").write_text(
        json.dumps({"name": "CC0", "url": "https://x.org", "attribution": "me", "commercial_use": True})
    )
    report = prepare("folder", own, tmp_path / "out", workers=1)
    assert [name for name, _ in report.skipped] == ["folder/broken"]
    data = open_prepared(tmp_path / "out")
    clips = {clip.id.removeprefix("folder/"): clip for clip in data.clips}
    assert sorted(clips) == ["day 1/march", "day 1/stroll", "day 1/twin.bvh", "day 1/twin.npz", "walk"]
    assert clips["walk"].captions == ("a person walks and turns left", "someone walks")
    assert clips["walk"].captions_mirrored == ("a person walks and turns right", "someone walks")
    assert clips["day 1/stroll"].captions == ("a stroll in the left lane",) and clips["day 1/stroll"].split == "test"
    assert clips["day 1/march"].captions == () and clips["day 1/twin.npz"].captions == ("the second twin",)
    assert data.licenses[0].name == "CC0" and clips["walk"].license == "CC0"
    assert data.skeleton.name == "humanml22" and data.fps == 30.0
    for index in range(len(data.clips)):
        motion = data.motion(index)
        assert float(motion.root[-1, 2]) == pytest.approx((len(motion) - 1) / 30, abs=0.15)


def test_everything_wrong_is_named(own, tmp_path):
    (own / "captions.txt").write_bytes(b"walk\ta person walks\nghost\tnobody\nno tab here\nwalk\t   \n")
    (own / "day 1" / "march.txt").write_bytes(b"\xff\xfe\x00")
    (own / "day 1" / "stroll.txt").write_text("\n\n")
    (own / "train.txt").write_text("walk\nphantom\n")
    report = prepare("folder", own, tmp_path / "out", workers=1)
    said = {name.removeprefix("folder/"): reason for name, reason in report.skipped}
    assert report.written == 5
    assert "no such motion file" in said["ghost"] and "split" in said["phantom"]
    assert "tab" in said["captions.txt line 3"]
    assert "empty" in said["walk"] and "UTF-8" in said["day 1/march"] and "no caption" in said["day 1/stroll"]
    assert "broken.bvh" in said["broken"]


def test_a_table_that_is_no_text_leaves_the_motions(own, tmp_path):
    (own / "captions.tsv").write_bytes(b"walk\t\xff\n")
    report = prepare("folder", own, tmp_path / "out", workers=1)
    assert report.written == 5 and "UTF-8" in dict(report.skipped)["folder/captions.tsv"]


def test_motion_without_words_gets_measured_ones(own, tmp_path):
    (own / "captions.tsv").write_text("walk\ta person walks\n")
    prepare("folder", own, tmp_path / "out", settings=Settings.of("folder", measured=2), workers=1)
    clips = {clip.id.removeprefix("folder/"): clip for clip in open_prepared(tmp_path / "out").clips}
    assert clips["walk"].captions[0] == "a person walks" and len(clips["walk"].captions) >= 2
    assert clips["day 1/march"].captions and clips["day 1/march"].captions_mirrored


def test_bad_license_and_empty_folder(own, tmp_path):
    (own / "license.json").write_text('{"name": 3}')
    with pytest.raises((ConfigError, DataError), match="license"):
        prepare("folder", own, tmp_path / "out", workers=1)
    (own / "license.json").rename(own / "licence.json")  # as earlier versions named it
    with pytest.raises((ConfigError, DataError), match=r"licence\.json"):
        prepare("folder", own, tmp_path / "out", workers=1)
    with pytest.raises(DataError, match="motion files"):
        FAMILY.load("folder").find(tmp_path / "out")


def test_the_command(own, tmp_path, capsys):
    assert main(["prepare", "folder", str(own), "--out", str(tmp_path / "out"), "--fps", "20", "--workers", "1"]) == 0
    assert "5 clips" in capsys.readouterr().out
    assert open_prepared(tmp_path / "out").fps == 20.0
    assert main(["prepare", "folder", str(own), "--out", str(tmp_path / "b"), "--skeleton", "humanml"]) == 2
    assert "humanml22" in capsys.readouterr().err
    assert main(["prepare", "folder", str(own), "--out", str(tmp_path / "b"), "--fps", "0"]) == 2
    assert main(["prepare", "folder", str(own), "--out", str(tmp_path / "b"), "--measured", "9"]) == 2
