"""Phrase book: sentences for the actions and styles of the Bandai-Namco datasets, and their mirror images."""

from kinescale.data.captions.phrase_book.action import ACTIONS, CORPUS_ACTIONS, MIRRORED, Action
from kinescale.data.captions.phrase_book.book import (
    SUBJECTS,
    actions,
    mirror_action,
    phrases,
    pick,
    sentences,
    styles,
)
from kinescale.data.captions.phrase_book.style import STYLES, Style
from kinescale.description.grammar import mirror_sentence

__all__ = [
    "ACTIONS",
    "CORPUS_ACTIONS",
    "MIRRORED",
    "STYLES",
    "SUBJECTS",
    "Action",
    "Style",
    "actions",
    "mirror_action",
    "mirror_sentence",
    "phrases",
    "pick",
    "sentences",
    "styles",
]
