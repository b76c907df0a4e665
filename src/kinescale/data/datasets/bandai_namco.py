"""bandai_namco: the Bandai-Namco Research Motiondataset 1 and 2 (BVH at 30 fps, action and style in the file name)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kinescale.data.datasets.base import License, RawClip, need
from kinescale.data.datasets.base.splits import Split, listed, split_of
from kinescale.formats import read_motion
from kinescale.motion import Motion

LICENSE = License(
    name="CC BY-NC 4.0",
    url="https://creativecommons.org/licenses/by-nc/4.0/",
    attribution="Bandai-Namco Research Motiondataset, Bandai Namco Research Inc., CC BY-NC 4.0.",
    commercial_use=False,
)

NAME = re.compile(r"(dataset-\d+)_([a-z-]+)_([a-z-]+)_(\d+)")

PAIRS: Mapping[Split, frozenset[str]] = {
    "test": frozenset(
        {"run/feminine", "wave-both-hands/masculine", "raise-up-both-hands/elderly"}
        | {"walk-left/sad", "walk-right/sad", "bow/proud", "dash/childish"}
    ),
    "val": frozenset(
        {"run/exhausted", "wave-both-hands/active", "walk/masculine"}
        | {"walk-back/not-confident", "bow/chimpira", "guide/happy"}
    ),
}
"""Pairs of action and style that training never sees, though it sees the action and the style. An action with a side
is held out with its other side, since a mirrored clip is one of the other."""

TAKE_SHARE = 0.005
"""Of the other pairs, so many takes for validation, and so many for testing."""


def find(folder: Path) -> list[RawClip]:
    """Every ``dataset-N_ACTION_STYLE_NNN.bvh`` below ``folder``."""
    clips = []
    for file in folder.rglob("dataset-*.bvh"):
        match = NAME.fullmatch(file.stem)
        if match:
            _, action, style, _ = match.groups()
            clip = RawClip(
                id=f"bandai_namco/{file.stem}", corpus="bandai_namco", files=(file,), action=action, style=style
            )
            pair, take = listed(f"{action}/{style}", PAIRS), split_of(clip.id, TAKE_SHARE, TAKE_SHARE)
            held = {"split": pair, "held_by": "pair"} if pair != "train" else {"split": take, "held_by": "take"}
            clips.append(clip.but(**held))
    return need(clips, folder, "files named dataset-N_ACTION_STYLE_NNN.bvh, as published")


def load(clip: RawClip) -> Motion:
    """The clip on the 21 body joints, meters; the file's standing root node is dropped."""
    return read_motion(clip.files[0])
