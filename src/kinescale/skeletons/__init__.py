"""Skeletons as data: names, parents, rest offsets, T-pose and roles; one file a skeleton."""

from kinescale.core.family import Family
from kinescale.skeletons._override import Override, override, read_override
from kinescale.skeletons._recognise import Reading, examine, posed, recognise, rest_up, stature
from kinescale.skeletons.base import EndSite, Skeleton

FAMILY = Family(__name__, "skeleton")


def get(name: str) -> Skeleton:
    """The named skeleton, e.g. ``get("humanml22")``."""
    return FAMILY.get(name, "SKELETON")


__all__ = [
    "FAMILY",
    "EndSite",
    "Override",
    "Reading",
    "Skeleton",
    "examine",
    "get",
    "override",
    "posed",
    "read_override",
    "recognise",
    "rest_up",
    "stature",
]
