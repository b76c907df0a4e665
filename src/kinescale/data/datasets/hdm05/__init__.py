"""hdm05: the cut clips of HDM05 (ASF/AMC at 120 fps), one motion class in each file name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kinescale.core.errors import DataError
from kinescale.data.datasets.base import License, RawClip, need
from kinescale.data.datasets.base.captions import ClipCaptions
from kinescale.data.datasets.base.splits import Split, listed, split_of
from kinescale.data.datasets.hdm05.label_checks import CLAIMS, LABEL_RULES
from kinescale.description.claims import Claim
from kinescale.formats import read_motion
from kinescale.io.packaged_toml import packaged_toml, phrase_table
from kinescale.motion import Motion

LICENSE = License(
    name="CC BY-SA 3.0",
    url="https://creativecommons.org/licenses/by-sa/3.0/",
    attribution="Motion Capture Database HDM05, M. Mueller, T. Roeder, M. Clausen, B. Eberhardt, B. Krueger, A. Weber, "
    "Universitaet Bonn, 2007, CC BY-SA 3.0.",
    commercial_use=True,
    share_alike=True,
)

__all__ = ["LABEL_RULES", "LICENSE", "captions", "claims", "find", "load", "written_captions"]

NAME = re.compile(r"HDM_([a-z]+)_(\w+?)_(\d+)_120")

ACTORS: Mapping[Split, frozenset[str]] = {"test": frozenset({"mm"})}
"""Actors of whom no clip is in training."""

TAKE_SHARE = 0.04
"""Of the other actors' clips, so many are for validation."""


def find(folder: Path) -> list[RawClip]:
    """Every ``HDM_ACTOR_CLASS_NNN_120.amc`` below ``folder`` (its ``HDM_ACTOR.asf`` beside it)."""
    clips = []
    for file in folder.rglob("HDM_*.amc"):
        match = NAME.fullmatch(file.stem)
        if match:
            actor, action, _ = match.groups()
            files = (file, file.with_name(f"HDM_{actor}.asf"))
            clip = RawClip(id=f"hdm05/{file.stem}", corpus="hdm05", files=files, action=action, style=actor, fps=120.0)
            held, take = listed(actor, ACTORS), split_of(clip.id, TAKE_SHARE, 0.0)
            where = {"split": held, "held_by": "actor"} if held != "train" else {"split": take, "held_by": "take"}
            clips.append(clip.but(**where))
    return need(clips, folder, "HDM_ACTOR_CLASS_NNN_120.amc files with HDM_ACTOR.asf beside them")


def load(clip: RawClip) -> Motion:
    """The clip on its actor's skeleton, meters, 120 fps."""
    return read_motion(clip.files[0])


def written_captions() -> dict[str, tuple[str, ...]]:
    """Motion class -> its captions, written by hand."""
    return phrase_table(packaged_toml(__name__, "captions.toml"))


def captions(clip: RawClip, count: int, *, part: bool = False) -> ClipCaptions:
    """Captions of the clip's motion class; ``DataError`` for a class without any."""
    written = written_captions()
    if clip.action not in written:
        raise DataError(f"HDM05 class {clip.action} has no caption; add some to data/datasets/hdm05/captions.toml.")
    return ClipCaptions.of(written[clip.action][:count], steady=False)


def claims(action: str, take: str) -> tuple[Claim, ...]:
    """Measurable claims of the clip's label."""
    return CLAIMS.get(action, ())
