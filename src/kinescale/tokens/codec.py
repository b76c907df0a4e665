"""Codec: tokens to latents and back, scale by scale; and the view of a codec of codes as one of bits.

A tokenizer has a codec; generators and samplers see only that. In the bit view index i of V codes is written as its
ceil(log2 V) binary digits, the highest first (plain binary: a Gray code would make neighboring indices alike, but
neighboring indices of a codebook mean nothing). All scales have as many bits as the largest codebook needs; a scale
with fewer codes has zeros in front. Not every word of bits is an index: digits above a scale's own are dropped, and of
an index that is still too large the highest digit is dropped, which leaves one below V, spread over the lower codes
rather than heaped on the last one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import ConfigError, InputError
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import PADDING, TokenMap


class Codec(ABC):
    """Tokens to latents, scale by scale. Latent grids are [B, T', P, D]; F is their running sum.

    Attributes
    ----------
    token_kind : "codes" (an index per position) or "bits" (K bits per position).
    vocabularies : V (codes) or K (bits) of each scale.
    latent_parts, latent_width : P and D.
    full_layout : the pyramid of the longest clip.
    """

    token_kind: str
    vocabularies: tuple[int, ...]
    latent_parts: int
    latent_width: int
    full_layout: TokenLayout

    @property
    def vocabulary(self) -> int:
        """The largest of ``vocabularies``."""
        return max(self.vocabularies)

    def layout(self, frames: int | None = None) -> TokenLayout:
        """The pyramid that holds clips of at most ``frames`` frames (``None``: the longest)."""
        return self.full_layout if frames is None else self.full_layout.for_frames(frames)

    @abstractmethod
    def empty(self, layout: TokenLayout, batch: int) -> Float[Tensor, "B T P D"]:
        """F before any scale: zeros."""

    @abstractmethod
    def contribution(
        self, tokens: Int[Tensor, "B bins groups ..."], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What one scale's tokens add to F."""

    @abstractmethod
    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latent_lengths: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups D"]:
        """F so far at the resolution of ``scale``: input of a generator that predicts this scale.

        ``latent_lengths``: latents per clip, for codecs whose last bins may be filled in part (None: all).
        """

    @abstractmethod
    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups ..."]:
        """Tokens of one scale from the residual of the coarser ones (``PADDING`` at positions not filled)."""

    def latent_sum(self, tokens: TokenMap) -> Float[Tensor, "B T P D"]:
        """F: the sum of what all scales of the tokens (or the first k that they hold) add."""
        running = self.empty(tokens.layout, len(tokens.latent_lengths))
        for scale, row in enumerate(tokens.scales):
            running = running + self.contribution(row, scale, tokens.layout)
        return running

    def view(self, kind: str) -> Codec:
        """This codec for a generator of tokens of ``kind``: itself, or its codes as bits.

        Raises ``ConfigError`` for bits that should be codes.
        """
        if kind == self.token_kind:
            return self
        if kind == "bits" and self.token_kind == "codes":
            return BitView(self)
        raise ConfigError(
            f"the generator predicts {kind}, but the tokenizer makes tokens of {self.vocabulary} bits, which no "
            "codebook numbers; take a tokenizer of codes, or a tokenizer and a generator of one token kind."
        )

    def to_native(self, tokens: TokenMap) -> TokenMap:
        """Tokens of this view as the tokenizer's own."""
        return tokens

    def from_native(self, tokens: TokenMap) -> TokenMap:
        """The tokenizer's own tokens as this view's."""
        return tokens


class BitView(Codec):
    """A codec of bits around a codec of codes; latents, layouts and sums are those of the inner one.

    ``codes``: V of each scale, 2 or more (None: those of ``codec``).
    """

    token_kind = "bits"

    def __init__(self, codec: Codec, codes: Sequence[int] | None = None):
        self.codec = codec
        self.codes = tuple(codec.vocabularies if codes is None else codes)
        if not self.codes or min(self.codes) < 2:
            raise InputError(f"vocabularies are {self.codes}; expected 2 codes or more per scale.")
        self.vocabularies = (bits_for(max(self.codes)),) * len(self.codes)
        self.latent_parts, self.latent_width = codec.latent_parts, codec.latent_width
        self.full_layout = codec.full_layout

    def to_bits(self, codes: Int[Tensor, "*b"]) -> Int[Tensor, "*b K"]:
        """Digits of indices, the highest first; ``PADDING`` in all of them where the index is."""
        shifts = torch.arange(self.vocabulary - 1, -1, -1, device=codes.device)
        digits = (codes.unsqueeze(-1) >> shifts) & 1
        return digits.masked_fill((codes == PADDING).unsqueeze(-1), PADDING)

    def from_bits(self, bits: Int[Tensor, "*b K"], scale: int) -> Int[Tensor, "*b"]:
        """Indices of one scale's codes from any bits; ``PADDING`` where the first bit is."""
        if bits.shape[-1] != self.vocabulary:
            raise InputError(f"{bits.shape[-1]} bits per token; this view of codes has {self.vocabulary}.")
        size = self.codes[scale]
        own = bits_for(size)
        shifts = torch.arange(own - 1, -1, -1, device=bits.device)
        index = (bits[..., self.vocabulary - own :].clamp(min=0) << shifts).sum(-1)
        index = torch.where(index >= size, index - (1 << (own - 1)), index)
        return torch.where(bits[..., 0] == PADDING, PADDING, index)

    def to_native(self, tokens: TokenMap) -> TokenMap:
        """A map of bits as the inner codec's map of codes."""
        return tokens.with_scales(tuple(self.from_bits(row, scale) for scale, row in enumerate(tokens.scales)))

    def from_native(self, tokens: TokenMap) -> TokenMap:
        """The inner codec's map of codes as bits."""
        return tokens.with_scales(tuple(self.to_bits(row) for row in tokens.scales))

    def empty(self, layout: TokenLayout, batch: int) -> Float[Tensor, "B T P D"]:
        """The inner codec's."""
        return self.codec.empty(layout, batch)

    def contribution(
        self, tokens: Int[Tensor, "B bins groups K"], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What the codes of one scale's bits add to F."""
        return self.codec.contribution(self.from_bits(tokens, scale), scale, layout)

    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latent_lengths: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups D"]:
        """The inner codec's."""
        return self.codec.scale_input(running, scale, layout, latent_lengths)

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups K"]:
        """Bits of the inner codec's codes."""
        return self.to_bits(self.codec.quantize_scale(residual, scale, layout, latent_lengths))


def bits_for(codes: int) -> int:
    """Binary digits of the indices of so many codes."""
    return max(1, (codes - 1).bit_length())
