"""accad: clips of the ACCAD Open Motion Project (GLB and BVH), named ACTOR_CODE_ACTION.

Some clips carry and put down a box, which is not in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kinescale.data.datasets.base import License, RawClip, need
from kinescale.data.datasets.base.captions import ClipCaptions, captions_of_phrases
from kinescale.data.datasets.base.game import words_of
from kinescale.data.datasets.base.splits import Split, listed
from kinescale.formats import read_motion
from kinescale.io.packaged_toml import packaged_toml
from kinescale.motion import Motion

LICENSE = License(
    name="CC BY 3.0",
    url="https://creativecommons.org/licenses/by/3.0/",
    attribution="ACCAD Open Motion Project, Advanced Computing Center for the Arts and Design, "
    "The Ohio State University, CC BY 3.0.",
    commercial_use=True,
)

NAME = re.compile(r"(?:([A-Za-z]+\d+)_)?(?:[A-Z]\d+_)?(?:S\d+_)?([A-Za-z]\w*)")
TAKES: Mapping[Split, frozenset[str]] = {
    "test": frozenset({"Female1_B21_S3_PutDownBoxToWalk"}),
    "val": frozenset({"Female1_C21_S2_RunToPickUpBox"}),
}


def find(folder: Path) -> list[RawClip]:
    """Every ``ACTOR_CODE_ACTION.glb`` or ``.bvh`` below ``folder``, such as ``Female1_B20_WalkWithBox.glb``."""
    clips = []
    for file in sorted(folder.rglob("*")):
        match = NAME.fullmatch(file.stem)
        if match and file.suffix.lower() in (".glb", ".bvh") and file.is_file():
            clip = RawClip(
                id=f"accad/{file.stem}",
                corpus="accad",
                files=(file,),
                action=words_of(match.group(2)),
                split=listed(file.stem, TAKES),
                held_by="take",
            )
            clips.append(clip)
    return need(clips, folder, "files named as published, such as Female1_B20_WalkWithBox.glb")


def load(clip: RawClip) -> Motion:
    """The clip on its actor's skeleton, meters."""
    return read_motion(clip.files[0])


def captions(clip: RawClip, count: int, *, part: bool = False) -> ClipCaptions:
    """Sentences for the clip, or for a window of it."""
    entry = packaged_toml(__name__, "captions.toml").get(clip.action, {"phrases": [f"*do this: {clip.action}"]})
    phrases = entry.get("window", entry["phrases"]) if part else entry["phrases"]
    return captions_of_phrases(phrases, entry.get("lasting", False), clip.take, count)
