"""Unique joint names for formats that require them."""

from __future__ import annotations

from collections.abc import Iterable


def unique_names(names: Iterable[str]) -> list[str]:
    """The names in order; repeated ones get ``_2``, ``_3`` ... appended.

    Example
    -------
    >>> unique_names(["hip", "knee", "hip"])
    ['hip', 'knee', 'hip_2']
    """
    unique: list[str] = []
    taken: set[str] = set()
    for stem in names:
        name, count = stem, 1
        while name in taken:
            count += 1
            name = f"{stem}_{count}"
        taken.add(name)
        unique.append(name)
    return unique
