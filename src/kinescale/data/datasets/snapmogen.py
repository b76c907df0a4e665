"""snapmogen: SnapMoGen in its published folder: 296 features of 24 joints at 30 fps, long captions, splits.

Guo et al. 2025, "SnapMoGen: Human Motion Generation from Expressive Texts".

    ROOT/renamed_feats/SEQUENCE.npy [T, 296] (or renamed_bvhs/SEQUENCE.bvh)   ROOT/all_caption_clean.json
    ROOT/data_split_info/{train,val,test}_ids.txt                              ROOT/meta_data/{mean,std}.npy

Ids are ``SEQUENCE#START#END``, frames of the sequence; clips of 128 frames or more are kept. The JSON holds "manual"
and "gpt" sentences for each id.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from kinescale.core.errors import DataError, KinescaleError
from kinescale.core.records import read_json
from kinescale.data.datasets.base import License, Native, RawClip, need, read_statistics
from kinescale.data.datasets.base.published import SPLITS
from kinescale.data.datasets.base.texts import checked_caption, read_ids
from kinescale.formats import read_motion
from kinescale.formats.npy import read_values
from kinescale.motion import Motion

LICENSE = License(
    name="SnapMoGen license (non-commercial research)",
    url="https://huggingface.co/datasets/Ericguo5513/SnapMoGen",
    attribution="SnapMoGen (Guo et al. 2025), Snap Inc.",
    commercial_use=False,
)
NATIVE = Native(skeleton="snapmogen24", fps=30.0, feature="snapmogen", width=296)
SHORTEST = 128
CAPTIONS = "all_caption_clean.json"
KINDS = ("manual", "gpt")


def find(folder: Path) -> list[RawClip]:
    """The clips of all splits."""
    root = _root(folder)
    captions = read_json(root / CAPTIONS, error=DataError)
    if not isinstance(captions, dict):
        raise DataError(f"{root / CAPTIONS}: expected one entry an id, each with 'manual' and 'gpt' sentences.")
    clips: list[RawClip] = []
    seen: dict[str, str] = {}
    for split in SPLITS:
        file = root / "data_split_info" / f"{split}_ids.txt"
        for name in read_ids(file) if file.is_file() else ():
            clip = RawClip(id=f"snapmogen/{name[:100]}", corpus="snapmogen", files=(root,), action="", split=split)
            if name in seen:
                clips.append(clip.but(problem=f"is listed for {seen[name]} and again for {split}."))
                continue
            seen[name] = split
            try:
                clips.append(_clip(clip, root, name, captions))
            except KinescaleError as problem:
                clips.append(clip.but(problem=str(problem)))
    return need(clips, folder, "data_split_info/train_ids.txt with lines SEQUENCE#START#END")


def load(clip: RawClip) -> Motion:
    """The clip's frames of its sequence."""
    motion = read_motion(clip.files[0])
    stop = len(motion) if clip.stop is None else min(clip.stop, len(motion))
    return motion.slice(clip.start, stop)


def given(clip: RawClip) -> Float[np.ndarray, "T 296"] | None:
    """The published features of the clip, ``None`` where only the BVH is there."""
    if clip.files[0].suffix != ".npy":
        return None
    values = read_values(clip.files[0], axes=(2,))
    if values.shape[1] != NATIVE.width:
        raise DataError(f"{clip.files[0].name}: {values.shape[1]} features a frame; expected {NATIVE.width}.")
    return np.ascontiguousarray(values[clip.start : clip.stop], dtype=np.float32)


def statistics(folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """``meta_data/mean.npy`` and ``std.npy``."""
    return read_statistics(_root(folder) / "meta_data", NATIVE.width)


def _root(folder: Path) -> Path:
    found = [file for pattern in ("", "*/", "*/*/") for file in sorted(folder.glob(f"{pattern}{CAPTIONS}"))]
    if not found:
        raise DataError(f"{folder}: not the layout of snapmogen; expected {CAPTIONS}, renamed_feats/ and splits.")
    return found[0].parent


def _clip(clip: RawClip, root: Path, name: str, captions: dict[str, Any]) -> RawClip:
    sequence, _, span = name.partition("#")
    start, _, stop = span.partition("#")
    if not (start.isdecimal() and stop.isdecimal() and 0 <= int(start) < int(stop)) or "/" in sequence or not sequence:
        raise DataError("the id is not SEQUENCE#START#END.")
    if int(stop) - int(start) < SHORTEST:
        raise DataError(f"{int(stop) - int(start)} frames; snapmogen keeps {SHORTEST} and more.")
    whole = root / "renamed_feats" / f"{name}.npy"
    sequences = [root / "renamed_feats" / f"{sequence}.npy", root / "renamed_bvhs" / f"{sequence}.bvh"]
    file = next((file for file in (whole, *sequences) if file.is_file()), None)
    if file is None:
        raise DataError(f"renamed_feats/{sequence}.npy is missing.")
    entry = captions.get(name)
    if not isinstance(entry, dict):
        raise DataError(f"{CAPTIONS} holds no sentences for it.")
    listed = [text for kind in KINDS for text in entry.get(kind, ()) if isinstance(text, str)]
    sentences = tuple(checked_caption(text) for text in listed if text.strip())
    if not sentences:
        raise DataError(f"{CAPTIONS} holds no sentences for it.")
    cut = {} if file == whole else {"start": int(start), "stop": int(stop)}
    return clip.but(files=(file, root / CAPTIONS), captions=sentences, **cut)
