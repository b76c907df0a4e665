"""Sizes and rates of ScaleMoGen's generator.

ScaleMoGen (arXiv 2605.11704), section 3 of its method notes; the defaults are the published network.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from kinescale.core.records import Record

POOL_HEAD_SOURCE = 128
"""Text features a head of the text pooling, where that divides the width."""

HIDDEN_STEP = 256
"""The reference rounds the feed-forward layer's width to a multiple of this."""


class Config(Record):
    """Sizes and rates; ``vocabulary`` (bits), ``code_dim``, ``scales`` (latents a bin), ``bins``, ``groups``,
    ``capacity`` and ``parts`` are the tokenizer's.

    ``flips``: highest share of bits flipped in training; ``stochastic_depth``: branch drop rate of the last block;
    ``score_scale``: factor of the attention scores beside the learned sharpness (None: 1, in the faithful setting
    1 / sqrt(head width)).

    ``faithful``: as the reference - only the full layout is taken, positions of the coarsest scale after the first are
    empty and never attended, and what follows a clip takes part in training.
    """

    vocabulary: int = Field(default=24, ge=1, le=64)
    code_dim: int = Field(default=24, ge=1)
    scales: tuple[int, ...] = (49, 24, 24, 16, 7, 7, 4, 2, 2, 1, 1)
    bins: tuple[int, ...] = (1, 2, 2, 3, 7, 7, 12, 24, 24, 49, 49)
    groups: tuple[int, ...] = (1, 1, 2, 2, 2, 3, 3, 3, 5, 5, 7)
    capacity: int = Field(default=49, ge=1)
    parts: int = Field(default=7, ge=1)
    width: int = Field(default=768, ge=4)
    heads: int = Field(default=8, ge=1)
    layers: int = Field(default=12, ge=1)
    mlp_ratio: int = Field(default=4, ge=1)
    text_width: int = Field(default=2048, ge=1)
    text_tokens: int = Field(default=512, ge=1)
    flips: float = Field(default=0.3, ge=0.0, le=1.0)
    stochastic_depth: float = Field(default=0.1, ge=0.0, lt=1.0)
    text_dropout: float = Field(default=0.1, ge=0.0, le=1.0)
    score_scale: float | None = Field(default=None, gt=0.0)
    faithful: bool = False

    @property
    def pool_heads(self) -> int:
        """Heads of the text pooling: one for 128 text features, fewer where the width does not divide by that."""
        return next(h for h in range(max(1, self.text_width // POOL_HEAD_SOURCE), 0, -1) if self.width % h == 0)

    @property
    def hidden(self) -> int:
        """Width of the feed-forward layer."""
        plain = self.mlp_ratio * self.width
        return round(plain / HIDDEN_STEP) * HIDDEN_STEP or plain if self.faithful else plain

    @property
    def starts(self) -> int:
        """Learned rows of the coarsest scale."""
        return 1 if self.faithful else self.bins[0] * self.groups[0]

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if not self.bins or not len(self.bins) == len(self.groups) == len(self.scales):
            raise ValueError(f"{len(self.scales)} scales, {len(self.bins)} bins, {len(self.groups)} groups differ")
        if min(*self.bins, *self.groups) < 1 or max(self.bins) > self.capacity or max(self.groups) > self.parts:
            raise ValueError(
                f"bins are {self.bins} and groups {self.groups}; expected 1 to {self.capacity} and 1 to {self.parts}"
            )
        if self.width % self.heads or (self.width // self.heads) % 4:
            raise ValueError(f"width {self.width} over {self.heads} heads; expected a multiple of 4 a head")
        return self
