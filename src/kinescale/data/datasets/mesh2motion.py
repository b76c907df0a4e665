"""mesh2motion: the hand-made animations of Mesh2Motion (GLB, CC0), named for what they show.

Clips that loop stand in place, except those whose name ends in RM (root motion).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kinescale.data.datasets.base import License, RawClip, game, need
from kinescale.data.datasets.base.game import captions as captions
from kinescale.data.datasets.base.splits import Split, listed
from kinescale.motion import Motion

LICENSE = License(
    name="CC0 1.0",
    url="https://creativecommons.org/publicdomain/zero/1.0/",
    attribution="Mesh2Motion, human base and add-on animations, CC0 1.0.",
    commercial_use=True,
)

ENDINGS = re.compile(r"([_ ](RM|Loop))+$")
"""Endings of a name that describe playback, not the motion."""

TAKES: Mapping[Split, frozenset[str]] = {
    "test": frozenset({"Punch_Jab", "Idle_Talking", "Victory"}),
    "val": frozenset({"Walk_Formal", "Dance_Reach_Hip", "Sword_Idle"}),
}
"""Names without ``ENDINGS``: a clip and its twin with root motion go together."""


def find(folder: Path) -> list[RawClip]:
    """Every animation of every GLB below ``folder``."""
    clips = []
    for file in sorted(folder.rglob("*.glb")):
        split = listed(ENDINGS.sub("", file.stem), TAKES)
        for clip in game.clips_of(file, "mesh2motion", file.stem):
            clips.append(clip.but(split=split, held_by="take"))
    return need(clips, folder, "GLB files named for what they show, such as Jump_Start.glb")


def load(clip: RawClip) -> Motion:
    """The clip on the file's own skeleton, meters."""
    return game.read(clip)
