"""Prepared data: corpora brought to one skeleton and frame rate, with captions, splits, hashes and licenses."""

from kinescale.data.prepared.reader import Prepared, PreparedClip, open_prepared
from kinescale.data.prepared.writer import GIVEN_STATISTICS, PreparedRow, share_of, split_of, write_part

__all__ = [
    "GIVEN_STATISTICS",
    "Prepared",
    "PreparedClip",
    "PreparedRow",
    "open_prepared",
    "share_of",
    "split_of",
    "write_part",
]
