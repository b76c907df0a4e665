"""word_vectors: GloVe vectors with parts of speech from the field's published table, for Guo et al.'s evaluator.

Pennington et al. 2014 (GloVe); the table is that of Guo et al. 2022. Sentences are those of the data sets' caption
files, words with their parts of speech: ``a/DET man/NOUN kick/VERB``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field

from kinescale.core.records import Record
from kinescale.text import base
from kinescale.text.base.word_table import MAX_WORDS, VOCABULARY, WordVectors
from kinescale.tokens.text_features import TextFeatures

END_TOKENS = 2


class Config(Record):
    """``folder``: where the four files of the table lie (``text.base.word_table``), whose names begin with ``prefix``;
    longer sentences are cut to ``max_words``, between a begin and an end token.
    """

    folder: str
    prefix: str = Field(default=VOCABULARY, pattern=r"^\w{1,64}$")
    max_words: int = Field(default=MAX_WORDS, ge=1, le=512)


class TextEncoder(base.TextEncoder):
    """A vector and a one-hot part of speech for each word; nothing is learned here."""

    tagged = True

    def __init__(self, config: Config):
        self.config = config
        self._words = config.max_words
        self.max_tokens = config.max_words + END_TOKENS
        self._table = WordVectors.open(config.folder, config.prefix)
        self.width = self._table.width

    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        short = self._table.encode(sentences, max_words=self._words)
        tokens = torch.zeros(len(sentences), self.max_tokens, self.width)
        mask = torch.zeros(len(sentences), self.max_tokens, dtype=torch.bool)
        tokens[:, : short.tokens.shape[1]], mask[:, : short.mask.shape[1]] = short.tokens, short.mask
        return TextFeatures(tokens, mask)
