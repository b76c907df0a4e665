"""cmu: the CMU Graphics Lab motion capture, as ASF/AMC per subject and in four conversions (BVH, GLB).

Traps: subjects 60 and 61 were recorded at 60 fps although their files say 120; most conversions begin with a T-pose;
the cgspeed BVH is in CMU's scaled inch; subject 91 comes with another subject's skeleton (bone lengths not its own).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kinescale.data.datasets.base import License, RawClip, need
from kinescale.data.datasets.base.captions import ClipCaptions
from kinescale.data.datasets.base.splits import Split, listed
from kinescale.data.datasets.cmu.descriptions import parse_description
from kinescale.data.datasets.cmu.takes import claims_of_take, take_captions
from kinescale.description.claims import Claim
from kinescale.description.phrase_sentences import sentences
from kinescale.formats import read_motion
from kinescale.motion import Motion

LICENSE = License(
    name="CMU free for all uses (no resale as data)",
    url="http://mocap.cs.cmu.edu",
    attribution="The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217.",
    commercial_use=True,
)

TAKE = re.compile(r"(\d+)_(\d+)")
SUBJECTS = {"94": "indian dance"}
"""Descriptions of subjects whose takes have none."""

FPS = 120.0
SLOW_SUBJECTS = {"60": 60.0, "61": 60.0}
"""Subjects recorded at another rate than their files say."""

SCALED_INCH_M = 0.0254 / 0.45
"""Length of CMU's unit in meters (``:units length 0.45`` of its ASF files)."""

OPENING_FRAMES = 8
OPENING_SPEED, OPENING_TIMES = 10.0, 3.0
"""A conversion's opening T-pose is left by a leap: joints faster than so many meters per second, and than so many times
what comes after, within the first frames."""

ACTORS: Mapping[Split, frozenset[str]] = {
    "test": frozenset({"13", "39", "83"}),
    "val": frozenset({"07", "10"}),
}
"""Subjects of whom no take is in training; others do what they do."""

TAKES: Mapping[Split, frozenset[str]] = {
    "test": frozenset(
        {"02_09", "05_16", "06_05", "14_12", "14_19", "16_06", "16_25", "16_41"}
        | {"29_11", "35_20", "49_07", "61_07", "91_51", "127_08", "127_24"}
    ),
    "val": frozenset(
        {"01_04", "02_08", "05_13", "06_04", "14_11", "14_18", "16_05", "16_24"}
        | {"29_09", "35_19", "49_14", "60_10", "91_52", "127_06", "127_37"}
    ),
}
"""Single takes kept from training; each has a like one there."""


@dataclass(frozen=True)
class Conversion:
    """One way the takes are published: files of a pattern, in a folder whose name begins with ``folder``.

    ``fps`` None is the subject's, or the file's own with ``own_rate``; ``unit_m`` is for BVH.
    """

    pattern: str
    folder: str = ""
    fps: float | None = None
    own_rate: bool = False
    drop_first: int = 0
    unit_m: float | None = None


CONVERSIONS = (
    Conversion("*.amc"),
    Conversion("*.bvh", folder="cgspeed", drop_first=1, unit_m=SCALED_INCH_M),
    Conversion("*.bvh", folder="iclone", fps=60.0),
    Conversion("*.glb", folder="fbx-glb", own_rate=True),
    Conversion("*.bvh", folder="other-bvh", fps=60.0),
)
"""In order of preference. The cgspeed files begin with one T-pose frame, of the others most do."""


def find(folder: Path) -> list[RawClip]:
    """Every take: ``SS_TT.amc`` by its ``SS.asf``, ``{cgspeed,iclone,other}-bvh/SS_TT.bvh``, ``fbx-glb/SS_TT.glb``.

    A take published in several conversions is listed once, in the order of ``CONVERSIONS``.
    """
    words = _descriptions(folder)
    clips: dict[str, RawClip] = {}
    for conversion in CONVERSIONS:
        for file in sorted(folder.rglob(conversion.pattern)):
            match = TAKE.fullmatch(file.stem)
            if match and file.parent.name.startswith(conversion.folder) and file.stem not in clips:
                clips[file.stem] = _clip(file, conversion, match.group(1), words.get(file.stem, ""))
    return need(
        list(clips.values()), folder, "SS_TT.amc files with SS.asf beside them, or cgspeed-bvh and iclone-bvh folders"
    )


def _clip(file: Path, conversion: Conversion, subject: str, description: str) -> RawClip:
    skeleton = file.with_name(f"{subject}.asf")
    subject_rate = None if conversion.own_rate else SLOW_SUBJECTS.get(subject, FPS)
    actor, take = listed(subject, ACTORS), listed(file.stem, TAKES)
    return RawClip(
        id=f"cmu/{file.stem}",
        corpus="cmu",
        files=(file, skeleton) if skeleton.exists() else (file,),
        action=description,
        fps=conversion.fps or subject_rate,
        drop_first=conversion.drop_first,
        unit_m=conversion.unit_m,
        split=actor if actor != "train" else take,
        held_by="actor" if actor != "train" else "take",
    )


def _descriptions(folder: Path) -> dict[str, str]:
    """Take -> one-line description, from ``cmu-mocap-index.csv`` where it is there."""
    found: dict[str, str] = {}
    for file in sorted(folder.rglob("cmu-mocap-index.csv")):
        with file.open(encoding="utf-8", errors="replace", newline="") as lines:
            for row in csv.reader(lines):
                if len(row) >= 2 and TAKE.fullmatch(row[0].strip()):
                    found[row[0].strip()] = row[1].strip()
    return found


def load(clip: RawClip) -> Motion:
    """The take at its true rate, meters, without the T-pose that most conversions begin with."""
    motion = read_motion(clip.files[0]) if clip.unit_m is None else read_motion(clip.files[0], unit_m=clip.unit_m)
    if clip.fps is not None and motion.fps != clip.fps:
        motion = motion.replace(fps=clip.fps)
    first = clip.drop_first if clip.files[0].suffix == ".amc" else max(clip.drop_first, opening(motion))
    return motion.slice(first, len(motion)) if first else motion


def written_captions() -> dict[str, tuple[str, ...]]:
    """Take -> its captions, written by hand."""
    return {take: entry.captions for take, entry in take_captions().items()}


def captions(clip: RawClip, count: int, *, part: bool = False) -> ClipCaptions:
    """Sentences for the take, or for a window of it; hand-written ones come first where they hold for the window."""
    described = parse_description(clip.action, SUBJECTS.get(clip.take.split("_")[0], ""))
    known = take_captions().get(clip.take)
    own = known.captions if known is not None and (known.steady or not part) else ()
    drawn = sentences(described.phrases(part), clip.take, count)
    words = tuple(dict.fromkeys((*own, *drawn)))[:count]
    return ClipCaptions.of(words, steady=known.steady if known is not None else described.lasting)


def claims(action: str, take: str) -> tuple[Claim, ...]:
    """Measurable claims of the take's hand-written captions."""
    return claims_of_take(take)


def opening(motion: Motion) -> int:
    """How many frames at the beginning stand apart from what follows: a T-pose, and the leap that leaves it."""
    body = sorted(motion.skeleton.role_indices().values())
    if len(motion) < 4 * OPENING_FRAMES or not body:
        return 0
    seen = motion.slice(0, 4 * OPENING_FRAMES).positions()[:, body]
    speed = seen.diff(dim=0).norm(dim=-1).amax(-1) * motion.fps
    least = max(OPENING_SPEED, OPENING_TIMES * float(speed[OPENING_FRAMES:].median()))
    leaps = (speed[:OPENING_FRAMES] > least).nonzero().flatten()
    return int(leaps[-1]) + 1 if len(leaps) else 0
