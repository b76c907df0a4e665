"""Prepared data is as it was written, or is refused: flipped bits, damaged manifests, changed sources."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from kinescale.core.errors import DataError, KinescaleError
from kinescale.core.files import sha256_file
from kinescale.data.prepare import parts, prepare
from kinescale.data.prepared import open_prepared
from kinescale.data.prepared.integrity import read_manifest, write_manifest
from kinescale.data.prepared.writer import VERSION
from kinescale.formats import write_motion
from motion_strategies import random_motion
from toy_training import toy_prepared

parquet = pytest.importorskip("pyarrow.parquet", reason="prepared data needs the extra 'train'")


@pytest.fixture(scope="module")
def signed(tmp_path_factory) -> Path:
    """A prepared folder with digests."""
    folder = toy_prepared(tmp_path_factory.mktemp("signed"), 6)
    sign(folder / "toy")
    return folder


def sign(place: Path) -> None:
    content = json.loads((place / "manifest.json").read_text())
    for name in ("digests", "sha256"):
        content.pop(name, None)
    write_manifest(place, content, {part: place / "parts" / part for part in content["parts"]})


def test_a_folder_of_earlier_versions_is_read_alike(signed, tmp_path):
    folder = shutil.copytree(signed, tmp_path / "data")
    for part in (folder / "toy" / "parts").glob("*.parquet"):
        table = parquet.read_table(part)
        old = [{"license": "licence"}.get(name, name) for name in table.schema.names]
        assert "licence" in old
        parquet.write_table(table.rename_columns(old), part)
    manifest = folder / "toy" / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({"licence": content.pop("license"), **content}))
    sign(folder / "toy")
    assert everything(folder) == everything(signed)


def everything(folder: Path) -> str:
    data = open_prepared(folder)
    motions = [data.motion(i).rotations.sum().item() for i in range(len(data.clips))]
    return repr((data.clips, motions, data.manifest_hash, data.licenses))


@pytest.mark.parametrize("name", ["parts/part-00000.parquet", "manifest.json"])
def test_a_flipped_bit_is_noticed(signed, tmp_path, name):
    folder = shutil.copytree(signed, tmp_path / "data")
    whole, chance = (folder / "toy" / name).read_bytes(), random.Random(name)
    before = everything(folder)
    for _ in range(40):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (folder / "toy" / name).write_bytes(bytes(data))
        try:
            found = everything(folder)
        except KinescaleError as problem:
            assert "\n" not in str(problem)
        else:
            # in a manifest, a bit may turn the kind of a blank, and nothing else
            assert name == "manifest.json" and found == before
    (folder / "toy" / name).write_bytes(whole)
    assert everything(folder) == before


def test_arrays_are_checked_without_digests_of_files_too(tmp_path):
    """Folders of the time before have a digest of each motion: another motion is never read under it."""
    import pyarrow.parquet as parquet

    folder = toy_prepared(tmp_path, 4)
    path = folder / "toy" / "parts" / "part-00000.parquet"
    table = parquet.read_table(path)
    before = open_prepared(folder)
    rotations = [bytearray(value) for value in table["rotations"].to_pylist()]
    rotations[2][1000] ^= 1
    changed = table.set_column(
        table.schema.get_field_index("rotations"), "rotations", [[bytes(value) for value in rotations]]
    )
    parquet.write_table(changed.cast(table.schema), path)
    after = open_prepared(folder)
    assert after.manifest_hash == before.manifest_hash
    for index in (0, 1, 3):
        assert (after.motion(index).rotations == before.motion(index).rotations).all()
    with pytest.raises(DataError, match="do not match their digest"):
        after.motion(2)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": None}, {"parts": [3]}, {"parts": ["../../x.parquet"]}, {"parts": {}}, {"parts": []},
        {"fps": "30"}, {"fps": None}, {"fps": True}, {"skeleton": 3}, {"skeleton": "nobody"}, {"settings": []},
        {"license": "CC0"}, {"version": [1]}, {"version": "x" * 10_000}, {"clips": 3}, {"given": []},
        {"digests": []}, {"unknown": 1}, {"format": None},
    ],
)  # fmt: skip
def test_damaged_manifests_are_one_sentence(tmp_path, change):
    folder = toy_prepared(tmp_path, 3)
    path = folder / "toy" / "manifest.json"
    content = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    with pytest.raises(KinescaleError) as caught:
        data = open_prepared(folder)
        assert data.licenses and data.manifest_hash
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{", '{"format": "kinescale-prepared", "version": 1e999}'])
def test_manifests_that_are_none_are_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError):
        read_manifest(tmp_path / "manifest.json", VERSION)


@pytest.fixture
def corpus(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(parts, "PART_CLIPS", 2)
    folder = tmp_path / "corpus"
    folder.mkdir()
    for i in range(4):
        write_motion(random_motion(frames=20, seed=i), folder / f"clip{i}.npz")
    return folder


def test_a_changed_source_of_equal_size_is_prepared_again(corpus, tmp_path):
    first = prepare("folder", corpus, tmp_path / "out", workers=1)
    again = prepare("folder", corpus, tmp_path / "out", workers=1)
    assert (first.reused_parts, again.reused_parts) == (0, 2)
    before = open_prepared(tmp_path / "out").manifest_hash
    target, size = corpus / "clip3.npz", (corpus / "clip3.npz").stat().st_size
    times = (corpus / "clip3.npz").stat()
    write_motion(random_motion(frames=20, seed=99), target, force=True)
    assert target.stat().st_size == size

    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = prepare("folder", corpus, tmp_path / "out", workers=1)
    assert changed.reused_parts == 1 and open_prepared(tmp_path / "out").manifest_hash != before


def test_a_part_with_a_flipped_bit_is_prepared_again(corpus, tmp_path):
    report = prepare("folder", corpus, tmp_path / "out", workers=1)
    part = report.folder / "parts" / "part-00001.parquet"
    whole = sha256_file(part)
    data = bytearray(part.read_bytes())
    data[len(data) // 3] ^= 16
    part.write_bytes(bytes(data))
    again = prepare("folder", corpus, tmp_path / "out", workers=1)
    assert again.reused_parts == 1 and sha256_file(part) == whole
    for broken in ("[]", "{", json.dumps({"skipped": 3, "sha256": whole})):
        part.with_suffix(".skipped.json").write_text(broken)
        assert prepare("folder", corpus, tmp_path / "out", workers=1).reused_parts == 1
