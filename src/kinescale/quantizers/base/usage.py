"""How evenly tokens are used: perplexity and share of codes used, entropy of bits."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.nn.global_batch import mean, total


def perplexity(tokens: Int[Tensor, "N"], vocabulary: int) -> Float[Tensor, ""]:
    """exp of the entropy of the codes' use: 1 (one code) to ``vocabulary`` (all used alike)."""
    share = total(torch.bincount(tokens, minlength=vocabulary)).to(torch.float32)
    share = share / share.sum().clamp(min=1.0)
    return torch.exp(-(share * torch.log(share + 1e-7)).sum())


def usage(tokens: Int[Tensor, "N"], vocabulary: int) -> Float[Tensor, ""]:
    """Share of the codes that were used at all, 0 to 1."""
    return (total(torch.bincount(tokens, minlength=vocabulary)) > 0).to(torch.float32).mean()


def bit_entropy(chance: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """Entropy in nats of bits that are 1 with that probability."""
    other = 1.0 - chance
    return -(chance * torch.log(chance + 1e-8) + other * torch.log(other + 1e-8))


def balance(bits: Int[Tensor, "N K"]) -> Float[Tensor, ""]:
    """Mean entropy of a channel's bit over all tokens, in bits: 1 where every channel has as many zeros as ones."""
    return bit_entropy(mean(bits.float(), 0)).mean() / math.log(2.0)
