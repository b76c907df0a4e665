"""Skeleton definitions as data: joint names, parents, rest offsets, T-pose and roles; one file per skeleton."""

from kinescale.core.family import Family
from kinescale.skeletons.base import EndSite, Skeleton

FAMILY = Family(__name__, "skeleton")


def get(name: str) -> Skeleton:
    """Skeleton by name; ``UnknownNameError`` lists the known ones.

    Example
    -------
    >>> get("humanml22")
    Skeleton(humanml22, 22 joints, 22 roles)
    """
    return FAMILY.get(name, "SKELETON")


__all__ = ["FAMILY", "EndSite", "Skeleton", "get"]
