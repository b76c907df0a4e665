"""TokenMap: the tokens of a batch of clips, one tensor a scale."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.core.renamed import warn_renamed
from kinescale.tokens.layout import TokenLayout

PADDING = -1
"""Index at positions a clip does not fill."""

MASKED = -2
"""Index that a generator's input holds where a code is yet to be predicted; never in a finished map."""


@dataclass(frozen=True, eq=False)
class TokenMap:
    """Tokens per scale and where they are valid.

    Parameters
    ----------
    layout : the pyramid they belong to.
    latent_lengths : [B] whole latent steps of each clip.
    scales : one int64 tensor a scale, [B, bins, groups] of code indices (``PADDING`` where invalid), or
        [B, bins, groups, K] of bits.  A prefix of the layout's scales is allowed: the first k of them.
    """

    layout: TokenLayout
    latent_lengths: Int[Tensor, "B"]
    scales: tuple[Int[Tensor, "B ..."], ...]

    def __post_init__(self) -> None:
        if len(self.scales) > len(self.layout.scales):
            raise InputError(f"{len(self.scales)} token maps for a layout of {len(self.layout.scales)} scales.")
        for k, (tokens, spec) in enumerate(zip(self.scales, self.layout.scales, strict=False)):
            if tuple(tokens.shape[1:3]) != (spec.bins, spec.groups):
                raise InputError(f"scale {k}: tokens {tuple(tokens.shape)}; expected [B, {spec.bins}, {spec.groups}].")

    @property
    def latents(self) -> Int[Tensor, "B"]:
        """Former name of ``latent_lengths``, for one release."""
        warn_renamed("TokenMap.latents is now latent_lengths; the former name goes with the next release.")
        return self.latent_lengths

    def valid(self, scale: int) -> Bool[Tensor, "B bins groups"]:
        """Which positions of a scale are filled."""
        return self.layout.valid(self.latent_lengths, scale)

    def first(self, count: int) -> TokenMap:
        """The coarsest ``count`` scales."""
        if not 1 <= count <= len(self.scales):
            raise InputError(f"the first {count} scales of {len(self.scales)}; expected 1 to {len(self.scales)}.")
        return TokenMap(self.layout, self.latent_lengths, self.scales[:count])

    def with_scales(self, scales: tuple[Int[Tensor, "B ..."], ...]) -> TokenMap:
        """The same clips with other tokens."""
        return TokenMap(self.layout, self.latent_lengths, scales)

    def flatten(self) -> Int[Tensor, "B L ..."]:
        """All scales in one row a clip, scales in order, time-major inside a scale."""
        return torch.cat([tokens.flatten(1, 2) for tokens in self.scales], dim=1)

    @classmethod
    def unflatten(cls, layout: TokenLayout, latents: Tensor, flat: Tensor) -> TokenMap:
        """The inverse of ``flatten``."""
        parts = flat.split([scale.size for scale in layout.scales], dim=1)
        shaped = tuple(
            part.unflatten(1, (scale.bins, scale.groups)) for part, scale in zip(parts, layout.scales, strict=True)
        )
        return cls(layout, latents, shaped)
