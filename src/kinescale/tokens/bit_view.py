"""Codes seen as bits: a code tokenizer under a generator of bits.

Index i of V codes is shown as its ceil(log2 V) binary digits, the highest first (plain binary: a Gray code would make
neighboring indices alike, but neighboring indices of a codebook mean nothing). As many bits at every scale as the
largest book needs; a scale with fewer codes has zeros in front. Not every word of bits is an index: digits above a
scale's own are dropped, and of an index that is still too large the highest digit is dropped, which leaves one below V,
spread over the lower codes rather than heaped on the last one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import PADDING, TokenMap


class BitView:
    """A codec of bits around a codec of codes; latents, layouts and sums are those of the inner one.

    Parameters
    ----------
    codec : the codec of codes.
    vocabularies : V of each scale, 2 or more.
    """

    token_kind = "bits"

    def __init__(self, codec: Codec, vocabularies: Sequence[int]):
        if not vocabularies or min(vocabularies) < 2:
            raise InputError(f"vocabularies are {tuple(vocabularies)}; expected 2 codes or more a scale.")
        self.codec = codec
        self.sizes = tuple(vocabularies)
        self.vocabulary = bits_for(max(self.sizes))
        self.vocabularies = (self.vocabulary,) * len(self.sizes)

    def bits(self, codes: Int[Tensor, "*b"]) -> Int[Tensor, "*b K"]:
        """Digits of indices, the highest first; ``PADDING`` in all of them where the index is."""
        shifts = torch.arange(self.vocabulary - 1, -1, -1, device=codes.device)
        digits = (codes.clamp(min=0).unsqueeze(-1) >> shifts) & 1
        return torch.where(codes.unsqueeze(-1) == PADDING, PADDING, digits)

    def codes(self, bits: Int[Tensor, "*b K"], scale: int) -> Int[Tensor, "*b"]:
        """Indices of one scale, always below its V; ``PADDING`` where the first bit is."""
        if bits.shape[-1] != self.vocabulary:
            raise InputError(f"{bits.shape[-1]} bits a token; this view of codes has {self.vocabulary}.")
        size = self.sizes[scale]
        own = bits_for(size)
        shifts = torch.arange(own - 1, -1, -1, device=bits.device)
        index = (bits[..., self.vocabulary - own :].clamp(min=0) << shifts).sum(-1)
        index = torch.where(index >= size, index - (1 << (own - 1)), index)
        return torch.where(bits[..., 0] == PADDING, PADDING, index)

    def plain(self, tokens: TokenMap) -> TokenMap:
        """A map of bits as the inner codec's map of codes."""
        rows = tuple(self.codes(row, scale) for scale, row in enumerate(tokens.scales))
        return TokenMap(tokens.layout, tokens.latents, rows)

    def seen(self, tokens: TokenMap) -> TokenMap:
        """The inner codec's map of codes as bits."""
        return TokenMap(tokens.layout, tokens.latents, tuple(self.bits(row) for row in tokens.scales))

    def layout(self, frames: int | None = None) -> TokenLayout:
        """The inner codec's."""
        return self.codec.layout(frames)

    def empty(self, layout: TokenLayout, batch: int) -> Float[Tensor, "B T P D"]:
        """The inner codec's."""
        return self.codec.empty(layout, batch)

    def contribution(
        self, tokens: Int[Tensor, "B bins groups K"], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What the codes of one scale's bits add to F."""
        return self.codec.contribution(self.codes(tokens, scale), scale, layout)

    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latents: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups D"]:
        """The inner codec's."""
        return self.codec.scale_input(running, scale, layout, latents)

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups K"]:
        """Bits of the inner codec's codes."""
        return self.bits(self.codec.quantize_scale(residual, scale, layout, latents))


def bits_for(codes: int) -> int:
    """Binary digits of the indices of so many codes."""
    return max(1, (codes - 1).bit_length())
