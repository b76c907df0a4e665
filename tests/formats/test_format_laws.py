"""Over every format and every bundled skeleton: what is written comes back, to the format's promise, whichever way."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from format_cases import motions
from hypothesis import HealthCheck, given, settings

from kinescale import skeletons
from kinescale.formats import read_motion, write_motion
from kinescale.formats.base import suffixes
from kinescale.kinematics.rotations import quat_angle
from kinescale.motion import Motion
from motion_strategies import random_motion


@dataclass(frozen=True)
class Promise:
    """How near positions (meters) and world orientations (degrees; None: not kept) come back, and for which skeletons
    (None: any)."""

    meters: float
    degrees: float | None
    only: tuple[str, ...] | None = None


MICRO_DEGREES = math.degrees(1e-6)
PROMISES = {
    ".bvh": Promise(1e-4, 1e-3),
    ".npz": Promise(1e-6, MICRO_DEGREES),
    ".glb": Promise(2e-6, 1e-4),
    ".gltf": Promise(2e-6, 1e-4),
    ".amass.npz": Promise(1e-6, MICRO_DEGREES, ("smplh", "smplx")),
    ".csv": Promise(1e-4, None, tuple(n for n in skeletons.FAMILY.names() if n not in ("cmu", "snapmogen24"))),
    ".npy": Promise(1e-5, None, ("humanml22", "kit21")),
}
"""GLB holds float32: a microradian on each of up to ten joints in a chain, two meters from the origin."""


def test_every_format_that_is_read_and_written_makes_a_promise() -> None:
    both = set(suffixes("read")) & set(suffixes("write"))
    assert both - {".fbx"} == set(PROMISES)  # .fbx goes through another program


def check(before: Motion, after: Motion, promise: Promise) -> None:
    assert len(after) == len(before)
    assert after.fps == pytest.approx(before.fps, rel=1e-4)
    order = [after.skeleton.index(name) for name in before.skeleton.joints]
    error = after.positions()[:, order].double() - before.positions().double()
    scale = max(1.0, float(before.root.abs().max()) / 5)  # float32 files round by size
    assert float(error.norm(dim=-1).max()) <= promise.meters * scale
    if promise.degrees is not None:
        turned = quat_angle(after.global_rotations()[:, order].double(), before.global_rotations().double())
        assert math.degrees(float(turned.max())) <= promise.degrees


CASES = [
    (suffix, name)
    for suffix, name in itertools.product(PROMISES, skeletons.FAMILY.names())
    if PROMISES[suffix].only is None or name in (PROMISES[suffix].only or ())
]


@pytest.mark.parametrize(("suffix", "name"), CASES)
def test_a_bundled_skeletons_motion_comes_back(suffix: str, name: str, tmp_path: Path) -> None:
    motion = random_motion(name, frames=8, seed=3, spread=0.3)
    path = tmp_path / f"clip{suffix}"
    write_motion(motion, path)
    # an array file has no place for its frame rate
    again = read_motion(path, **({"fps": motion.fps} if suffix == ".npy" else {}))
    check(motion, again, PROMISES[suffix])
    assert again.meta.get("license") == "none"
    if suffix not in (".csv", ".npy"):
        assert again.skeleton.roles == motion.skeleton.roles


@pytest.mark.parametrize("suffix", [s for s, promise in PROMISES.items() if promise.only is None])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(motion=motions())
def test_any_skeletons_motion_comes_back(suffix: str, tmp_path: Path, motion: Motion) -> None:
    path = tmp_path / f"clip{suffix}"
    write_motion(motion, path, force=True)
    check(motion, read_motion(path), PROMISES[suffix])


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations([".bvh", ".npz", ".glb"], 2)))
def test_formats_agree_with_each_other(first: str, second: str, tmp_path: Path) -> None:
    motion = random_motion("humanml22", frames=8, seed=4, spread=0.3)
    write_motion(motion, tmp_path / f"a{first}")
    write_motion(read_motion(tmp_path / f"a{first}"), tmp_path / f"b{second}")
    check(motion, read_motion(tmp_path / f"b{second}"), Promise(2e-4, 2e-3))


def test_nothing_is_altered_by_writing(tmp_path: Path) -> None:
    motion = random_motion("humanml22", frames=4)
    before = motion.root.clone(), motion.rotations.clone(), dict(motion.meta)
    for suffix, promise in PROMISES.items():
        if promise.only is None or "humanml22" in promise.only:
            write_motion(motion, tmp_path / f"clip{suffix}")
    assert torch.equal(motion.root, before[0])
    assert torch.equal(motion.rotations, before[1])
    assert dict(motion.meta) == before[2]
