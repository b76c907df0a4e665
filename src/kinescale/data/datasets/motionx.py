"""motionx: Motion-X, as its SMPL-X parameters or in HumanML3D's 263 features.

Lin et al. 2023, "Motion-X: A Large-scale 3D Expressive Whole-body Human Motion Dataset". Two layouts are read:

    ROOT/[motion_data/]smplx_322/SUBSET/CLIP.npy  [T, 322] at 30 fps    ROOT/texts/semantic_labels/SUBSET/CLIP.txt
    ROOT/{new_joint_vecs,vectors_263}/SUBSET/CLIP.npy  [T, 263]         ROOT/texts/SUBSET/CLIP.txt

A frame of 322 numbers holds root_orient 3, pose_body 63, pose_hand 90, pose_jaw 3, face expression 50 and shape 100,
trans 3, betas 10. Body and hands become rotations; jaw, face and shape are left out. Subsets differ in which axis
points up: the one the body stands along is taken. Splits come from train.txt, val.txt and test.txt (in ROOT or
ROOT/split), else from the clip's name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale import skeletons
from kinescale.core.errors import DataError, KinescaleError
from kinescale.data.datasets.base import License, Native, RawClip, need
from kinescale.data.datasets.base import published as _published
from kinescale.data.datasets.base.texts import checked_caption, read_ids, read_lines
from kinescale.formats.npy import read_values
from kinescale.kinematics.rotations import quat_apply, quat_multiply, rotvec_to_quat
from kinescale.motion import Motion

LICENSE = License(
    name="Motion-X (research only)",
    url="https://motion-x-dataset.github.io/",
    attribution="Motion-X (Lin et al. 2023).",
    commercial_use=False,
)
NATIVE = Native(skeleton="humanml22", fps=20.0, feature="humanml3d", width=263, feature_config={"variant": "humanml3d"})
"""What the 263 features are taken for; they are kept beside the motion only where they are there."""
VECTORS = ("new_joint_vecs", "vectors_263")
LAYOUT = _published.Layout("motionx", NATIVE, shortest=40, longest=400, folders=VECTORS)
SMPLX, SMPLX_FPS, WIDTH = "smplx_322", 30.0, 322
TEXTS = ("texts/semantic_labels", "motionx_seq_text_v1.1", "text/semantic_label", "texts")
TRANS = slice(309, 312)
BODY_AND_HANDS = 52
UPRIGHT_M = 0.2
"""How far the head must lie above the ankles on average for an axis to be called up."""


def find(folder: Path) -> list[RawClip]:
    """The clips of the layout that is there."""
    arrays = _smplx_folder(folder)
    return _published.find(folder, LAYOUT) if arrays is None else _find_smplx(folder, arrays)


def load(clip: RawClip) -> Motion:
    """The motion, on SMPL-X's joints (322 numbers) or HumanML3D's (263)."""
    return _load_smplx(clip) if clip.fps == SMPLX_FPS else _published.load(clip, LAYOUT)


def given(clip: RawClip) -> Float[np.ndarray, "T 263"] | None:
    """The published features of the clip, ``None`` for SMPL-X parameters."""
    return None if clip.fps == SMPLX_FPS else _published.given(clip, LAYOUT)


def statistics(folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """``Mean.npy`` and ``Std.npy`` of the 263 features."""
    return None if _smplx_folder(folder) is not None else _published.statistics(folder, LAYOUT)


def _smplx_folder(folder: Path) -> Path | None:
    found = [path for pattern in ("", "*/", "*/*/") for path in sorted(folder.glob(f"{pattern}{SMPLX}"))]
    return next((path for path in found if path.is_dir()), None)


def _find_smplx(folder: Path, arrays: Path) -> list[RawClip]:
    root = arrays.parent if arrays.parent == folder or (arrays.parent / "train.txt").is_file() else arrays.parent.parent
    bases = [root, folder, arrays.parent]
    texts = next((base / name for base in bases for name in TEXTS if (base / name).is_dir()), root / TEXTS[0])
    splits = _splits(bases)
    clips = []
    for file in sorted(arrays.rglob("*.npy")):
        name = file.relative_to(arrays).with_suffix("").as_posix()
        clip = RawClip(id=f"motionx/{name}", corpus="motionx", files=(file,), action="", fps=SMPLX_FPS, captions=())
        text = texts / f"{name}.txt"
        try:
            if not text.is_file():
                raise DataError(f"{texts.name}/{name}.txt is missing.")
            captions = tuple(checked_caption(line) for line in read_lines(text))
            if not captions:
                raise DataError(f"{texts.name}/{name}.txt holds no caption.")
        except KinescaleError as problem:
            clips.append(clip.but(problem=str(problem)))
            continue
        clips.append(clip.but(captions=captions, split=splits.get(name, splits.get(file.stem))))
    return need(clips, folder, f"{SMPLX}/SUBSET/CLIP.npy")


def _splits(bases: list[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for split in _published.SPLITS:
        for file in (base / place / f"{split}.txt" for base in bases for place in ("", "split", "splits")):
            if file.is_file():
                found |= dict.fromkeys(read_ids(file), split)
                break
    return found


def _load_smplx(clip: RawClip) -> Motion:
    values = read_values(clip.files[0])
    if values.ndim != 2 or values.shape[1] != WIDTH:
        raise DataError(f"{clip.files[0].name}: an array {list(values.shape)}; expected [T, {WIDTH}].")
    if not np.isfinite(values).all() or not len(values):
        raise DataError(f"{clip.files[0].name}: holds no frame, or numbers that are not finite.")
    numbers = torch.from_numpy(values).double()
    skeleton = skeletons.get("smplh")
    turns = numbers[:, : 3 * BODY_AND_HANDS].reshape(len(numbers), -1, 3)
    motion = Motion(skeleton, SMPLX_FPS, numbers[:, TRANS], rotvec_to_quat(turns))
    turn = _to_y_up(motion)
    rotations = motion.rotations.clone()
    rotations[:, 0] = quat_multiply(turn.expand(len(numbers), 4), rotations[:, 0])
    return motion.replace(root=quat_apply(turn, motion.root), rotations=rotations).to(torch.float32)


def _to_y_up(motion: Motion) -> Float[Tensor, "4"]:
    """The turn that stands the body up along +Y, from +Y, +Z or -Y, whichever it stands along on average."""
    positions = motion.positions()
    roles = motion.skeleton.role_indices()
    ankles = positions[:, [roles["left_ankle"], roles["right_ankle"]]].mean(1)
    up = (positions[:, roles["head"]] - ankles).mean(0)
    turns = {"+y": (0.0, 0.0, 0.0), "+z": (-np.pi / 2, 0.0, 0.0), "-y": (np.pi, 0.0, 0.0)}
    along = {"+y": float(up[1]), "+z": float(up[2]), "-y": -float(up[1])}
    best = max(along, key=lambda axis: along[axis])
    # a lying body does not reveal the up axis: the file is taken as upright
    return rotvec_to_quat(torch.tensor(turns[best if along[best] > UPRIGHT_M else "+y"], dtype=torch.float64))
