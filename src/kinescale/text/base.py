"""The text encoder contract. A variant's file offers ``Config`` (a Record) and ``TextEncoder(config)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.tokens.text_features import TextFeatures

MAX_PROMPT_CHARACTERS = 2000


class TextEncoder(ABC):
    """Declares only. ``width`` is W; ``max_tokens`` is N at most; ``config`` names what weights are used."""

    config: Record
    width: int
    max_tokens: int

    @abstractmethod
    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        """float32 features on the CPU, padded to ``max_tokens``; the same sentence gives the same numbers alone or
        in a batch. Raises ``InputError`` for an empty or over-long sentence."""


def check_prompt(sentence: str) -> str:
    """The sentence with white space folded; ``InputError`` when nothing is left or it is far too long."""
    folded = " ".join(str(sentence).split())
    if not any(c.isalnum() for c in folded):
        raise InputError(f"the prompt is {sentence!r}; expected a sentence such as 'a person walks forward'.")
    if len(folded) > MAX_PROMPT_CHARACTERS:
        raise InputError(
            f"the prompt has {len(folded)} characters; at most {MAX_PROMPT_CHARACTERS} are taken."
        )
    return folded
