"""Reading and writing by suffix: every format, its options, overwriting, and writers that fail half-way."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kinescale.core.errors import InputError, KinescaleError
from kinescale.formats import FAMILY, base, bvh, npz, read_motion, write_motion
from kinescale.motion import Motion
from motion_strategies import random_motion

MOTION = random_motion(frames=3)


def test_every_format_keeps_the_contract():
    names = FAMILY.names()
    assert {"asfamc", "bvh", "npz"} <= set(names)
    taken: list[str] = []
    for name in names:
        module = FAMILY.load(name)
        assert hasattr(module, "read") or hasattr(module, "write")
        assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in module.SUFFIXES)
        taken += module.SUFFIXES
    assert len(set(taken)) == len(taken)
    assert {".bvh", ".npz", ".amc"} <= set(base.suffixes("read"))
    assert {".bvh", ".npz"} <= set(base.suffixes("write"))


@pytest.mark.parametrize("suffix", [".bvh", ".npz", ".BVH"])
def test_suffix_chooses_both_ways(tmp_path: Path, suffix: str):
    write_motion(MOTION, tmp_path / f"a{suffix}")
    again = read_motion(tmp_path / f"a{suffix}")
    joints = [again.skeleton.index(joint) for joint in MOTION.skeleton.joints]
    assert (again.positions()[:, joints] - MOTION.positions()).abs().max() < 1e-4


def test_options_reach_the_format_and_unknown_ones_are_named(tmp_path: Path):
    write_motion(MOTION, tmp_path / "a.bvh", unit_m=1.0)
    assert torch.allclose(read_motion(tmp_path / "a.bvh", unit_m=1.0).root.double(), MOTION.root, atol=1e-5)
    with pytest.raises(InputError, match="color"):
        write_motion(MOTION, tmp_path / "b.bvh", color="red")
    with pytest.raises(InputError, match="force"):
        read_motion(tmp_path / "a.bvh", force=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.xyz", "no known motion format"),
        ("a", "no suffix"),
        ("absent.bvh", "no such file"),
        ("", "no suffix"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path, name: str, words: str):
    if name in ("a.xyz", "a"):
        (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=words):
        read_motion(tmp_path / name)


def test_folders_and_huge_files_are_refused(tmp_path: Path):
    (tmp_path / "folder.bvh").mkdir()
    with pytest.raises(InputError):
        read_motion(tmp_path / "folder.bvh")
    with pytest.raises(InputError):
        write_motion(MOTION, tmp_path / "folder.bvh", force=True)
    with (tmp_path / "sparse.bvh").open("wb") as file:
        file.truncate(base.MAX_FILE_BYTES + 1)
    for reader in (read_motion, bvh.read):
        with pytest.raises(InputError, match="allowed"):
            reader(tmp_path / "sparse.bvh")


@pytest.mark.parametrize("name", ["a.amc", "a.xyz", "a", "nowhere/a.bvh"])
def test_what_cannot_be_written_is_said_in_a_sentence(tmp_path: Path, name: str):
    with pytest.raises(InputError) as caught:
        write_motion(MOTION, tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_without_force(tmp_path: Path):
    path = tmp_path / "a.bvh"
    write_motion(MOTION, path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="force"):
        write_motion(random_motion(frames=4), path)
    assert path.read_bytes() == before
    write_motion(random_motion(frames=4), path, force=True)
    assert path.read_bytes() != before


@pytest.mark.parametrize("module", [bvh, npz])
def test_a_half_written_file_never_replaces_a_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object):
    path = tmp_path / f"a{module.SUFFIXES[0]}"  # type: ignore[attr-defined]
    write_motion(MOTION, path)
    before = path.read_bytes()
    files = sorted(tmp_path.iterdir())

    def half(motion: Motion, path: Path) -> None:
        path.write_bytes(before[: len(before) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write", half)
    with pytest.raises(KinescaleError, match="No space left"):
        write_motion(random_motion(frames=9), path, force=True)
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == files
