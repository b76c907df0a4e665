"""Errors of damaged motion data, as errors of the file that holds it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from kinescale.core.errors import FormatError, MotionError, SkeletonError


@contextlib.contextmanager
def damage_as_format_error(path: str | Path) -> Iterator[None]:
    """Raise ``FormatError`` for ``path`` where the numbers read from it make no skeleton or no motion."""
    try:
        yield
    except (SkeletonError, MotionError) as problem:
        raise FormatError(f"the motion in it is not sound: {problem}", path=Path(path)) from None
