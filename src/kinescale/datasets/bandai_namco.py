"""bandai_namco: the Bandai-Namco Research Motiondataset 1 and 2 (BVH at 30 fps, action and style in the file name)."""

from __future__ import annotations

import re
from pathlib import Path

from kinescale.datasets.base import Licence, RawClip, need
from kinescale.formats import read_motion
from kinescale.motion import Motion

LICENCE = Licence(
    name="CC BY-NC 4.0",
    url="https://creativecommons.org/licenses/by-nc/4.0/",
    attribution="Bandai-Namco Research Motiondataset, Bandai Namco Research Inc., CC BY-NC 4.0.",
    commercial_use=False,
)

NAME = re.compile(r"(dataset-\d+)_([a-z-]+)_([a-z-]+)_(\d+)")


def find(folder: Path) -> list[RawClip]:
    """Every ``dataset-N_ACTION_STYLE_NNN.bvh`` below ``folder``."""
    clips = []
    for file in folder.rglob("dataset-*.bvh"):
        match = NAME.fullmatch(file.stem)
        if match:
            _, action, style, _ = match.groups()
            clips.append(
                RawClip(
                    id=f"bandai_namco/{file.stem}", corpus="bandai_namco", files=(file,), action=action, style=style
                )
            )
    return need(clips, folder, "files named dataset-N_ACTION_STYLE_NNN.bvh, as published")


def load(clip: RawClip) -> Motion:
    """The clip on the 21 body joints, metres; the file's standing root node is dropped."""
    return read_motion(clip.files[0])
