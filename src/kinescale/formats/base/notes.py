"""What a reader assumed or mended in a file, a sentence each, on the way from a format to ``read_motion``."""

from __future__ import annotations

from collections.abc import Iterable

from kinescale.motion.motion import Motion

NOTES = "reading_notes"
"""Entry of ``Motion.meta`` that keeps the notes: they travel with the clip."""
FRESH = "notes of this reading"
"""Entry under which a format's reader hands its notes on; never kept."""
MOST = 64
"""A file may give rise to so many notes; a longer list is cut."""


def with_notes(motion: Motion, notes: Iterable[str]) -> Motion:
    """The motion with notes handed on to ``read_motion``."""
    found = list(dict.fromkeys(notes))[:MOST]
    return motion.with_meta(**{FRESH: found}) if found else motion


def taken_out(motion: Motion) -> tuple[Motion, tuple[str, ...]]:
    """The motion without what only this reading said, and its notes."""
    if FRESH not in motion.meta:
        return motion, ()
    meta = dict(motion.meta)
    notes = meta.pop(FRESH)
    # a file's own meta may hold anything under this name
    sound = isinstance(notes, list) and all(isinstance(note, str) for note in notes)
    return motion.replace(meta=meta), tuple(notes) if sound else ()
