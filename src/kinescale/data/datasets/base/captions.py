"""Captions of a labeled clip, as a dataset's ``captions`` function returns them."""

from __future__ import annotations

from collections.abc import Sequence

from kinescale.core.records import Record
from kinescale.description.grammar import mirror_sentence
from kinescale.description.phrase_sentences import sentences


class ClipCaptions(Record):
    """Captions of one clip.

    Parameters
    ----------
    captions : sentences that describe the clip.
    mirrored : sentences that describe its mirror image.
    steady : any crop of a few seconds is described by them too (walking, dancing throughout); else only the whole clip.
    amounts : number of captions, at the end of both lists, that state measurements of the whole clip.
    """

    captions: tuple[str, ...]
    mirrored: tuple[str, ...]
    steady: bool
    amounts: int = 0

    @classmethod
    def of(cls, captions: Sequence[str], steady: bool) -> ClipCaptions:
        """Captions whose mirror image exchanges the words for left and right."""
        return cls(captions=tuple(captions), mirrored=tuple(map(mirror_sentence, captions)), steady=steady)


def captions_of_phrases(phrases: Sequence[str], steady: bool, key: str, count: int) -> ClipCaptions:
    """Up to ``count`` sentences made of marked phrases, drawn by ``key``."""
    return ClipCaptions.of(sentences(phrases, key, count), steady)
