"""bandai_namco: the Bandai-Namco Research Motiondataset 1 and 2 (BVH at 30 fps, action and style in the file name)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kinescale.data.captions.phrase_book import mirror_action, pick
from kinescale.data.datasets.bandai_namco.label_checks import CLAIMS, LABEL_RULES
from kinescale.data.datasets.base import License, RawClip, need
from kinescale.data.datasets.base.captions import ClipCaptions
from kinescale.data.datasets.base.splits import Split, listed, split_of
from kinescale.description.claims import Claim
from kinescale.formats import read_motion
from kinescale.io.packaged_toml import packaged_toml, phrase_table
from kinescale.motion import Motion

LICENSE = License(
    name="CC BY-NC 4.0",
    url="https://creativecommons.org/licenses/by-nc/4.0/",
    attribution="Bandai-Namco Research Motiondataset, Bandai Namco Research Inc., CC BY-NC 4.0.",
    commercial_use=False,
)

__all__ = ["LABEL_RULES", "LICENSE", "captions", "claims", "corrected_actions", "corrected_captions", "find", "load"]

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
"""Share of the other pairs' takes for validation, and the same share for testing."""

STEADY = frozenset({"walk", "walk-back", "walk-left", "walk-right", "run", "dash", "kick", "punch", "slash"})
"""Actions that go on throughout the clip, or recur every few seconds, so that any crop shows them.

The dances stand still for their first nine seconds, so a crop of one need not show a dance.
"""


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


def corrected_actions() -> dict[str, str]:
    """Take -> the action that it shows, for takes whose label names another."""
    return packaged_toml(__name__, "corrections.toml")["action"]


def corrected_captions() -> dict[str, tuple[str, ...]]:
    """Take -> captions, for takes that no action of the phrase book describes."""
    return phrase_table(packaged_toml(__name__, "corrections.toml")["captions"])


def captions(clip: RawClip, count: int, *, part: bool = False) -> ClipCaptions:
    """``count`` sentences of the phrase book for the clip and as many for its mirror image, chosen by the take's name.

    The few takes whose motion contradicts their label are described by what they show.
    """
    take, style = clip.take, clip.style
    if take in corrected_captions():
        return ClipCaptions.of(corrected_captions()[take][:count], steady=False)
    action = corrected_actions().get(take, clip.action)
    return ClipCaptions(
        captions=pick(action, style, take, count),
        mirrored=pick(mirror_action(action), style, take, count),
        steady=action in STEADY,
    )


def claims(action: str, take: str) -> tuple[Claim, ...]:
    """Measurable claims of the clip's label; swapped labels are read as what they should be."""
    if take in corrected_captions():
        return ()
    return CLAIMS.get(corrected_actions().get(take, action), ())
