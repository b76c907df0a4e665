"""t5: token features of a T5 encoder, for users who have its weights (MoScale used google/t5-v1_1-base).

Raffel et al. 2020, "Exploring the Limits of Transfer Learning". At most 20 tokens by default, as in MoScale.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from kinescale.core.records import Record
from kinescale.text import base
from kinescale.text.base.chunks import encode_each
from kinescale.text.base.transformers_encoder import digest, load_pretrained, pad_tokens
from kinescale.tokens.text_features import TextFeatures


class Config(Record):
    """``model``: a local folder or a hub name. ``offline``: never download."""

    model: str = "google/t5-v1_1-base"
    max_tokens: int = Field(default=20, ge=2, le=512)
    offline: bool = True


class TextEncoder(base.TextEncoder):
    """Last hidden state of the encoder, float32, on the CPU."""

    def __init__(self, config: Config):
        self.config = config
        self.max_tokens = config.max_tokens
        self._model, self._tokenizer = load_pretrained("T5EncoderModel", config.model, offline=config.offline)
        self.width = int(self._model.config.d_model)

    def weights_digest(self) -> str:
        return digest(self._model)

    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        return self._encode(sentences)

    def encode_together(self, sentences: Sequence[str]) -> TextFeatures:
        return self._encode(sentences, together=True)

    def _encode(self, sentences: Sequence[str], together: bool = False) -> TextFeatures:
        return encode_each(
            sentences,
            lambda batch: pad_tokens(self._tokenizer, batch, self.max_tokens),
            lambda ids, mask: self._model(input_ids=ids, attention_mask=mask).last_hidden_state,
            together=together,
        )
