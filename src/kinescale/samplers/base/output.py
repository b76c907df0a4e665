"""What a sampler returns: tokens, the summed latent, and for bits their probabilities."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from kinescale.tokens.token_map import TokenMap


@dataclass(frozen=True, eq=False)
class SamplerOutput:
    """Sampled clips.

    Parameters
    ----------
    tokens : all scales that were sampled.
    latent : F, the sum of what all scales add [B, T', P, D].
    probabilities : per scale, P(bit = 1) [B, bins, groups, K]; empty for samplers of codes.
    chosen : per scale, the sampled bits, at padding too [B, bins, groups, K]; empty for samplers of codes.
    """

    tokens: TokenMap
    latent: Tensor
    probabilities: tuple[Tensor, ...] = ()
    chosen: tuple[Tensor, ...] = ()
