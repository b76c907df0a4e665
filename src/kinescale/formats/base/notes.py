"""Reading notes: what was assumed or mended in a file, a sentence each, passed from a format to ``read_motion``."""

from __future__ import annotations

from collections.abc import Iterable

from kinescale.motion.motion import Motion

NOTES = "reading_notes"
"""Entry of ``Motion.meta`` that keeps the notes: they travel with the clip."""
FRESH = "notes of this reading"
"""Entry under which a format's ``read`` returns its notes; ``read_motion`` removes it."""
MOST = 64
"""Longest list of notes on one file; further ones are dropped."""


def with_notes(motion: Motion, notes: Iterable[str]) -> Motion:
    """The motion with the notes of its reading, for ``read_motion``."""
    found = list(dict.fromkeys(notes))[:MOST]
    return motion.with_meta(**{FRESH: found}) if found else motion


def pop_notes(motion: Motion) -> tuple[Motion, tuple[str, ...]]:
    """The motion without the notes of its reading, and those notes."""
    if FRESH not in motion.meta:
        return motion, ()
    meta = dict(motion.meta)
    notes = meta.pop(FRESH)
    # a file's own meta may hold anything under this name
    valid = isinstance(notes, list) and all(isinstance(note, str) for note in notes)
    return motion.replace(meta=meta), tuple(notes) if valid else ()
