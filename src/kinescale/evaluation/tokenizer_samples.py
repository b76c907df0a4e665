"""Sample of recordings for the tokenizer: at most so many per class, cut to a bounded length."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kinescale.core.errors import DataError
from kinescale.data.prepared import Prepared, PreparedClip
from kinescale.motion import Motion

LONGEST_S = 16.0
"""Longest part of a recording, from its middle."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A recording with its label; ``cut``: whether it is only the middle of a longer one."""

    id: str
    corpus: str
    action: str
    motion: Motion
    cut: bool = False

    @property
    def label(self) -> str:
        """ "corpus/action"."""
        return f"{self.corpus}/{self.action}"


def samples(
    prepared: Prepared,
    splits: Sequence[str] = ("val", "test"),
    per_class: int = 6,
    *,
    accept: Callable[[PreparedClip], bool] = lambda clip: True,
) -> list[Sample]:
    """At most ``per_class`` recordings of each class of the splits, picked by a hash of their ids: always the same.

    ``accept``: which clips may be taken. ``DataError`` when there is none.
    """
    classes: dict[str, list[int]] = defaultdict(list)
    for row, clip in enumerate(prepared.clips):
        if clip.split in splits and accept(clip):
            classes[f"{clip.corpus}/{clip.action}"].append(row)
    if not classes:
        raise DataError(f"the data has no clip in the splits {', '.join(splits)}; choose others or prepare more.")
    found = []
    for label in sorted(classes):
        rows = sorted(classes[label], key=lambda row: hashlib.sha256(prepared.clips[row].id.encode()).digest())
        for row in rows[:per_class]:
            clip, motion = prepared.clips[row], prepared.motion(row)
            most = round(LONGEST_S * motion.fps)
            cut = len(motion) > most
            if cut:
                start = (len(motion) - most) // 2
                motion = motion.slice(start, start + most)
            found.append(Sample(clip.id, clip.corpus, clip.action, motion, cut))
    return found
