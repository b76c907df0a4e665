"""clip: token features of a CLIP text tower, for users who have its weights (ViT-B/32 by default).

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision".
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from kinescale.core.errors import BundleError
from kinescale.core.records import Record
from kinescale.text import base
from kinescale.text._transformers import encode_in_chunks, load_pretrained, pad_tokens
from kinescale.tokens.text_features import TextFeatures


class Config(Record):
    """``model``: a local folder or a hub name. ``offline``: never download."""

    model: str = "openai/clip-vit-base-patch32"
    max_tokens: int = Field(77, ge=2, le=512)
    offline: bool = True


class TextEncoder(base.TextEncoder):
    """Last hidden state (after the final norm), float32, on the CPU."""

    def __init__(self, config: Config):
        self.config = config
        self._model, self._tokenizer = load_pretrained("CLIPTextModel", config.model, offline=config.offline)
        self.width = int(self._model.config.hidden_size)
        places = int(self._model.config.max_position_embeddings)
        if config.max_tokens > places:
            raise BundleError(f"'{config.model}' takes at most {places} tokens; max_tokens is {config.max_tokens}.")
        self.max_tokens = config.max_tokens

    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        return encode_in_chunks(
            sentences,
            lambda batch: pad_tokens(self._tokenizer, batch, self.max_tokens),
            lambda ids, mask: self._model(input_ids=ids, attention_mask=mask).last_hidden_state,
        )
