"""Hand-made game clips: GLB files named for the action that they show; listing, loading, captions."""

from __future__ import annotations

import re
from pathlib import Path

from kinescale.core.errors import DataError, KinescaleError
from kinescale.data.datasets.base import RawClip
from kinescale.data.datasets.base.captions import ClipCaptions, captions_of_phrases
from kinescale.formats import read_motion
from kinescale.formats.glb import animations
from kinescale.io.packaged_toml import packaged_toml
from kinescale.motion import Motion

_STAGING = re.compile(r"\b(loop|melee|ranged|a|b|c)\b")
"""Words of a name that do not describe the motion."""

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


def captions(clip: RawClip, count: int, *, part: bool = False) -> ClipCaptions:
    """Sentences for the clip by the words of its name; loops in place are described as such."""
    phrases, lasting = phrases_of(clip.action)
    return captions_of_phrases(phrases, lasting, clip.take, count)


def phrases_of(action: str) -> tuple[tuple[str, ...], bool]:
    """Phrases for the words of a name, and whether the clip shows one continuous activity."""
    table = packaged_toml(__package__ or "", "game_clips.toml")
    words = " ".join(_STAGING.sub(" ", action).split())
    plain = words.removesuffix(" rm")
    found = table["phrases"].get(words) or table["phrases"].get(plain) or (f"*show {plain or 'a pose'}",)
    return tuple(found), plain in table["lasting"]
