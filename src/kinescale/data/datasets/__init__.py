"""Datasets: where the clips, labels and licenses of a corpus lie in its published layout; one file a corpus."""

from kinescale.core.family import Family
from kinescale.data.datasets.base import License, RawClip

FAMILY = Family(__name__, "dataset")

__all__ = ["FAMILY", "License", "RawClip"]
