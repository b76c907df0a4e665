"""minilm: all-MiniLM-L6-v2 token features, 384 wide; its weights come with the package, so it works offline.

Wang et al. 2020, "MiniLM"; Reimers and Gurevych 2019, "Sentence-BERT". The weights lie in ``weights/`` (Apache-2.0,
float16, see the README there); their SHA-256 is checked once per process, when they are first read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor

from kinescale.core.errors import BundleError
from kinescale.core.records import Record
from kinescale.text import base
from kinescale.text.base.chunks import encode_each
from kinescale.text.minilm.bert import BertEncoder
from kinescale.tokens.text_features import TextFeatures

FOLDER = Path(__file__).parent / "weights"
WIDTH = 384
LAYERS = 6
DIGESTS = {
    "model.safetensors": "4abc5c9e93dbb508f90a609972d1fa725e86cb9cd7590fa1d000585ad4ea8a85",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""SHA-256 of the two files: other weights would give other features under the same name."""


class Config(Record):
    """``max_tokens``: longer sentences are cut there (the two end tokens included)."""

    max_tokens: int = Field(default=32, ge=4, le=512)


class TextEncoder(base.TextEncoder):
    """Last hidden state of the six-layer encoder, float32, on the CPU."""

    width = WIDTH

    def __init__(self, config: Config):
        from tokenizers import Tokenizer

        self.config = config
        self.max_tokens = config.max_tokens
        self._model = _model(FOLDER)
        # parsed again for every encoder: truncation and padding are state of the tokenizer itself
        self._tokenizer = Tokenizer.from_str(_checked(FOLDER, "tokenizer.json").decode())
        self._tokenizer.enable_truncation(max_length=config.max_tokens)
        self._tokenizer.enable_padding(length=config.max_tokens)

    def weights_digest(self) -> str:
        return DIGESTS["model.safetensors"]

    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        return encode_each(sentences, self._tokenize, self._model)

    def encode_together(self, sentences: Sequence[str]) -> TextFeatures:
        return encode_each(sentences, self._tokenize, self._model, together=True)

    def exported(self) -> base.ExportedEncoder:
        return base.ExportedEncoder(self._model, _checked(FOLDER, "tokenizer.json"))

    def _tokenize(self, sentences: list[str]) -> tuple[Tensor, Tensor]:
        rows = self._tokenizer.encode_batch(sentences)
        return torch.tensor([row.ids for row in rows]), torch.tensor([row.attention_mask for row in rows])


def _checked(folder: Path, name: str) -> bytes:
    """The bytes of one file of the weights; ``BundleError`` when they are absent or not the pinned ones."""
    try:
        data = (folder / name).read_bytes()
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise BundleError(f"the MiniLM file {folder / name} cannot be read ({reason}); reinstall kinescale.") from None
    found = hashlib.sha256(data).hexdigest()
    if found != DIGESTS[name]:
        raise BundleError(
            f"the MiniLM file {folder / name} has SHA-256 {found[:12]}..., expected {DIGESTS[name][:12]}...; "
            "reinstall kinescale."
        )
    return data


@lru_cache(maxsize=1)
def _model(folder: Path) -> BertEncoder:
    from safetensors.torch import load

    return BertEncoder(load(_checked(folder, "model.safetensors")), LAYERS)
