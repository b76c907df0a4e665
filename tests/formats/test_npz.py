"""The native format: bit for bit there and back, and nothing but a sound archive is read."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import damaged, motions, survives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinescale.core.errors import FormatError, InputError
from kinescale.formats import npz
from kinescale.motion import Motion
from motion_strategies import random_motion
from plain_read import at_most


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(motion=st.one_of(motions(torch.float32), motions(torch.float64)))
def test_there_and_back_is_exact(tmp_path: Path, motion: Motion):
    npz.write(motion, tmp_path / "a.npz")
    again = npz.read(tmp_path / "a.npz")
    for one, two in ((motion.root, again.root), (motion.rotations, again.rotations)):
        assert one.dtype == two.dtype
        assert torch.equal(one, two)
    assert again.skeleton == motion.skeleton
    assert again.skeleton.name == motion.skeleton.name
    assert again.fps == motion.fps
    assert dict(again.meta) == dict(motion.meta)


@pytest.mark.parametrize("name", ["humanml22", "cmu", "bandai_namco"])
def test_roles_and_t_pose_come_along(tmp_path: Path, name: str):
    motion = random_motion(name, frames=3)
    npz.write(motion, tmp_path / "a.npz")
    again = npz.read(tmp_path / "a.npz")
    assert dict(again.skeleton.roles) == dict(motion.skeleton.roles)
    if motion.skeleton.t_pose is None:
        assert again.skeleton.t_pose is None
    else:
        assert again.skeleton.t_pose is not None
        np.testing.assert_array_equal(again.skeleton.t_pose, motion.skeleton.t_pose)


def test_equal_motions_give_equal_files_that_numpy_opens(tmp_path: Path):
    motion = random_motion(frames=3)
    npz.write(motion, tmp_path / "a.npz")
    npz.write(motion, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["rotations"], motion.rotations.numpy())
        assert json.loads(str(archive["header"]))["meta"] == {"license": "none"}


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object()])
def test_meta_that_json_cannot_hold_is_refused(tmp_path: Path, value: object):
    with pytest.raises(InputError, match="meta"):
        npz.write(random_motion(frames=2).with_meta(odd=value), tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())


def archive(changes: dict[str, object], pack: int = zipfile.ZIP_STORED) -> bytes:
    """A good file's members with some changed: an array, raw bytes, or None to leave it out."""
    made = io.BytesIO()
    members: dict[str, object] = {**npz._to_arrays(random_motion(frames=3)), **changes}
    with zipfile.ZipFile(made, "w", pack) as target:
        for name, value in members.items():
            if isinstance(value, np.ndarray):
                stream = io.BytesIO()
                np.save(stream, value, allow_pickle=True)
                value = stream.getvalue()
            if isinstance(value, bytes):
                target.writestr(f"{name}.npy", value)
    return made.getvalue()


def lying_npy(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def header(**changes: object) -> np.ndarray:
    good = json.loads(str(npz._to_arrays(random_motion(frames=3))["header"]))
    return np.array(json.dumps({**good, **changes}))


def patched(old: bytes, new: bytes) -> Callable[[], bytes]:
    return lambda: archive({}).replace(old, new)


def doubled() -> bytes:
    made = io.BytesIO(archive({}))
    with pytest.warns(UserWarning), zipfile.ZipFile(made, "a") as target:
        target.writestr("fps.npy", b"x")
    return made.getvalue()


F = np.zeros
QUATS = np.tile([0.0, 0.0, 0.0, 1.0], (3, 22, 1))
BAD_ROOT = np.full((3, 3), np.nan)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no zip": lambda: b"hello" * 100,
    "half": lambda: archive({})[:2000],
    "pickle": lambda: archive({"root": np.array([[object()]])}),
    "member missing": lambda: archive({"root": None}),
    "member unknown": lambda: archive({"extra": F(3)}),
    "member twice": doubled,
    "path in a name": lambda: archive({"../root": F(3)}),
    "npy junk": lambda: archive({"root": b"junk"}),
    "npy empty": lambda: archive({"root": b""}),
    "npy version 9": lambda: archive({"root": b"\x93NUMPY\x09\x00" + b"v" * 200}),
    "npy header no dict": lambda: archive({"root": b"\x93NUMPY\x01\x00\x10\x00" + b"[1,2,3,(        "}),
    "npy header deep": lambda: archive({"root": b"\x93NUMPY\x01\x00\xa0\x0f" + b"(" * 4000}),
    "npy declares more": lambda: archive({"root": lying_npy("(1000000, 3)")}),
    "npy declares 2^70": lambda: archive({"root": lying_npy(f"({2**70}, 3)")}),
    "npy negative": lambda: archive({"root": lying_npy("(-1, 3)")}),
    "npy endless text": lambda: archive({"header": lying_npy("()", "'<U999999999'")}),
    "root of two": lambda: archive({"root": F((3, 2))}),
    "root flat": lambda: archive({"root": F(9)}),
    "root integers": lambda: archive({"root": F((3, 3), np.int64)}),
    "root half": lambda: archive({"root": F((3, 3), np.float16)}),
    "root complex": lambda: archive({"root": F((3, 3), np.complex128)}),
    "root by columns": lambda: archive({"root": np.asfortranarray(F((3, 3)))}),
    "root other end": lambda: archive({"root": F((3, 3), ">f8")}),
    "root nan": lambda: archive({"root": BAD_ROOT}),
    "root longer": lambda: archive({"root": F((4, 3))}),
    "no frames": lambda: archive({"root": F((0, 3)), "rotations": F((0, 22, 4))}),
    "types differ": lambda: archive({"root": F((3, 3), np.float32)}),
    "rotations zero": lambda: archive({"rotations": F((3, 22, 4))}),
    "rotations nan": lambda: archive({"rotations": QUATS * np.nan}),
    "rotations of 21": lambda: archive({"rotations": QUATS[:, :21].copy()}),
    "fps zero": lambda: archive({"fps": np.array(0.0)}),
    "fps nan": lambda: archive({"fps": np.array(np.nan)}),
    "fps a list": lambda: archive({"fps": np.array([30.0])}),
    "joints twice": lambda: archive({"joints": np.array(["a"] * 22)}),
    "joints bytes": lambda: archive({"joints": np.array([b"a"] * 22)}),
    "joints beyond Unicode": lambda: archive({"joints": lying_npy("(1,)", "'<U1'") + b"\xff\xff\xff\x7f"}),
    "joints too many": lambda: archive({"joints": np.array([f"j{i}" for i in range(2000)])}),
    "parents loop": lambda: archive({"parents": np.arange(22)}),
    "parents far": lambda: archive({"parents": np.full(22, 99)}),
    "offsets inf": lambda: archive({"offsets": np.full((22, 3), np.inf)}),
    "ends far": lambda: archive({"end_joints": np.array([77] * 5)}),
    "ends differ": lambda: archive({"end_joints": np.array([1])}),
    "t-pose of 3": lambda: archive({"t_pose": F((3, 4))}),
    "header no JSON": lambda: archive({"header": np.array("{")}),
    "header a list": lambda: archive({"header": np.array("[]")}),
    "header deep": lambda: archive({"header": np.array("[" * 100_000)}),
    "header nan": lambda: archive({"header": np.array(str(header()).replace('"none"', "NaN"))}),
    "another format": lambda: archive({"header": header(format="other")}),
    "a later version": lambda: archive({"header": header(version=99)}),
    "no meta": lambda: archive({"header": header(meta=None)}),
    "name a number": lambda: archive({"header": header(skeleton=3)}),
    "role unknown": lambda: archive({"header": header(roles={"tail": "pelvis"})}),
    "role of no joint": lambda: archive({"header": header(roles={"hips": "nowhere"})}),
    "roles a list": lambda: archive({"header": header(roles=[])}),
    "bzip2": lambda: archive({}, zipfile.ZIP_BZIP2),
    "lzma": lambda: archive({}, zipfile.ZIP_LZMA),
    "checksum": patched(np.array([0.0, 0.0, 0.0]).tobytes(), np.array([1.0, 0.0, 0.0]).tobytes()),
    "bomb": lambda: archive({"root": F((9_000_000, 3))}, zipfile.ZIP_DEFLATED),
}  # fmt: skip


def test_hostile_cases_are_all_here():
    assert len(HOSTILE) == 59


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive_gives_one_error(tmp_path: Path, name: str):
    path = tmp_path / "bad.npz"
    path.write_bytes(HOSTILE[name]())
    tracemalloc.start()
    try:
        with at_most(20), pytest.raises(FormatError) as caught:
            npz.read(path)
        assert tracemalloc.get_traced_memory()[1] <= 64 * 2**20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(path))


def test_deflated_is_read(tmp_path: Path):
    (tmp_path / "a.npz").write_bytes(archive({}, zipfile.ZIP_DEFLATED))
    assert torch.equal(npz.read(tmp_path / "a.npz").root, random_motion(frames=3).root)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_fuzz(tmp_path: Path):
    good = archive({})
    fine, refused = survives(npz.read, tmp_path / "bad.npz", damaged(good, seed=4, count=300))
    assert fine + refused == 302
    assert refused > 100
