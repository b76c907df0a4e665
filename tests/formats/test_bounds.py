"""What no file may do: bring numbers that overflow, grow past its size, or hide more than it says; nor any writer."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from kinescale.core import files
from kinescale.core.conventions import MAX_LENGTH_M, MIN_FPS
from kinescale.core.errors import FormatError, InputError, KinescaleError
from kinescale.formats import read_motion, write_motion
from kinescale.io.sidecar import MAX_BYTES, MAX_DEPTH, MAX_ENTRIES, MAX_ITEMS, sidecar
from kinescale.motion import resample
from motion_strategies import random_motion

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases"
WRITTEN = (".bvh", ".glb", ".gltf", ".npz", ".csv", ".npy", ".amass.npz")


def case(name: str) -> Path:
    if not (CASES / name).is_file():
        pytest.skip(f"the shared cases are not at {CASES}")
    return CASES / name


def npz_with(path: Path, **changed: np.ndarray) -> Path:
    """A native file with some arrays in the place of its own."""
    write_motion(random_motion("humanml22", 6, 3).to(torch.float32), path)
    with np.load(path) as archive:
        arrays = {**dict(archive), **changed}
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("name", ["quat_overflow.npz", "offset_huge.npz"])
def test_the_given_overflows_are_refused(name):
    with pytest.raises(FormatError, match="not sound"):
        read_motion(case(name))


@pytest.mark.parametrize("scale", [1e19, 3e38, 0.0, 1e-30])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_overflowing_quaternions_are_refused_or_sound(tmp_path, scale, kind):
    rotations = random_motion("humanml22", 6, 3).rotations.numpy().astype(kind)
    rotations[3, 5] = (rotations[3, 5].astype(np.float64) * scale).astype(kind)
    root = np.zeros((6, 3), dtype=kind)
    path = npz_with(tmp_path / "a.npz", rotations=rotations, root=root)
    try:
        motion = read_motion(path)
    except FormatError:
        return
    assert bool(((motion.rotations.norm(dim=-1) - 1).abs() < 1e-3).all())


@pytest.mark.parametrize("name", ["offsets", "root", "t_pose", "end_offsets"])
@pytest.mark.parametrize("value", [1e30, -1e300, 2 * MAX_LENGTH_M])
def test_lengths_that_overflow_are_refused(tmp_path, name, value):
    motion = random_motion("humanml22", 6, 3)
    like = {
        "offsets": motion.skeleton.offsets.copy(), "root": np.zeros((6, 3)), "end_offsets": np.zeros((1, 3)),
        "t_pose": np.tile([0.0, 0.0, 0.0, 1.0], (22, 1)),
    }[name]  # fmt: skip
    like[-1, 1] = value
    more = {"rotations": motion.rotations.double().numpy()} if name == "root" else {}
    more |= {"end_joints": np.array([3])} if name == "end_offsets" else {}
    with pytest.raises(FormatError):
        read_motion(npz_with(tmp_path / "a.npz", **{name: like}, **more))


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("far", [0.0, 9e4, 3e6, MAX_LENGTH_M])
@pytest.mark.parametrize("fps", [MIN_FPS, 20.0, 1000.0])
def test_what_is_written_is_read_and_the_rest_is_refused(tmp_path, suffix, far, fps):
    """Extremes that a motion may have: every writer either refuses them or writes what its reader takes."""
    body = "smplh" if suffix == ".amass.npz" else "humanml22"
    motion = random_motion(body, 6, 4).to(torch.float32).replace(fps=fps)
    motion = motion.replace(root=motion.root + torch.tensor([far, 0.0, 0.0]).clamp(max=MAX_LENGTH_M - 100))
    path = tmp_path / f"a{suffix}"
    try:
        write_motion(motion, path)
    except InputError as problem:
        assert not path.exists() and "\n" not in str(problem)
        return
    again = read_motion(path)
    assert len(again) == 6 and bool(torch.isfinite(again.positions()).all())


@pytest.mark.parametrize("unit", [1e-12, 1e-5, 1.0, 1000.0])
def test_units_that_make_numbers_too_large_are_refused(tmp_path, unit):
    motion = random_motion("humanml22", 4, 1)
    motion = motion.replace(root=motion.root + 3e5)
    try:
        write_motion(motion, tmp_path / "a.bvh", unit_m=unit)
    except InputError as problem:
        assert "larger unit" in str(problem) and not (tmp_path / "a.bvh").exists()
    else:
        assert unit >= 1.0 and len(read_motion(tmp_path / "a.bvh", unit_m=unit)) == 4


def slow_bvh(path: Path, frame_time: str, frames: int = 8) -> Path:
    write_motion(random_motion("humanml22", frames, 2), path)
    text = path.read_text().replace(
        next(x for x in path.read_text().splitlines() if "Frame Time" in x), f"Frame Time: {frame_time}"
    )
    path.write_text(text)
    return path


@pytest.mark.parametrize("frame_time", ["4700", "60", "900.5", "1e6", "100000"])
def test_slow_files_are_read_but_not_stretched_without_bound(tmp_path, frame_time):
    motion = read_motion(slow_bvh(tmp_path / "slow.bvh", frame_time))
    try:
        made = resample(motion, 30.0)
    except InputError as problem:
        assert "frame rate" in str(problem)
    else:
        assert len(made) * len(made.skeleton) <= 1_000_000


def test_the_given_slow_file(tmp_path):
    motion = read_motion(case("slow_frametime4700.bvh"))
    with pytest.raises(InputError, match="frame rate"):
        resample(motion, 30.0)


@pytest.mark.parametrize("frame_time", ["1e9", "2e6", "1e-9", "0", "-1", "nan"])
def test_frame_times_out_of_bounds_are_named(tmp_path, frame_time):
    with pytest.raises(FormatError, match="frame time"):
        read_motion(slow_bvh(tmp_path / "slow.bvh", frame_time))


# Provenance


def deep(depth: int) -> dict:
    value: dict = {}
    for _ in range(depth):
        value = {"a": value}
    return value


BAD_META = {
    "deep": deep(MAX_DEPTH + 2),
    "900 deep": deep(900),
    "wide": {str(i): 1 for i in range(MAX_ENTRIES + 1)},
    "many": {"a": [[0] * 1000] * (MAX_ITEMS // 1000 + 1)},
}


def glb_with(path: Path, change) -> Path:
    write_motion(random_motion("humanml22", 4, 1), path)
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + size])
    text = change(document)
    text = (json.dumps(document) if text is None else text).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + size :]
    head = struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A)
    path.write_bytes(head + text + rest)
    return path


def test_the_given_deep_extras_are_refused():
    with pytest.raises(FormatError, match="deep"):
        read_motion(case("g_deepmeta.glb"))


@pytest.mark.parametrize("kind", sorted(BAD_META))
def test_provenance_past_its_bounds_is_refused_on_reading_and_on_writing(tmp_path, kind):
    meta, clip = BAD_META[kind], random_motion("humanml22", 4, 1)
    for suffix in (".bvh", ".glb", ".npz"):
        with pytest.raises(KinescaleError):
            write_motion(clip.with_meta(license="CC0", **meta), tmp_path / f"w{suffix}")
        assert not list(tmp_path.glob(f"w{suffix}*"))
    with pytest.raises(FormatError):
        read_motion(glb_with(tmp_path / "a.glb", lambda d: d["animations"][0].update(extras={"meta": meta})))
    write_motion(clip, tmp_path / "a.bvh")
    (tmp_path / "a.bvh.json").write_text(json.dumps({"format": "kinescale-meta", "meta": meta}))
    try:
        assert read_motion(tmp_path / "a.bvh").meta == {}
    except FormatError as problem:
        assert "'meta'" in str(problem)


def test_provenance_too_long_is_refused_on_writing(tmp_path):
    clip = random_motion("humanml22", 4, 1).with_meta(license="CC0", note="x" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="provenance"):
        write_motion(clip, tmp_path / "a.bvh")
    assert not list(tmp_path.iterdir())


def test_a_huge_sidecar_costs_nothing(tmp_path):
    write_motion(random_motion("humanml22", 4, 1), tmp_path / "a.bvh")
    with (tmp_path / "a.bvh.json").open("wb") as file:
        file.write(b'{"format": "kinescale-meta", "meta": {"a": [')
        file.truncate(12_000_000)
    assert dict(read_motion(tmp_path / "a.bvh").meta) == {}


@pytest.mark.parametrize(
    "number", ["1e999", "-1e400", "NaN", "1" + "0" * 400, "9" * 5000], ids=["inf", "-inf", "nan", "int", "long"]
)
def test_numbers_that_are_none_are_refused_in_extras(tmp_path, number):
    def change(document: dict) -> str:
        document["animations"][0]["extras"] = {"meta": {"seed": 12345678}}
        return json.dumps(document).replace("12345678", number)

    with pytest.raises(FormatError):
        read_motion(glb_with(tmp_path / "a.glb", change))


@pytest.mark.parametrize(
    ("required", "words"),
    [
        (["KHR_draco_mesh_compression"], "KHR_draco_mesh_compression"),
        (["EXT_meshopt_compression", "KHR_materials_unlit"], "EXT_meshopt_compression"),
        (["KHR_mesh_quantization"], "KHR_mesh_quantization"),
        (["VENDOR_nobody_knows"], "VENDOR_nobody_knows"),
        (["x" * 5000], "requires the extension"),
        ("KHR_materials_unlit", "no list"),
        ([3], "no list"),
        (None, "no list"),
    ],
)
def test_required_extensions_that_are_not_known_are_refused(tmp_path, required, words):
    path = glb_with(tmp_path / "a.glb", lambda d: d.update(extensionsRequired=required))
    with pytest.raises(FormatError, match=words) as caught:
        read_motion(path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("required", [[], ["KHR_materials_unlit"], ["KHR_texture_transform", "VRMC_vrm"]])
def test_required_extensions_of_looks_are_no_obstacle(tmp_path, required):
    assert len(read_motion(glb_with(tmp_path / "a.glb", lambda d: d.update(extensionsRequired=required)))) == 4


# A full disk


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_full_disk_leaves_no_motion_without_its_license(tmp_path, monkeypatch, failing):
    """Whichever write fails, there is no motion, or one with its provenance."""
    clip = random_motion("humanml22", 4, 1).with_meta(license="CC BY-NC 4.0")
    path, real, calls = tmp_path / "a.bvh", os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == failing:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_motion(clip, path)
    assert not path.exists() and not [left for left in tmp_path.iterdir() if left.name.startswith(".")]
    monkeypatch.setattr(files.os, "fsync", real)
    write_motion(clip, path, force=True)
    assert path.is_file() and sidecar(path).is_file()
