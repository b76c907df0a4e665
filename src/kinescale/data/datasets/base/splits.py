"""Which clips are kept from training, by name alone: a clip never moves when others come or go.

Three things can be held out: a pair of action and style whose action and style stay in training, an actor, a take.
All windows of a take, and its mirror image, are in one split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

Split = Literal["train", "val", "test"]
HeldBy = Literal["", "pair", "actor", "take"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")
VAL_SHARE = 0.05
TEST_SHARE = 0.05


def share_of(name: str) -> float:
    """A number from 0 up to 1 that belongs to the name, by its hash."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32


def split_of(take_id: str, val: float = VAL_SHARE, test: float = TEST_SHARE) -> Split:
    """ "train", "val" or "test", from a hash of the id; ``val`` and ``test`` are the shares held out."""
    share = share_of(take_id)
    if share < val:
        return "val"
    return "test" if share < val + test else "train"


def listed(name: str, table: Mapping[Split, frozenset[str]]) -> Split:
    """The split whose list names it, else "train"."""
    found: list[Split] = [split for split in SPLITS if name in table.get(split, ())]
    return found[0] if found else "train"
