"""cmu: the CMU Graphics Lab motion capture, as ASF/AMC per subject and in two BVH conversions.

Traps: subjects 60 and 61 were recorded at 60 fps although their files say 120; the cgspeed BVH begins with a T-pose.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from kinescale.datasets.base import Licence, RawClip, need
from kinescale.formats import read_motion
from kinescale.motion import Motion

LICENCE = Licence(
    name="CMU free for all uses (no resale as data)",
    url="http://mocap.cs.cmu.edu",
    attribution="The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217.",
    commercial_use=True,
)

TAKE = re.compile(r"(\d+)_(\d+)")
FPS = 120.0
SLOW_SUBJECTS = {"60": 60.0, "61": 60.0}
"""Subjects recorded at another rate than their files say."""


@dataclass(frozen=True)
class Conversion:
    """One way the takes are published: files of a pattern, in a folder whose name begins with ``folder``."""

    pattern: str
    folder: str = ""
    fps: float | None = None
    drop_first: int = 0


CONVERSIONS = (
    Conversion("*.amc"),
    Conversion("*.bvh", folder="cgspeed", drop_first=1),
    Conversion("*.bvh", folder="iclone", fps=60.0),
)
"""In order of preference; ``fps`` None is the subject's. The cgspeed files begin with one T-pose frame."""


def find(folder: Path) -> list[RawClip]:
    """Every take: ``SS_TT.amc`` by its ``SS.asf``, ``cgspeed-bvh/SS_TT.bvh``, ``iclone-bvh/SS_TT.bvh``.

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
    return RawClip(
        id=f"cmu/{file.stem}",
        corpus="cmu",
        files=(file, skeleton) if skeleton.exists() else (file,),
        action=description,
        fps=conversion.fps or SLOW_SUBJECTS.get(subject, FPS),
        drop_first=conversion.drop_first,
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
    """The take at its true rate, metres, without the T-pose frame some conversions begin with."""
    motion = read_motion(clip.files[0])
    if clip.fps is not None and motion.fps != clip.fps:
        motion = motion.replace(fps=clip.fps)
    return motion.slice(clip.drop_first, len(motion)) if clip.drop_first else motion
