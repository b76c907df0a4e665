"""Skeletons as data: names, parents, rest offsets, T-pose and roles; one file per skeleton."""

from kinescale.core.family import Family
from kinescale.skeletons.base import EndSite, Skeleton

FAMILY = Family(__name__, "skeleton")


def get(name: str) -> Skeleton:
    """The named skeleton, e.g. ``get("humanml22")``."""
    return FAMILY.get(name, "SKELETON")


__all__ = ["FAMILY", "EndSite", "Skeleton", "get"]
