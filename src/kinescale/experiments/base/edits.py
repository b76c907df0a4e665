"""Edits that are compared: which quarters of a clip are resampled, as in MoSa's evaluation (notes, section 5)."""

from __future__ import annotations

QUARTERS = {"in-between": ((1, 3),), "out-paint": ((0, 1), (3, 4)), "prefix": ((2, 4),), "suffix": ((0, 2),)}
"""Kind of edit -> quarters that are resampled, from and to."""

EDIT_COLUMNS = (
    "top1", "top2", "top3", "fid", "matching",
    *(f"{kind} {name}" for kind in QUARTERS for name in ("fid", "top3")),
)  # fmt: skip
