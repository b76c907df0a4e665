"""What is fuzzed: per reader, good files to start from, the ways to break them, and how a file is read."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mutations import ANY, ARCHIVE, ARRAY, GLB, TEXT, Mutation

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Target:
    """One reader: its file's suffix, how to break its files, and what makes the good ones.

    ``beside``: (suffix, content) of a sound file that lies beside the broken one (an .asf beside an .amc). ``large``
    makes sound files of about ten megabytes: the bounds hold for what is sound as well.
    """

    name: str
    suffix: str
    mutations: tuple[Mutation, ...]
    seeds: Callable[[Path], list[bytes]]
    beside: tuple[str, bytes] | None = None
    large: Callable[[Path], list[bytes]] | None = None


def _motions() -> list:
    sys.path.insert(0, str(ROOT / "tests"))
    from motion_strategies import random_motion

    made = [random_motion("humanml22", 6, 1), random_motion("bandai_namco", 2, 2), random_motion("cmu", 3, 3)]
    return [*made, random_motion("humanml22", 1, 4), random_motion("kit21", 120, 5)]


def _written(suffix: str, motions: list | None = None, **options: object) -> Callable[[Path], list[bytes]]:
    def make(folder: Path) -> list[bytes]:
        from kinescale.formats import write_motion

        made = []
        for index, motion in enumerate(_motions() if motions is None else motions):
            path = folder / f"seed{index}{suffix}"
            write_motion(motion, path, force=True, **options)
            made.append(path.read_bytes())
        return made

    return make


def _amass(folder: Path) -> list[bytes]:
    sys.path.insert(0, str(ROOT / "tests"))
    from motion_strategies import random_motion

    return _written(".amass.npz", [random_motion("smplh", 5, 1), random_motion("smplx", 3, 2)])(folder)


def _kimodo(folder: Path) -> list[bytes]:
    """A made clip in the layout that Kimodo writes."""
    sys.path.insert(0, str(ROOT / "tests"))
    from kinescale.kinematics.rotations import quat_to_matrix
    from motion_strategies import random_motion

    motion = random_motion("humanml22", 6, 1)
    arrays = {
        "local_rot_mats": quat_to_matrix(motion.rotations).numpy(),
        "root_positions": motion.root.numpy(),
        "posed_joints": motion.positions().numpy(),
    }
    return [_packed(arrays)]


def _smpl_params(folder: Path) -> list[bytes]:
    """Made parameters in the layouts of two estimators of motion from video."""
    rng = np.random.default_rng(3)
    pose, trans = 0.2 * rng.normal(size=(6, 72)), rng.normal(size=(6, 3))
    return [
        _packed({"pose": pose, "trans": trans, "pose_world": pose, "trans_world": trans}),
        _packed(
            {"body_pose": pose[:, 3:66], "global_orient": pose[:, :3], "transl": trans, "betas": np.zeros((6, 10))}
        ),
    ]


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **{name: value.astype(np.float32) for name, value in arrays.items()})
    return stream.getvalue()


def _arrays(folder: Path) -> list[bytes]:
    rng = np.random.default_rng(0)
    made = []
    for shape in ((5, 22, 3), (4, 263), (5, 21, 3), (3, 251), (4, 296), (80, 22, 3)):
        stream = io.BytesIO()
        np.save(stream, rng.normal(size=shape).astype(np.float32))
        made.append(stream.getvalue())
    return made


def _asf_and_amc() -> tuple[str, str]:
    """The made pair that the reader's own tests use."""
    spec = importlib.util.spec_from_file_location("asf_cases", ROOT / "tests" / "formats" / "test_asfamc.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "tests" / "formats"))
    spec.loader.exec_module(module)
    return module.ASF, module.AMC


LARGE_BYTES = 10_000_000
EVERY = 100
"""Of so many inputs one is a large file, and every other of those is left whole."""


def _large_bvh(folder: Path) -> list[bytes]:
    """Many short numbers, and a frame time that makes no resampling of them."""
    text = _written(".bvh", _motions()[4:5])(folder)[0]
    head, _, rows = text.partition(b"Frames: 120")
    lines = rows.splitlines(keepends=True)
    short = b" ".join([b"0"] * len(lines[2].split())) + b"\n"
    made = []
    for row in (b"".join(lines[2:]), short):
        count = LARGE_BYTES // len(row)
        frames = count * row.count(b"\n")
        made.append(head + b"Frames: %d\n" % frames + lines[1] + row * count)
    return made


def _large_amc(amc: bytes) -> bytes:
    """The frames of a small file again and again, numbered on."""
    lines = amc.splitlines(keepends=True)
    starts = [i for i, line in enumerate(lines) if line.strip().isdigit()]
    frame = b"".join(lines[starts[0] + 1 : starts[1]])
    head = b"".join(lines[: starts[0]])
    return head + b"".join(b"%d\n" % (i + 1) + frame for i in range(LARGE_BYTES // (len(frame) + 6)))


def _large(suffix: str) -> Callable[[Path], list[bytes]]:
    def make(folder: Path) -> list[bytes]:
        sys.path.insert(0, str(ROOT / "tests"))
        from motion_strategies import random_motion

        one = random_motion("humanml22", 400, 9)
        times = LARGE_BYTES // (400 * 22 * 16)
        many = one.replace(root=one.root.float().repeat(times, 1), rotations=one.rotations.float().repeat(times, 1, 1))
        return _written(suffix, [many])(folder)

    return make


def targets() -> dict[str, Target]:
    """All targets by name."""
    asf, amc = (text.encode() for text in _asf_and_amc())
    made = [
        Target("bvh", ".bvh", TEXT, _written(".bvh"), large=_large_bvh),
        Target("amc", ".amc", TEXT, lambda _: [amc], (".asf", asf), lambda _: [_large_amc(amc)]),
        Target("asf", ".asf", TEXT, lambda _: [asf], (".amc", amc)),
        Target("npz", ".npz", ARCHIVE, _written(".npz"), large=_large(".npz")),
        Target("amass", ".amass.npz", ARCHIVE, _amass),
        Target("kimodo", ".kimodo.npz", ARCHIVE, _kimodo),
        Target("smpl_params", ".smpl.npz", ARCHIVE, _smpl_params),
        Target("npy", ".npy", ARRAY, _arrays),
        Target("glb", ".glb", GLB, _written(".glb"), large=_large(".glb")),
        Target("csv", ".csv", TEXT, _written(".csv")),
    ]
    return {target.name: target for target in made}


def broken(target: Target, seeds: list[bytes], number: int, large: list[bytes] | None = None) -> bytes:
    """Input ``number`` of a target; the same number gives the same bytes."""
    rng = np.random.default_rng([number, *target.name.encode()])
    data = seeds[int(rng.integers(len(seeds)))]
    if large and number % EVERY == 0:
        turn = number // EVERY
        data = large[turn // 2 % len(large)]
        if turn % 2 == 0:
            return data
    for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 4))):
        data = target.mutations[int(rng.integers(len(target.mutations)))](data, rng)
    return data


__all__ = ["ANY", "Target", "broken", "targets"]
