"""The contract of a corpus's captions: ``describe(action, style, take, count) -> ClipCaptions``, one file a corpus."""

from __future__ import annotations

from kinescale.core.records import Record


class ClipCaptions(Record):
    """What is said of one clip.

    ``captions`` describe it, ``mirrored`` describe its mirror image; ``steady`` tells that any crop of a few seconds is
    described by them too (walking, dancing throughout), else only the whole clip is.
    """

    captions: tuple[str, ...]
    mirrored: tuple[str, ...]
    steady: bool
