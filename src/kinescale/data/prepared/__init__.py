"""Prepared data: corpora brought to one skeleton and frame rate, with captions, splits, hashes and licenses."""

from kinescale.data.prepared.clips import Clips, PreparedClip
from kinescale.data.prepared.parts import is_url
from kinescale.data.prepared.reader import Prepared, open_prepared
from kinescale.data.prepared.writer import GIVEN_STATISTICS, PreparedRow, share_of, split_of, write_part

__all__ = [
    "GIVEN_STATISTICS",
    "Clips",
    "Prepared",
    "PreparedClip",
    "PreparedRow",
    "is_url",
    "open_prepared",
    "share_of",
    "split_of",
    "write_part",
]
