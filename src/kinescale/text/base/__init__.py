"""The text encoder contract. A variant's file offers ``Config`` (a Record) and ``TextEncoder(config)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from kinescale.core.prompts import check_prompt
from kinescale.core.records import Record
from kinescale.text.base.exported import ExportedEncoder
from kinescale.tokens.text_features import TextFeatures

__all__ = ["ExportedEncoder", "TextEncoder", "check_prompt"]


class TextEncoder(ABC):
    """Declares only. ``width`` is W; ``max_tokens`` is N at most; ``config`` names what weights are used.

    ``tagged``: sentences are words with parts of speech (``a/DET man/NOUN``), as some data sets have them; without tags
    they are read, too.
    """

    tagged: bool = False

    config: Record
    width: int
    max_tokens: int

    def weights_digest(self) -> str:
        """SHA-256 of the weights, as hexadecimal; empty where there are none.

        Two encoders of one config and one digest give the same features.
        """
        return ""

    @abstractmethod
    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        """float32 features on the CPU, padded to ``max_tokens``; zeros at masked places.

        The same sentence gives the same numbers alone or in a batch. Raises ``InputError`` for an empty or
        over-long sentence.
        """

    def exported(self) -> ExportedEncoder | None:
        """The network and the tokenizer, for export to other runtimes; ``None`` where there is no network to export."""
        return None

    def encode_together(self, sentences: Sequence[str]) -> TextFeatures:
        """As ``encode``, up to rounding and in less time: sentences may share passes of the network."""
        return self.encode(sentences)
