"""clip: token features of a CLIP text tower, for users who have its weights (ViT-B/32 by default).

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from kinescale.core.errors import BundleError
from kinescale.core.records import Record
from kinescale.text import base
from kinescale.text.base.chunks import encode_each
from kinescale.text.base.transformers_encoder import digest, load_pretrained, pad_tokens
from kinescale.tokens.text_features import TextFeatures


class Config(Record):
    """``model``: a local folder or a hub name. ``offline``: never download.

    ``pooled``: one token a sentence, CLIP's own pooled and projected embedding (what MoMask reads), instead of the
    words' features; ``masked`` off: every sentence is ``max_tokens`` long, filled up with id 0 that counts as words do
    (what MoSa reads).
    """

    model: str = "openai/clip-vit-base-patch32"
    max_tokens: int = Field(default=77, ge=2, le=512)
    offline: bool = True
    pooled: bool = False
    masked: bool = True


class TextEncoder(base.TextEncoder):
    """Last hidden state (after the final norm), or the pooled sentence, float32, on the CPU."""

    config: Config

    def __init__(self, config: Config):
        self.config = config
        kind = "CLIPTextModelWithProjection" if config.pooled else "CLIPTextModel"
        self._model, self._tokenizer = load_pretrained(kind, config.model, offline=config.offline)
        self.width = int(self._model.config.projection_dim if config.pooled else self._model.config.hidden_size)
        places = int(self._model.config.max_position_embeddings)
        if config.max_tokens > places:
            raise BundleError(f"'{config.model}' takes at most {places} tokens; max_tokens is {config.max_tokens}.")
        self.max_tokens = 1 if config.pooled else config.max_tokens

    def weights_digest(self) -> str:
        return digest(self._model)

    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        return self._encode(sentences)

    def encode_together(self, sentences: Sequence[str]) -> TextFeatures:
        return self._encode(sentences, together=True)

    def _encode(self, sentences: Sequence[str], together: bool = False) -> TextFeatures:
        return encode_each(
            sentences,
            self._tokens,
            self._pooled if self.config.pooled else self._words,
            together=together,
        )

    def _tokens(self, batch: list[str]) -> tuple[Int[Tensor, "B N"], Int[Tensor, "B N"]]:
        ids, mask = pad_tokens(self._tokenizer, batch, self.config.max_tokens)
        if self.config.masked:
            return ids, mask
        # the tower that MoSa was trained with fills up with zeros; this library's tokenizer repeats the end mark
        return ids.masked_fill(mask == 0, 0), torch.ones_like(mask)

    def _words(self, ids: Int[Tensor, "B N"], mask: Int[Tensor, "B N"]) -> Float[Tensor, "B N W"]:
        return self._model(input_ids=ids, attention_mask=mask).last_hidden_state

    def _pooled(self, ids: Int[Tensor, "B N"], mask: Int[Tensor, "B N"]) -> Float[Tensor, "B 1 W"]:
        return self._model(input_ids=ids, attention_mask=mask).text_embeds[:, None]
