"""hashed: a fixed pseudo-random vector for each word; no weights, for tests and debug recipes.

Feature hashing of words (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning"), one
token a word. It knows nothing of meaning: two words are as far apart as any other two.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import torch
from pydantic import Field

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.text import base
from kinescale.tokens.text_features import TextFeatures

_WORD = re.compile(r"\w+")


class Config(Record):
    """``width``: W. ``max_tokens``: words past it are dropped."""

    width: int = Field(default=64, ge=1, le=4096)
    max_tokens: int = Field(default=32, ge=1, le=512)


class TextEncoder(base.TextEncoder):
    """Words in lower case, each as a vector of zero mean and unit variance that depends on the word alone."""

    def __init__(self, config: Config):
        self.config = config
        self.width = config.width
        self.max_tokens = config.max_tokens

    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        if not sentences:
            raise InputError("there is no sentence to encode; give at least one.")
        tokens = torch.zeros(len(sentences), self.max_tokens, self.width)
        mask = torch.zeros(len(sentences), self.max_tokens, dtype=torch.bool)
        for row, sentence in enumerate(sentences):
            words = _WORD.findall(base.check_prompt(sentence).lower())[: self.max_tokens]
            for place, word in enumerate(words):
                tokens[row, place] = torch.from_numpy(word_vector(word, self.width))
            mask[row, : len(words)] = True
        return TextFeatures(tokens, mask)


def word_vector(word: str, width: int) -> np.ndarray:
    """float32 [width], uniform in +-sqrt(3), from SHA-256 alone, so the same everywhere and for ever."""
    blocks = (2 * width + 31) // 32
    data = b"".join(hashlib.sha256(f"{word}/{block}".encode()).digest() for block in range(blocks))
    whole = np.frombuffer(data, dtype="<u2")[:width].astype(np.float64)
    return ((whole / 65535.0 * 2 - 1) * 3**0.5).astype(np.float32)
