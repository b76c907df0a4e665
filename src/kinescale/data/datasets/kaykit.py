"""kaykit: Kay Lousberg's character animations (GLB, CC0), hand-made for a body with short legs and a large head.

Loops stand in place. The pack has two rigs; clips of the second (``clips-rig-medium``) that the first has too are left
out, and in the others, whose hips do not move up and down, the lowest joint is kept on the floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from kinescale.core.errors import DataError
from kinescale.data.datasets.base import License, RawClip, game, need
from kinescale.data.datasets.base.game import captions as captions
from kinescale.data.datasets.base.splits import Split, listed
from kinescale.motion import Motion

LICENSE = License(
    name="CC0 1.0",
    url="https://creativecommons.org/publicdomain/zero/1.0/",
    attribution="KayKit character animations by Kay Lousberg, www.kaylousberg.com, CC0 1.0.",
    commercial_use=True,
)

SECOND_RIG = "clips-rig-medium"
TAKES: Mapping[Split, frozenset[str]] = {
    "test": frozenset({"1h attack diagonal melee slice", "b walking", "a death"}),
    "val": frozenset({"2h attack melee slice", "b running", "attack b melee punch unarmed"}),
}
"""Words of a name in the order of the alphabet: both rigs' clips of one thing go together."""

STILL_M = 1e-3
IN_THE_AIR = frozenset({"jump", "air"})
"""Words of clips that leave the floor: without the hips' way they cannot be put right."""

HIGH_SEATS = frozenset({"sit chair down", "sit chair stand up"})
"""The chair is higher than the hips of this body: on longer legs one would rise to sit down."""


def find(folder: Path) -> list[RawClip]:
    """Every animation of every GLB below ``folder``."""
    found: dict[str, RawClip] = {}
    clips: list[RawClip] = []
    files = sorted(folder.rglob("*.glb"), key=lambda file: (SECOND_RIG in file.parts, file.as_posix()))
    for file in files:
        name = file.relative_to(folder).with_suffix("").as_posix().removeprefix("clips/")
        for clip in game.clips_of(file, "kaykit", name):
            words = " ".join(sorted(clip.action.split()))
            twin = found.setdefault(words, clip)
            problem = clip.problem or ("" if twin is clip else f"shows the same as {twin.id}.")
            if clip.action in HIGH_SEATS and not problem:
                problem = "the chair is higher than the hips of this body."
            clips.append(clip.but(split=listed(words, TAKES), held_by="take", problem=problem))
    return need(clips, folder, "GLB files named for what they show, such as Jump_Full_Long.glb")


def load(clip: RawClip) -> Motion:
    """The clip on the file's own skeleton, meters; ``DataError`` for a leap whose hips do not move."""
    motion = game.read(clip)
    if SECOND_RIG not in clip.files[0].parts or float(motion.root[:, 1].max() - motion.root[:, 1].min()) > STILL_M:
        return motion
    hips = motion.positions()[:, motion.skeleton.role("hips"), 1]
    if float(hips.max() - hips.min()) > STILL_M:
        return motion
    if IN_THE_AIR & set(clip.action.split()):
        raise DataError(f"{clip.files[0].name}: leaves the floor, but its hips keep their height.")
    return grounded(motion)


def grounded(motion: Motion) -> Motion:
    """The motion with its lowest joint at one height in every frame."""
    lowest = motion.positions()[..., 1].amin(-1)
    root = motion.root - torch.stack([torch.zeros_like(lowest), lowest, torch.zeros_like(lowest)], -1)
    return motion.replace(root=root)
