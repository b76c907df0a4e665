"""Hand-made game clips: GLB files of a body each, named for what they show."""

from __future__ import annotations

import re
from pathlib import Path

from kinescale.core.errors import DataError, KinescaleError
from kinescale.data.datasets.base import RawClip
from kinescale.formats import read_motion
from kinescale.formats.glb import animations
from kinescale.motion import Motion

STILL_M = 1e-3
"""A clip in which no joint goes farther than this shows nothing."""


def words_of(name: str) -> str:
    """The words of a clip's name: "Jump_Full_Long" to "jump full long"; numbers that only count are left out."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    found = re.sub(r"[^A-Za-z0-9]+", " ", split).lower().split()
    return " ".join(re.sub(r"(?<=[a-z])\d+$", "", word) for word in found)


def clips_of(file: Path, corpus: str, name: str) -> list[RawClip]:
    """A clip for every animation of a file; one that is alone has the file's name, others theirs behind it."""
    clip = RawClip(id=f"{corpus}/{name}", corpus=corpus, files=(file,), action=words_of(file.stem))
    try:
        found = animations(file)
    except KinescaleError as problem:
        return [clip.but(problem=str(problem))]
    if len(found) < 2:
        return [clip]
    several = len(set(found)) < len(found)
    names = [f"{number} {title}" if several else title for number, title in enumerate(found)]
    return [
        clip.but(id=f"{clip.id}/{words_of(title).replace(' ', '_')}", action=words_of(title), animation=number)
        for number, title in enumerate(names)
    ]


def read(clip: RawClip) -> Motion:
    """The clip's animation; ``DataError`` where nothing moves in it, or a scale does."""
    motion = read_motion(clip.files[0], animation=clip.animation)
    if motion.meta.get("scale_dropped"):
        raise DataError(f"{clip.files[0].name}: the body grows or shrinks, which a motion has no room for.")
    positions = motion.positions()
    if float((positions - positions[:1]).abs().max()) < STILL_M:
        raise DataError(f"{clip.files[0].name}: nothing moves in it.")
    return motion
