"""The field's arrays: told by shape, there and back, the published sample, and hostile files."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import damaged, survives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from kinescale.core.errors import FormatError, InputError
from kinescale.features import humanml3d, snapmogen
from kinescale.formats import npy, read_motion, write_motion
from kinescale.formats.base import needs_of
from kinescale.motion import Motion
from kinescale.motion.canonicalize import canonicalize
from kinescale.motion.retarget import retarget
from motion_strategies import random_motion
from plain_read import at_most

# skeleton, frames per second, meters a unit, width of the features
LAYOUTS = [("humanml22", 20.0, 1.0, 263), ("kit21", 12.5, 0.001, 251), ("snapmogen24", 30.0, 0.01, 296)]


def motion_on(name: str, fps: float, frames: int = 30, seed: int = 0) -> Motion:
    return random_motion(name, frames, seed).replace(fps=fps)


def saved(path: Path, values: np.ndarray) -> Path:
    np.save(path, values, allow_pickle=True)
    return path


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layout=st.sampled_from(LAYOUTS), seed=st.integers(0, 1000), frames=st.integers(1, 20))
def test_joints_there_and_back_are_where_they_were(tmp_path: Path, layout, seed: int, frames: int):
    name, fps, unit_m, _ = layout
    motion = motion_on(name, fps, frames, seed)
    write_motion(motion, tmp_path / "a.npy", force=True)
    values = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert values.dtype == np.float32 and values.shape == (frames, len(motion.skeleton), 3)
    np.testing.assert_allclose(values * unit_m, motion.positions(), atol=2e-6)
    again = read_motion(tmp_path / "a.npy")
    assert again.skeleton.joints == motion.skeleton.joints and again.fps == fps
    gap = (again.positions() - motion.positions()).norm(dim=-1)
    assert gap.mean() < 0.001 and gap.max() < 0.01
    # what inverse kinematics has made once it makes again
    write_motion(again, tmp_path / "b.npy", force=True)
    assert (read_motion(tmp_path / "b.npy").positions() - again.positions()).norm(dim=-1).max() < 0.002


@pytest.mark.parametrize(("name", "fps", "unit_m", "width"), LAYOUTS)
def test_features_there_and_back_are_the_clip_from_its_start(tmp_path: Path, name: str, fps: float, unit_m, width: int):
    motion = canonicalize(motion_on(name, fps, 30))
    write_motion(motion, tmp_path / "a.npy", kind="features")
    values = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert values.dtype == np.float32 and values.shape == (29, width)
    again = read_motion(tmp_path / "a.npy")
    assert again.fps == fps and len(again) == 29 and again.root.dtype == torch.float32
    here, there = canonicalize(motion.slice(0, 29)).positions(), canonicalize(again).positions()
    gap = (here - there).norm(dim=-1)
    assert gap.max() < 1e-4


def test_the_published_pair_of_joints_and_features_is_one_motion(tmp_path: Path, golden_root: Path):
    tensors = load_file(golden_root / "features_real_012314" / "io.safetensors")
    joints = tensors["joints_file"]
    for name in ("joints_file", "features"):
        motion = read_motion(saved(tmp_path / f"{name}.npy", tensors[name].numpy()))
        assert motion.fps == 20 and len(motion) == len(joints) and motion.skeleton.name == "humanml22"
        gap = (motion.positions() - joints).norm(dim=-1)
        assert gap.mean() < 1e-4 and gap.max() < 1e-3
        write_motion(motion, tmp_path / "again.npy", force=True)
        np.testing.assert_allclose(np.load(tmp_path / "again.npy"), joints, atol=1e-3)


@pytest.mark.parametrize(("name", "fps", "unit_m", "width"), LAYOUTS)
def test_any_float_type_byte_order_and_axis_order_is_read(tmp_path: Path, name: str, fps: float, unit_m, width: int):
    joints = motion_on(name, fps, 6).positions().numpy() / unit_m
    first = read_motion(saved(tmp_path / "a.npy", joints))
    assert first.root.dtype == torch.float64
    for values in (np.asfortranarray(joints), joints.astype(">f8"), np.asfortranarray(joints).astype(">f8")):
        again = read_motion(saved(tmp_path / "b.npy", values))
        assert torch.equal(again.rotations, first.rotations) and torch.equal(again.root, first.root)
    single = read_motion(saved(tmp_path / "c.npy", joints.astype(">f4")))
    assert single.root.dtype == torch.float32
    assert (single.positions().double() - first.positions()).abs().max() < 1e-4


def test_frame_rate_and_unit_may_be_given(tmp_path: Path):
    motion = motion_on("kit21", 12.5)
    write_motion(motion, tmp_path / "m.npy", unit_m=1.0)
    np.testing.assert_allclose(np.load(tmp_path / "m.npy"), motion.positions(), atol=1e-6)
    again = read_motion(tmp_path / "m.npy", fps=25.0, unit_m=1.0)
    assert again.fps == 25 and (again.positions() - motion.positions()).abs().max() < 1e-3
    write_motion(motion, tmp_path / "f.npy", kind="features", unit_m=1.0)
    heights = np.load(tmp_path / "f.npy")[:, 3]
    write_motion(motion, tmp_path / "mm.npy", kind="features")
    np.testing.assert_allclose(np.load(tmp_path / "mm.npy")[:, 3] / 1000, heights, atol=1e-5)
    assert read_motion(tmp_path / "f.npy", unit_m=1.0).root[0, 1] == pytest.approx(heights[0], abs=1e-5)
    for options in (
        {"fps": 0.0},
        {"fps": -1.0},
        {"fps": 1e9},
        {"fps": float("nan")},
        {"unit_m": 0.0},
        {"unit_m": -1.0},
    ):
        with pytest.raises(InputError):
            read_motion(tmp_path / "m.npy", **options)
    with pytest.raises(InputError):
        write_motion(motion, tmp_path / "x.npy", unit_m=float("nan"))


def test_snapmogens_published_features_are_turned_back_without_the_bend(tmp_path: Path):
    """The reference's way back ends a turning track elsewhere; a file is read to where the clip was."""
    motion = canonicalize(motion_on("snapmogen24", 30.0, 60))
    faithful = snapmogen.build(snapmogen.Config()).from_motion(motion)
    read = read_motion(saved(tmp_path / "a.npy", faithful.numpy()))
    bent = snapmogen.build(snapmogen.Config()).to_motion(faithful)
    steps = [track.root[1:].sub(track.root[:-1]).norm(dim=-1) for track in (motion.slice(0, 59), read, bent)]
    assert (steps[0] - steps[1]).abs().max() < 1e-5
    ends = [(track.root[-1] - track.root[0]).norm() for track in (motion.slice(0, 59), read, bent)]
    assert abs(ends[0] - ends[1]) < 1e-4


def test_other_skeletons_and_rates_are_refused_and_told_what_is_needed(tmp_path: Path):
    motion = random_motion("cmu", frames=10)
    with pytest.raises(InputError, match="retarget"):
        write_motion(motion, tmp_path / "a.npy")
    needs = needs_of(motion, tmp_path / "a.npy")
    assert needs.fps == 20 and needs.skeleton is not None and needs.skeleton.name == "humanml22"
    body = retarget(motion, needs.skeleton)
    assert needs_of(body, tmp_path / "a.npy").skeleton is None
    with pytest.raises(InputError, match="30 fps"):
        write_motion(body, tmp_path / "a.npy", kind="features")
    with pytest.raises(InputError, match="joints or features"):
        write_motion(body, tmp_path / "a.npy", kind="vecs")
    one = motion_on("snapmogen24", 30.0, 1)
    for short in (one, motion_on("kit21", 12.5, 1)):
        with pytest.raises(InputError):
            write_motion(short, tmp_path / "a.npy", kind="features")
    assert not list(tmp_path.iterdir())


def test_every_feature_of_the_field_has_its_array():
    widths = {feature.width for feature in (layout.feature for layout in npy._layouts())}
    assert widths == {263, 251, 296}
    assert humanml3d.build(humanml3d.Config()).width in widths


def dumped(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=True)
    return stream.getvalue()


def lying_npy(shape: str, descr: str = "'<f4'", rest: bytes = b"") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + rest


F = np.zeros
HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no npy": lambda: b"hello" * 100,
    "half": lambda: dumped(F((9, 263)))[:3000],
    "one byte more": lambda: dumped(F((9, 263))) + b"\0",
    "pickle": lambda: dumped(np.array([[object()] * 22])),
    "bare pickle": lambda: b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtins\x94.",
    "zip": lambda: b"PK\x03\x04" + b"\0" * 200,
    "integers": lambda: dumped(F((9, 22, 3), np.int64)),
    "half floats": lambda: dumped(F((9, 22, 3), np.float16)),
    "complex": lambda: dumped(F((9, 22, 3), np.complex64)),
    "text": lambda: dumped(np.full((9, 22, 3), "1.0")),
    "long doubles": lambda: dumped(F((9, 263), np.longdouble)),
    "structured": lambda: lying_npy("(9, 263)", "[('x', '<f4')]", b"\0" * 9468),
    "width 262": lambda: dumped(F((9, 262))),
    "joints 23": lambda: dumped(F((9, 23, 3))),
    "points of two": lambda: dumped(F((9, 22, 2))),
    "flat": lambda: dumped(F(263)),
    "a number": lambda: dumped(np.array(3.0)),
    "a batch": lambda: dumped(F((1, 9, 22, 3))),
    "no frames": lambda: dumped(F((0, 263))),
    "no joint frames": lambda: dumped(F((0, 22, 3))),
    "more frames than are solved": lambda: dumped(F((20_001, 21, 3), np.float32)),
    "nan": lambda: dumped(np.full((9, 22, 3), np.nan)),
    "infinite": lambda: dumped(np.full((9, 296), -np.inf)),
    "huge numbers": lambda: dumped(np.full((9, 263), 1e30)),
    "declares 2^70": lambda: lying_npy(f"({2**70}, 263)"),
    "declares gigabytes": lambda: lying_npy("(1000000, 263)"),
    "declares negative": lambda: lying_npy("(-1, 263)"),
    "declares much nothing": lambda: lying_npy(f"({2**62}, 0, 3)"),
    "frames beyond": lambda: lying_npy("(1000001, 22, 3)"),
    "header deep": lambda: b"\x93NUMPY\x01\x00\xa0\x0f" + b"(" * 4000,
    "header no dict": lambda: b"\x93NUMPY\x01\x00\x10\x00" + b"[1,2,3,(        ",
    "header long": lambda: b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + b" " * 1000,
    "version 3": lambda: b"\x93NUMPY\x03\x00" + dumped(F((9, 263)))[8:],
    "version 9": lambda: b"\x93NUMPY\x09\x00" + b"v" * 200,
}


def test_hostile_cases_are_all_here():
    assert len(HOSTILE) == 35


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_gives_one_error(tmp_path: Path, name: str):
    path = tmp_path / "bad.npy"
    path.write_bytes(HOSTILE[name]())
    tracemalloc.start()
    try:
        with at_most(20), pytest.raises(FormatError) as caught:
            read_motion(path)
        assert tracemalloc.get_traced_memory()[1] <= 16 * 2**20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(path))


@pytest.mark.parametrize(
    "values", [F((3, 22, 3)), F((3, 263)), F((3, 296)), F((1, 251)), np.full((2, 21, 3), 1e9), F((4, 24, 3))]
)
def test_degenerate_bodies_are_finite_motions(tmp_path: Path, values: np.ndarray):
    motion = read_motion(saved(tmp_path / "a.npy", values))
    assert len(motion) == len(values) and bool(torch.isfinite(motion.positions()).all())


@pytest.mark.parametrize(("name", "fps", "unit_m", "width"), LAYOUTS)
@pytest.mark.parametrize("kind", npy.KINDS)
def test_fuzz(tmp_path: Path, name: str, fps: float, unit_m: float, width: int, kind: str):
    write_motion(motion_on(name, fps, 4), tmp_path / "good.npy", kind=kind)
    good = (tmp_path / "good.npy").read_bytes()
    fine, refused = survives(npy.read, tmp_path / "bad.npy", damaged(good, seed=4, count=60))
    assert fine + refused == 62
    assert refused > 30
