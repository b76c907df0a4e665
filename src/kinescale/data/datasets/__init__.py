"""Datasets: layout, license, clips, captions and claims of each corpus; one module or package per corpus."""

from __future__ import annotations

from kinescale.core.family import Family
from kinescale.data.datasets.base import License, RawClip
from kinescale.data.datasets.base.captions import ClipCaptions
from kinescale.description.claims import Claim

FAMILY = Family(__name__, "dataset")


def is_labeled(corpus: str) -> bool:
    """Whether the corpus makes its captions from labels (it offers ``captions``), instead of publishing sentences."""
    return hasattr(FAMILY.load(corpus), "captions")


def label_claims(corpus: str, action: str, take: str) -> tuple[Claim, ...]:
    """Measurable claims that a clip's label makes; none for a corpus that is unknown or offers none."""
    if corpus not in FAMILY.names():
        return ()
    claims = getattr(FAMILY.load(corpus), "claims", None)
    return () if claims is None else claims(action, take)


__all__ = ["FAMILY", "ClipCaptions", "License", "RawClip", "is_labeled", "label_claims"]
