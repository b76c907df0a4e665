"""BERT-style token masking for training: the visible tokens, and which positions are scored.

Chang et al. 2022 (MaskGIT), cosine schedule; MoScale (arXiv 2604.03799), temporal refinement; MoMask (arXiv
2312.00063).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from kinescale.nn import global_batch
from kinescale.tokens.token_map import MASKED, PADDING


@dataclass(frozen=True, eq=False)
class Masking:
    """Rates of ``mask_tokens``; ``codes`` [L]: how many each position chooses from, where that is not always
    ``vocabulary``; ``padding_too``: padding is counted and masked too, like in the reference (a short
    clip then has fewer positions masked than its share)."""

    vocabulary: int
    masked_share: float = 0.8
    random_share: float = 0.1
    token_noise: float = 0.1
    padding_too: bool = False
    codes: Tensor | None = None


def mask_tokens(
    labels: Int[Tensor, "B L"],
    valid: Bool[Tensor, "B L"],
    rates: Masking,
    rng: torch.Generator,
    allowed: Bool[Tensor, "B L"] | None = None,
) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B L"]]:
    """The visible token stream (codes, ``MASKED``, ``PADDING``), and which positions are scored.

    A share cos(pi u / 2), u uniform, of each clip's positions (of the ``allowed`` ones, where given) is scored, at
    least one; most of them are hidden, some show a random code, some their own. Positions that are not hidden show a
    random code with a small probability.
    """
    batch, length = labels.shape
    device = labels.device

    def uniform(*shape: int) -> Tensor:
        return global_batch.rand(shape, rng).to(device)

    scores = uniform(batch, length)
    if rates.padding_too:
        among = torch.full((batch,), length, device=device)
    else:
        open_to = valid if allowed is None else valid & allowed
        among = open_to.sum(1)
        scores = scores.masked_fill(~open_to, 2.0)
    wanted = (among * torch.cos(math.pi / 2 * uniform(batch))).round().clamp(min=1)
    chosen = (scores.argsort(1).argsort(1) < wanted[:, None]) & valid
    kind = uniform(batch, length)
    hidden = chosen & (kind < rates.masked_share)
    replaced = chosen & (kind >= rates.masked_share) & (kind < rates.masked_share + rates.random_share)
    noise = float(torch.rand((), generator=rng)) * rates.token_noise
    replaced = replaced | (valid & ~hidden & (uniform(batch, length) < noise))
    drawn = global_batch.randint(0, rates.vocabulary, (batch, length), rng).to(device)
    if rates.codes is not None:
        drawn = torch.div(drawn * rates.codes.to(device), rates.vocabulary, rounding_mode="floor")
    shown = torch.where(replaced, drawn, labels).masked_fill(hidden, MASKED).masked_fill(~valid, PADDING)
    return shown, chosen
