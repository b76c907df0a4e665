"""Prepared data that outgrows memory: columns at the start, arrays when asked for, also from a URL."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from kinescale import recipes
from kinescale.core.errors import DataError
from kinescale.core.records import json_hash, read_json, write_json
from kinescale.data.prepared import Clips, Prepared, open_prepared, parts
from kinescale.training.overrides import override
from kinescale.training.run import train
from toy_training import toy_prepared

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")
CLIPS = 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_prepared(tmp_path_factory.mktemp("lazy"), CLIPS)


@pytest.fixture
def twice(tmp_path: Path):
    """A small folder, and the same under a URL."""
    fsspec = pytest.importorskip("fsspec")
    folder, system = toy_prepared(tmp_path / "small", 12), fsspec.filesystem("memory")
    for path in folder.rglob("*"):
        if path.is_file():
            system.pipe_file(f"/lazy/{path.relative_to(folder).as_posix()}", path.read_bytes())
    yield folder, "memory://lazy"
    system.rm("/lazy", recursive=True)


def test_opening_reads_no_arrays_and_reading_keeps_few(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    plain = parts.Part.group
    monkeypatch.setattr(parts.Part, "group", lambda self, number: read.append(number) or plain(self, number))
    data = open_prepared(folder)
    assert data.manifest_hash and len(data.clips) == CLIPS and not read
    data._arrays.held_bytes = 1
    for index in (0, 1, 63, 64, 149, 149, 0):
        assert len(data.motion(index)) == data.clips[index].frames
    assert read == [0, 1, 2, 0]
    assert len(data._arrays._held) == 1


def test_clips_are_those_of_their_records(folder: Path) -> None:
    clips = open_prepared(folder).clips
    listed = list(clips)
    assert Clips.of(listed) == clips and Clips.of(clips) is clips
    assert clips[-1] == listed[-1] and clips[2:5] == tuple(listed[2:5])
    assert clips.column("split").tolist() == [clip.split for clip in listed]
    kept = np.array([clip.split == "train" for clip in listed])
    said = {text for clip in listed if clip.split == "train" for text in clip.captions}
    assert set(clips.distinct("captions", kept)) == said
    assert clips.counts("captions").tolist() == [len(clip.captions) for clip in listed]
    with pytest.raises(IndexError):
        clips[CLIPS]


def test_a_url_holds_what_its_folder_holds(twice: tuple[Path, str], tmp_path: Path) -> None:
    folder, memory = twice
    here, there = open_prepared(folder), open_prepared(memory)
    assert there.manifest_hash == here.manifest_hash and there.clips == here.clips
    for index in (0, 10):
        assert torch.equal(there.motion(index).rotations, here.motion(index).rotations)
    config = override(recipes.get("moscale.debug"), {"tokenizer_training.steps": 1, "device": "cpu"})
    found = [train(config, place, tmp_path / str(n), ("tokenizer",)) for n, place in enumerate((folder, memory))]
    assert found[0]["tokenizer"].last["loss"] == found[1]["tokenizer"].last["loss"]
    with pytest.raises(DataError, match="no prepared corpus"):
        open_prepared("memory://nothing")
    with pytest.raises(DataError, match="cannot be opened"):
        open_prepared("nosuch://place")


def test_a_part_of_a_large_folder_is_checked_when_it_is_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".features"))
    manifest = read_json(copy / "toy" / "manifest.json")
    manifest["digests"] = {manifest["parts"][0]: "0" * 64}
    write_json(copy / "toy" / "manifest.json", {**manifest, "sha256": json_hash(manifest)})
    with pytest.raises(DataError, match="does not match its digest"):
        open_prepared(copy)
    monkeypatch.setattr("kinescale.data.prepared.reader.CHECKED_AT_START", 0)
    data: Prepared = open_prepared(copy)
    with pytest.raises(DataError, match="does not match its digest"):
        data.motion(0)
