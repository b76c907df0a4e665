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

    ``beside``: (suffix, content) of a sound file that lies beside the broken one (an .asf beside an .amc).
    """

    name: str
    suffix: str
    mutations: tuple[Mutation, ...]
    seeds: Callable[[Path], list[bytes]]
    beside: tuple[str, bytes] | None = None


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


def targets() -> dict[str, Target]:
    """All targets by name."""
    asf, amc = (text.encode() for text in _asf_and_amc())
    made = [
        Target("bvh", ".bvh", TEXT, _written(".bvh")),
        Target("amc", ".amc", TEXT, lambda _: [amc], (".asf", asf)),
        Target("asf", ".asf", TEXT, lambda _: [asf], (".amc", amc)),
        Target("npz", ".npz", ARCHIVE, _written(".npz")),
        Target("amass", ".amass.npz", ARCHIVE, _amass),
        Target("npy", ".npy", ARRAY, _arrays),
        Target("glb", ".glb", GLB, _written(".glb")),
        Target("csv", ".csv", TEXT, _written(".csv")),
    ]
    return {target.name: target for target in made}


def broken(target: Target, seeds: list[bytes], number: int) -> bytes:
    """Input ``number`` of a target; the same number gives the same bytes."""
    rng = np.random.default_rng([number, *target.name.encode()])
    data = seeds[int(rng.integers(len(seeds)))]
    for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 4))):
        data = target.mutations[int(rng.integers(len(target.mutations)))](data, rng)
    return data


__all__ = ["ANY", "Target", "broken", "targets"]
