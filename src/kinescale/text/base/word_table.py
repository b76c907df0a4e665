"""WordVectors: words with parts of speech to vectors, from the published table ``our_vab_*`` in a user's folder.

``our_vab_words.pkl`` lists the words, ``our_vab_idx.pkl`` numbers them, ``our_vab_data.npy`` has a row of GloVe
(Pennington et al. 2014) a number. Which parts of speech there are, in the order of the one-hot, and which words have a
class of their own stands in ``our_vab_tags.json`` of the same folder, a file to write from the table's publication::

    {"tags": ["VERB", "NOUN", ..., "OTHER"], "special": {"Body_VIP": ["arm", "leg"], ...}}

A tagged sentence is that of the data sets' text files: ``a/DET man/NOUN kick/VERB``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from kinescale.core.errors import BundleError, InputError, KinescaleError
from kinescale.core.records import Record, read_json
from kinescale.io.safe_npy import Expected, read_npy
from kinescale.text.base.plain_pickle import read_plain
from kinescale.tokens.text_features import TextFeatures

VOCABULARY = "our_vab"
BEGIN, END, UNKNOWN, OTHER = "sos", "eos", "unk", "OTHER"
MAX_WORDS = 20
"""Longer sentences are cut there, before the two end tokens are put on."""


class Tags(Record):
    """Parts of speech in the order of the one-hot; ``special``: class -> words that have it whatever their tag."""

    MAX_PARSED_ITEMS: ClassVar[int] = 200_000

    tags: list[str] = Field(min_length=1, max_length=256)
    special: dict[str, list[str]] = Field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class WordVectors:
    """``rows`` [V, W] float32; ``index``: word -> row; ``tags`` and the class of ``special`` words."""

    rows: np.ndarray
    index: Mapping[str, int]
    tags: Tags

    @property
    def width(self) -> int:
        """Of a token: the word's vector and the one-hot."""
        return self.rows.shape[1] + len(self.tags.tags)

    @staticmethod
    def open(folder: str | Path, prefix: str = VOCABULARY) -> WordVectors:
        """The table of a folder; ``BundleError`` when a file is missing, damaged or does not fit the others."""
        folder = Path(folder)
        names = {part: folder / f"{prefix}_{part}" for part in ("words.pkl", "idx.pkl", "data.npy", "tags.json")}
        missing = [path.name for path in names.values() if not path.is_file()]
        if missing:
            raise BundleError(f"{folder} lacks {', '.join(missing)}; name the folder of the published word table.")
        try:
            rows = read_npy(names["data.npy"], Expected("f4 f8", (2,), lenient=True)).astype(np.float32)
            tags = Tags.parse(read_json(names["tags.json"], error=BundleError), where=names["tags.json"].name)
        except KinescaleError as problem:
            raise BundleError(str(problem)) from None
        index = _index(names["words.pkl"], names["idx.pkl"], len(rows))
        if UNKNOWN not in index or not np.isfinite(rows).all():
            raise BundleError(f"{folder}: the word table lacks '{UNKNOWN}' or holds numbers that are not finite.")
        unknown = sorted({OTHER, *tags.special} - set(tags.tags))
        if unknown:
            raise BundleError(f"{names['tags.json']}: the tag '{unknown[0]}' is not among 'tags'; add it.")
        return WordVectors(rows, index, tags)

    def encode(self, sentences: Sequence[str], *, max_words: int = MAX_WORDS) -> TextFeatures:
        """Tagged sentences, each between a begin and an end token; a word that is not held counts as unknown.

        Raises ``InputError`` for a sentence without words.
        """
        if not sentences:
            raise InputError("there is no sentence to encode; give at least one.")
        lines = [self._tokens(sentence, max_words) for sentence in sentences]
        longest = max(len(line) for line in lines)
        tokens = torch.zeros(len(lines), longest, self.width)
        mask = torch.zeros(len(lines), longest, dtype=torch.bool)
        for row, line in enumerate(lines):
            for place, (word, tag) in enumerate(line):
                tokens[row, place] = torch.from_numpy(self.vector(word, tag))
            mask[row, : len(line)] = True
        return TextFeatures(tokens, mask)

    def vector(self, word: str, tag: str) -> np.ndarray:
        """float32: the word's row and the one-hot of its class; an unknown word is of class OTHER."""
        tags = self.tags.tags
        if word not in self.index:
            word, tag = UNKNOWN, OTHER
        else:
            tag = next((kind for kind, words in self.tags.special.items() if word in words), tag)
        hot = np.zeros(len(tags), dtype=np.float32)
        hot[tags.index(tag if tag in tags else OTHER)] = 1.0
        return np.concatenate([self.rows[self.index[word]], hot])

    @staticmethod
    def _tokens(sentence: str, max_words: int) -> list[tuple[str, str]]:
        words = [item.rpartition("/") for item in sentence.split()]
        if not words:
            raise InputError("a sentence has no words; expected tagged ones such as 'a/DET man/NOUN kick/VERB'.")
        pairs = [(word, tag) if slash else (tag, OTHER) for word, slash, tag in words]
        return [(BEGIN, OTHER), *pairs[:max_words], (END, OTHER)]


def _index(words_file: Path, numbers_file: Path, rows: int) -> dict[str, int]:
    words, numbers = read_plain(words_file), read_plain(numbers_file)
    if not isinstance(words, list) or not isinstance(numbers, dict):
        raise BundleError(f"{words_file.name} and {numbers_file.name} should hold a list and a dictionary.")
    index: dict[str, int] = {}
    for word in words:
        number: Any = numbers.get(word) if isinstance(word, str) else None
        if not isinstance(number, int) or not 0 <= number < rows:
            raise BundleError(f"{numbers_file}: no row of the {rows} for the word {str(word)[:40]!r}.")
        index[word] = number
    return index
