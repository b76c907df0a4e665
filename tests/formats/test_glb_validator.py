"""The Khronos glTF validator finds nothing to say about any file we write."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from kinescale import skeletons
from kinescale.formats import glb
from kinescale.motion import Motion
from kinescale.skeletons import EndSite, Skeleton
from motion_strategies import random_motion

FOLDER = Path(__file__).resolve().parents[1] / "gltf_validator"


@pytest.fixture(scope="module")
def node() -> str:
    """The program that runs the validator; the tests are skipped where either is absent."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node.js is not installed, which runs the glTF validator")
    if not (FOLDER / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("the glTF validator is not installed; run: npm ci --prefix tests/gltf_validator")
    return program


def said(node: str, files: list[Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [node, str(FOLDER / "validate.js"), *map(str, files)], capture_output=True, text=True, timeout=120
    )


def made_tree(count: int, frames: int, seed: int = 0) -> Motion:
    """Any tree of that many joints, some of them on one spot, turned at random."""
    rng = np.random.default_rng(seed)
    offsets = rng.normal(size=(count, 3)) * rng.choice([0.0, 1e-7, 0.01, 0.5], size=(count, 1))
    parents = (-1, *(int(rng.integers(0, joint)) for joint in range(1, count)))
    ends = (EndSite(count - 1, (0.0, 0.0, 0.0)), EndSite(count - 1, (0.0, 0.1, 0.0)))
    tree = Skeleton("made ü 東", tuple(f"jöint {i}\t\U0001f9cd" for i in range(count)), parents, offsets, ends=ends)
    turns = torch.from_numpy(rng.normal(size=(frames, count, 4)))
    return Motion(tree, 29.97, torch.from_numpy(rng.normal(size=(frames, 3)) * 100), turns)


def test_nothing_is_said_of_what_we_write(node: str, tmp_path: Path):
    cases: dict[str, Motion | list[Motion]] = {name: random_motion(name, frames=3) for name in skeletons.FAMILY.names()}
    walk = random_motion(frames=1)
    cases |= {
        "one_frame": walk,
        "two_frames": random_motion(frames=2),
        "one_joint": made_tree(1, 3),
        "two_joints": made_tree(2, 1),
        "hundred_joints": made_tree(100, 4),
        "many_joints": made_tree(1024, 2),
        "long": made_tree(2, 5000),
        "several": [walk.with_meta(prompt='a "b" </script> \x00\u2028', seed=2**60 + i) for i in range(3)],
        "meta": walk.with_meta(license="CC BY-NC 4.0", bundle="0" * 64, nested={"a": [1, None, {"b": 2.5}]}, odd={1}),
    }
    assert len(cases) >= 14
    files = []
    for name, motion in cases.items():
        for suffix in glb.SUFFIXES if name in ("meta", "several") else (".glb",):
            files.append(tmp_path / f"{name}{suffix}")
            glb.write(motion, files[-1])
    done = said(node, files)
    assert done.returncode == 0 and not done.stdout, done.stdout[:3000] + done.stderr[:1000]


def test_the_validator_would_say_something(node: str, tmp_path: Path):
    glb.write(random_motion(frames=2), tmp_path / "a.glb")
    data = bytearray((tmp_path / "a.glb").read_bytes())
    at = data.index(b'"LINEAR"')
    data[at : at + 8] = b'"CURVED"'
    (tmp_path / "a.glb").write_bytes(data)
    done = said(node, [tmp_path / "a.glb"])
    assert done.returncode == 1 and "CURVED" in done.stdout
