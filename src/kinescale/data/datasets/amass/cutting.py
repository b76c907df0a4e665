"""HumanML3D's published cutting list: which frames of which AMASS (or HumanAct12) file are which clip.

``index.csv`` has the columns source_path, start_frame, end_frame and new_name; frames count at 20 per second, after the
seconds that are left out at the beginning of some subsets (Guo et al. 2022). SMPL-X releases of AMASS name subsets and
files otherwise; both are found.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from kinescale.core.errors import DataError
from kinescale.core.files import read_text_bounded

FPS = 20.0
"""Frames a second of the list, and of the clips."""
INDEX = "index.csv"
COLUMNS = ("source_path", "start_frame", "end_frame", "new_name")
MAX_BYTES, MAX_ROWS, MAX_LETTERS = 32 << 20, 200_000, 400

RENAMED = {
    "BioMotionLab_NTroje": "BMLrub",
    "MPI_HDM05": "HDM05",
    "TCD_handMocap": "TCDHands",
    "Transitions_mocap": "Transitions",
    "DFaust_67": "DFaust",
    "MPI_Limits": "PosePrior",
    "SSM_synced": "SSM",
    "MPI_mosh": "MoSh",
}
"""Subset's folder in the SMPL-H release -> in the SMPL-X release."""
LEAD_S = {
    "Eyes_Japan_Dataset": 3.0, "MPI_HDM05": 3.0, "TotalCapture": 1.0, "MPI_Limits": 1.0, "Transitions_mocap": 0.5,
}  # fmt: skip
"""Seconds at the beginning of a subset's files that HumanML3D leaves out: people taking their T-pose."""
ENDINGS = ("_poses", "_stageii")
ACT12 = "humanact12"


@dataclass(frozen=True)
class Cut:
    """One clip of the list: ``start`` to ``stop`` in frames of 20 a second, ``lead_s`` left out before they count."""

    name: str
    source: str
    start: int
    stop: int
    lead_s: float

    @property
    def of_act12(self) -> bool:
        """Whether the source is HumanAct12's joint positions."""
        return ACT12 in self.source

    def seconds(self) -> tuple[float, float]:
        """From where to where in the file."""
        return self.lead_s + self.start / FPS, self.lead_s + self.stop / FPS


def read_index(path: Path) -> list[Cut]:
    """The cuts of an ``index.csv``; ``DataError`` for another layout, or a name that leads out of the folder."""
    text = read_text_bounded(path, MAX_BYTES, error=DataError)
    rows = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise DataError(f"{path}: lacks the column '{missing[0]}'; expected HumanML3D's index.csv.")
    cuts = []
    for number, row in enumerate(rows, start=2):
        if number > MAX_ROWS:
            raise DataError(f"{path}: more than {MAX_ROWS} lines; expected HumanML3D's index.csv.")
        try:
            cuts.append(_cut(row))
        except (TypeError, ValueError):
            raise DataError(f"{path}, line {number}: expected a file, two frames and a name.") from None
    return cuts


def _cut(row: dict[str, str]) -> Cut:
    source = row["source_path"].strip().removeprefix("./").removeprefix("pose_data/")
    name = row["new_name"].strip().removesuffix(".npy")
    first, last = (float(row[column]) for column in ("start_frame", "end_frame"))
    safe = name.isalnum() and ".." not in Path(source).parts and not Path(source).is_absolute()
    if not safe or len(source) > MAX_LETTERS or not math.isfinite(first) or not math.isfinite(last) or first < 0:
        raise ValueError
    lead = next((seconds for subset, seconds in LEAD_S.items() if subset in source), 0.0)
    return Cut(name, source, int(first), int(last), 0.0 if ACT12 in source else lead)


def find_source(root: Path, source: str) -> Path | None:
    """The file of a source path below ``root``, in either release of AMASS; ``None`` where there is none."""
    path = Path(source)
    if ACT12 in source:
        names = [path, Path(*path.parts[1:]), Path(ACT12) / path.name]
        return next((root / name for name in names if name.parts and (root / name).is_file()), None)
    stem = path.with_suffix("")
    plain = next((stem.name.removesuffix(end) for end in ENDINGS if stem.name.endswith(end)), stem.name)
    first, *inner = stem.parts[:-1] or ("",)
    for subset in dict.fromkeys((first, RENAMED.get(first, first))):
        for ending in (*ENDINGS, ""):
            for name in dict.fromkeys((plain, plain.replace(" ", "_"))):
                folder = Path(subset, *inner)
                for place in dict.fromkeys((folder, Path(str(folder).replace(" ", "_")))):
                    file = root / place / f"{name}{ending}.npz"
                    if file.is_file():
                        return file
    return None
