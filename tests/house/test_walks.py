"""The two walks of the design on a made corpus: motion files to a trained bundle, and a sentence to a motion file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("pyarrow", reason="preparing and training need the extra 'train'")

from kinescale import skeletons
from kinescale.cli.main import main
from kinescale.formats import read_motion, write_motion
from kinescale.kinematics.rotations import axis_angle_quat, quat_multiply
from kinescale.motion import Motion


def made_clip(frames: int, phase: float) -> Motion:
    """The Bandai-Namco T-pose walking ahead with swinging legs."""
    skeleton = skeletons.get("bandai_namco")
    assert skeleton.t_pose is not None
    rotations = torch.as_tensor(skeleton.t_pose.copy()).expand(frames, -1, -1).clone()
    time = torch.arange(frames, dtype=torch.float64)
    for joint, sign in (("UpperLeg_L", 1.0), ("UpperLeg_R", -1.0)):
        index = skeleton.index(joint)
        swing = axis_angle_quat(sign * 0.4 * torch.sin(time / 5 + phase), "y")
        rotations[:, index] = quat_multiply(rotations[:, index], swing)
    root = torch.stack([0 * time, 0 * time + 0.93, time * 0.03], dim=1)
    return Motion(skeleton, 30.0, root, rotations)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    """Files in a published layout -> prepare -> train the debug recipe: all through the command line."""
    folder = tmp_path_factory.mktemp("walk")
    corpus = folder / "Bandai-Namco-Research-Motiondataset-2" / "data"
    corpus.mkdir(parents=True)
    for i in range(60):
        write_motion(made_clip(60 + i, i / 7), corpus / f"dataset-2_walk_normal_{i:03d}.bvh")
    assert (
        main(["prepare", "bandai_namco", str(corpus.parents[1]), "--out", str(folder / "data"), "--workers", "1"]) == 0
    )
    train = ["train", "moscale.debug", "--data", str(folder / "data"), "--run", str(folder / "run")]
    assert main(train) == 0
    return folder / "run"


def test_files_to_bundle(run_folder):
    card = (run_folder / "bundle" / "README.md").read_text()
    assert "CC BY-NC 4.0" in card and "moscale.debug" in card
    log = [json.loads(line) for line in (run_folder / "generator" / "log.jsonl").read_text().splitlines()]
    assert {"step", "loss"} <= set(log[0])


def test_a_sentence_to_a_file_and_back_through_the_tokenizer(run_folder, tmp_path):
    out = tmp_path / "walk.bvh"
    ask = [
        "generate",
        "a person walks forward",
        "--bundle",
        str(run_folder),
        "-o",
        str(out),
        "--seconds",
        "2",
        "--seed",
        "3",
    ]
    assert main(ask) == 0
    motion = read_motion(out)
    assert motion.fps == 30.0 and len(motion) == 60 and motion.meta["prompt"] == "a person walks forward"
    assert "CC BY-NC 4.0" in str(motion.meta["license"])
    again = tmp_path / "again.npz"
    assert main([*ask[:4], "-o", str(again), "--seconds", "2", "--seed", "3"]) == 0
    # BVH holds depth-first joints and rounded angles: the same motion to its precision, joint by joint.
    twin = read_motion(again)
    order = [twin.skeleton.index(joint) for joint in motion.skeleton.joints]
    assert float((twin.positions()[:, order] - motion.positions()).abs().max()) < 1e-4
    back = tmp_path / "back.bvh"
    assert main(["reconstruct", str(out), "--bundle", str(run_folder), "-o", str(back), "--scales", "2"]) == 0
    assert len(read_motion(back)) == 60
    assert main(["render", str(out), str(tmp_path / "walk.png")]) == 0
    assert (tmp_path / "walk.png").read_bytes()[:4] == b"\x89PNG"


def test_the_installed_program_runs_from_an_empty_folder(tmp_path):
    """Nothing is read from the checkout: the console script works where there is nothing."""
    script = Path(sys.executable).with_name("kinescale")
    if not script.exists():
        pytest.skip("the kinescale script is not installed beside this Python")
    done = subprocess.run(
        [str(script), "convert", "nothing.bvh", "out.npz"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 2 and "nothing.bvh" in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
