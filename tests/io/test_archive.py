"""Archives nobody vouches for: sound ones come out as they went in, others are one typed error and leave nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from kinescale.core.errors import DataError
from kinescale.io import archive
from kinescale.io.archive import unpacked

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases"
FILES = {"a/one.bvh": b"HIERARCHY " * 300, "a/b/two.txt": "naïve".encode(), "top.json": b"{}", "empty": b""}


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    """The temporary folder of the test: it must be empty afterwards, whatever happened."""
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []


def tar(files: dict[str, bytes] | None = None, mode: str = "w", **fields) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=fields.pop("format", tarfile.PAX_FORMAT)) as made:
        for name, data in (FILES if files is None else files).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in fields.items():
                setattr(info, key, value)
            made.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(files: dict[str, bytes] | None = None, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as made:
        for name, data in (FILES if files is None else files).items():
            made.writestr(name, data)
    return out.getvalue()


def refused(tmp_path: Path, data: bytes, words: str | None = None) -> str:
    file = tmp_path / "corpus"
    file.write_bytes(data)
    with pytest.raises(DataError, match=words) as caught, unpacked(file):
        pass
    said = str(caught.value)
    assert "\n" not in said and str(file) in said and len(said) < len(str(file)) + 400
    return said


@pytest.mark.parametrize(
    "data",
    [tar(), tar(mode="w:gz"), tar(mode="w:xz"), tar(mode="w:bz2"), tar(format=tarfile.GNU_FORMAT), zipped()]
    + [zipped(kind=kind) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)]
    + [tar(mtime=10**18), tar(mtime=-(10**12)), tar(uid=10**9, gid=10**9, uname="x" * 300)],
)
def test_sound_archives_come_out_as_they_went_in(tmp_path, data):
    file = tmp_path / "corpus"
    file.write_bytes(data)
    with unpacked(file) as folder:
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == FILES and not folder.exists()


@pytest.mark.parametrize("name", ["encrypted.zip", "zlib_corrupt.zip", "hard_missing.tar", "hugemtime.tar"])
def test_the_given_cases(name):
    if not (CASES / name).is_file():
        pytest.skip(f"the shared cases are not at {CASES}")
    try:
        with unpacked(CASES / name) as folder:
            assert name == "hugemtime.tar" and any(folder.iterdir())
    except DataError as problem:
        assert name != "hugemtime.tar" and "cannot be unpacked" in str(problem)


def link(kind: bytes, name: str, target: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        made.addfile(info)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        link(tarfile.LNKTYPE, "a", "nowhere"),
        link(tarfile.SYMTYPE, "a", "/etc/passwd"),
        link(tarfile.SYMTYPE, "a", "../../../etc/passwd"),
        link(tarfile.CHRTYPE, "null", ""),
        link(tarfile.FIFOTYPE, "pipe", ""),
        tar({"../out.txt": b"x"}),
        tar({"x" * 300: b"x"}),
        tar({"a/" * 3000 + "x": b"x"}),
        tar({"one": b"x", "one/two": b"y"}),
        zipped({"one": b"x", "one/two": b"y"}),
        zipped({"x" * 300: b"x"}),
        b"",
        b"not an archive",
        random.Random(5).randbytes(4096),
        b"PK\x05\x06" + bytes(18) + b"tail",
        b"\x1f\x8b" + bytes(100),
        b"BZh9" + bytes(100),
        lzma.compress(b"not a tar"),
        gzip.compress(b"", mtime=0),
        bz2.compress(b"x" * 10_000),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_what_cannot_be_is_refused(tmp_path, data):
    try:
        refused(tmp_path, data)
    except BaseException:
        # an empty zip is a sound archive of nothing
        assert data.startswith(b"PK\x05\x06")


def marked(data: bytes, at: int, value: int) -> bytes:
    """Every directory entry and local header of a zip with two bytes of it changed."""
    out = bytearray(data)
    for signature, shift in ((b"PK\x01\x02", 2), (b"PK\x03\x04", 0)):
        start = 0
        while (start := data.find(signature, start)) >= 0:
            struct.pack_into("<H", out, start + at + shift, value)
            start += 4
    return bytes(out)


@pytest.mark.parametrize(("at", "value"), [(6, 1), (6, 0x41), (6, 0x20), (8, 99), (8, 14), (8, 12), (8, 1), (4, 99)])
def test_encrypted_and_unknown_packing_is_refused(tmp_path, at, value):
    assert "cannot be unpacked" in refused(tmp_path, marked(zipped(), at, value))


@pytest.mark.parametrize("kind", ["zip", "lzma.zip", "bz2.zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_damage_anywhere_is_one_error_or_none(tmp_path, kind):
    whole = {
        "zip": zipped(), "lzma.zip": zipped(kind=zipfile.ZIP_LZMA), "bz2.zip": zipped(kind=zipfile.ZIP_BZIP2),
        "tar": tar(mtime=5), "tar.gz": tar(mode="w:gz"), "tar.xz": tar(mode="w:xz"), "tar.bz2": tar(mode="w:bz2"),
    }[kind]  # fmt: skip
    chance = random.Random(kind)
    for turn in range(150):
        data = bytearray(whole)
        if turn % 5 == 0:
            del data[chance.randrange(len(data)) :]
        for _ in range(chance.choice([1, 1, 2, 8])):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        file = tmp_path / "corpus"
        file.write_bytes(bytes(data))
        try:
            with unpacked(file) as folder:
                assert all(folder in path.parents for path in folder.rglob("*"))
        except DataError as problem:
            assert "\n" not in str(problem)


@pytest.mark.parametrize("make", [zipped, lambda files: tar(files, "w:gz"), lambda files: tar(files, "w:xz")])
def test_a_bomb_is_refused_by_its_ratio(tmp_path, scratch, monkeypatch, make):
    monkeypatch.setattr(archive, "FREE_BYTES", 100_000)
    data = make({f"{i}.bvh": bytes(1_000_000) for i in range(8)})
    limit = 100_000 + archive.MAX_RATIO * len(data)
    assert limit < 8_000_000
    written = []
    monkeypatch.setattr(archive, "scratch_folder", counting(archive.scratch_folder, written))
    refused(tmp_path, data, "that its size allows")
    assert written[0] <= limit


def counting(scratch_folder, written):
    import contextlib

    @contextlib.contextmanager
    def wrapped():
        with scratch_folder() as folder:
            try:
                yield folder
            finally:
                written.append(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))

    return wrapped


def test_a_bomb_of_many_members_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "FREE_MEMBERS", 50)
    refused(tmp_path, tar({f"{i}": b"" for i in range(3000)}, "w:xz"), "members that its size allows")


def test_overlapping_members_count_each_time(tmp_path, monkeypatch):
    """A directory that names one packed stream many times unpacks to as much as it declares in all."""
    monkeypatch.setattr(archive, "FREE_BYTES", 1000)
    one = zipped({"a.bvh": bytes(60_000)})
    at, end = one.find(b"PK\x01\x02"), one.find(b"PK\x05\x06")
    entry, count = one[at:end], 400
    tail = bytearray(one[end:])
    struct.pack_into("<HHII", tail, 8, count, count, len(entry) * count, at)
    refused(tmp_path, one[:at] + entry * count + bytes(tail), "that its size allows")


def test_a_full_disk_is_noticed_before_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: Room)
    refused(tmp_path, tar(), "that are free")
    refused(tmp_path, zipped(), "that are free")


class Room:
    free = 100


def test_an_extended_header_is_not_read_whole(tmp_path):
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        info = tarfile.TarInfo("header")
        info.type, info.size = kind, 64 * 1024**2
        data = lzma.compress(info.tobuf() + bytes(info.size) + tar(), preset=0)
        refused(tmp_path, data, "a header of 67108864 bytes")


def test_folders_are_taken_as_they_are_and_absent_ones_named(tmp_path):
    with unpacked(tmp_path) as folder:
        assert folder == tmp_path
    with pytest.raises(DataError, match="no such folder"), unpacked(tmp_path / "nowhere"):
        pass
