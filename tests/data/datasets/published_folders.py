"""Small folders in the layouts that data sets are published in, made from nothing but motions of our own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from kinescale import skeletons
from kinescale.features import humanml3d, snapmogen
from kinescale.kinematics.rotations import axis_angle_quat, quat_multiply
from kinescale.motion import Motion


def walker(skeleton: str, frames: int, fps: float, phase: float = 0.0) -> Motion:
    """A body that goes forward, swinging its legs about its rest pose, on any skeleton with legs."""
    body = skeletons.get(skeleton)
    still = torch.eye(4, dtype=torch.float64)[3].expand(frames, len(body), 4).clone()
    if body.t_pose is not None:
        still = torch.as_tensor(body.t_pose.copy()).double().expand(frames, -1, -1).clone()
    swing = 0.4 * torch.sin(torch.arange(frames, dtype=torch.float64) * 8 / fps + phase)
    for role, sign in (("left_hip", 1.0), ("right_hip", -1.0)):
        joint = body.role(role)
        still[:, joint] = quat_multiply(axis_angle_quat(sign * swing, "x"), still[:, joint])
    ahead = torch.arange(frames, dtype=torch.float64) / fps
    root = torch.stack([torch.zeros(frames).double(), torch.full((frames,), 0.92).double(), ahead], dim=1)
    return Motion(body, fps, root, still)


def vectors(variant: str, frames: int, phase: float = 0.0) -> np.ndarray:
    """Published features of a walk: exactly ``frames`` rows."""
    feature = humanml3d.build(humanml3d.Config.parse({"variant": variant}))
    motion = walker(feature.skeleton.name, frames + 1, feature.fps, phase)
    return feature.from_motion(motion).numpy().astype(np.float32)


def humanml3d_folder(folder: Path, variant: str = "humanml3d", lengths: dict[str, int] | None = None) -> Path:
    """A folder with one of each trap; the ids tell which."""
    width = 263 if variant == "humanml3d" else 251
    for name in ("new_joint_vecs", "texts"):
        (folder / name).mkdir(parents=True)
    lengths = lengths or {"000001": 60, "M000001": 60, "000002": 120, "000003": 199, "000004": 200, "000005": 23}
    for i, (name, frames) in enumerate(lengths.items()):
        np.save(folder / "new_joint_vecs" / f"{name}.npy", vectors(variant, frames, i))
        text = "a person walks.#a/DET person/NOUN walk/VERB#0.0#0.0\nsomeone goes ahead#someone/PRON go/VERB#nan#nan\n"
        (folder / "texts" / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "texts" / "000002.txt").write_text(
        "a person walks on#a/DET#0.0#0.0\nthe first steps#the/DET#0.0#3.0\nlast steps#last/ADJ#3.0#6.0\n"
    )
    broken = vectors(variant, 60)
    broken[7, 5] = np.nan
    np.save(folder / "new_joint_vecs" / "007975.npy", broken)
    np.save(folder / "new_joint_vecs" / "000006.npy", vectors(variant, 60)[:, :-1])
    np.save(folder / "new_joint_vecs" / "000007.npy", vectors(variant, 60))
    np.save(folder / "new_joint_vecs" / "000008.npy", vectors(variant, 60))
    for name in ("007975", "000006", "000009"):
        (folder / "texts" / f"{name}.txt").write_text("a person walks#a/DET#0.0#0.0\n")
    (folder / "texts" / "000007.txt").write_bytes(b"a person \xff\xfe walks#a/DET#0.0#0.0\n")
    (folder / "texts" / "000008.txt").write_text("#a/DET#0.0#0.0\nonly a caption\na person walks#a/DET#x#0.0\n")
    train = [*lengths, "007975", "000006", "000007", "000008"]
    (folder / "train.txt").write_text("\n".join(train[:-1]) + "\n")
    (folder / "val.txt").write_text("000009\n000008\n")
    (folder / "test.txt").write_text("000003\n../outside\n")
    np.save(folder / "Mean.npy", np.linspace(-1, 1, width).astype(np.float32))
    np.save(folder / "Std.npy", np.linspace(0.5, 2, width).astype(np.float32))
    return folder


def snapmogen_folder(folder: Path) -> Path:
    """Two sequences cut into clips, with captions and statistics."""
    feature = snapmogen.build(snapmogen.Config())
    for name in ("renamed_feats", "data_split_info", "meta_data"):
        (folder / name).mkdir(parents=True)
    for i, name in enumerate(("gp_00001", "st2_00002")):
        made = feature.from_motion(walker("snapmogen24", 301, 30.0, i)).numpy().astype(np.float32)
        np.save(folder / "renamed_feats" / f"{name}.npy", made)
    captions = {
        "gp_00001#0#150": {"manual": ["A person walks ahead."], "gpt": ["The person strides on calmly.", ""]},
        "gp_00001#150#300": {"manual": ["The walk goes on."], "gpt": []},
        "st2_00002#0#140": {"manual": [], "gpt": []},
    }
    (folder / "all_caption_clean.json").write_text(json.dumps(captions))
    rows = [
        "gp_00001#0#150",
        "st2_00002#0#100",
        "st2_00002#0#140",
        "gone_00003#0#200",
        "gp_00001#9#x",
        "gp_00001#0#150",
    ]
    (folder / "data_split_info" / "train_ids.txt").write_text("\n".join(rows) + "\n")
    (folder / "data_split_info" / "test_ids.txt").write_text("gp_00001#150#300\n")
    np.save(folder / "meta_data" / "mean.npy", np.zeros(296, np.float32))
    np.save(folder / "meta_data" / "std.npy", np.ones(296, np.float32))
    return folder


def smplx_frames(frames: int, up: str = "y") -> np.ndarray:
    """Motion-X's 322 numbers a frame of a standing body that goes forward, with the named axis up."""
    values = np.zeros((frames, 322), np.float32)
    ahead = np.arange(frames) / 30
    if up == "y":
        values[:, 309:312] = np.stack([0 * ahead, 0 * ahead + 0.9, ahead], 1)
    else:
        values[:, 0] = np.pi / 2
        values[:, 309:312] = np.stack([0 * ahead, -ahead, 0 * ahead + 0.9], 1)
    return values
