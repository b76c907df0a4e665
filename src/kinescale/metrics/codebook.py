"""codebook: how many of a tokenizer's codes are used, and how evenly (perplexity).

van den Oord et al. 2017 (VQ-VAE), as printed since: perplexity is two to the entropy in bits of the codes' shares,
from 1 (one code) to V (all alike).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Column, Indices, Input

INPUT: Input = "tokens"
TITLE = "codebook use"
UNIT = ""
BETTER: Better = "higher"
COLUMNS = {"used": Column("used", UNIT, BETTER), "perplexity": Column("perplexity", UNIT, BETTER)}


@dataclass(frozen=True)
class CodebookUse:
    """``used``: share of the V codes met at least once; ``perplexity``: 1 to V; ``tokens``: how many were counted."""

    used: float
    perplexity: float
    tokens: int


def codebook_use(ids: Indices, codes: int) -> CodebookUse:
    """Of whole-number tokens of any shape; negative ones are padding. ``InputError`` for one of ``codes`` or more."""
    values = torch.as_tensor(ids).flatten().long()
    values = values[values >= 0]
    if values.numel() == 0 or codes < 1:
        raise InputError(f"{values.numel()} tokens of {codes} codes; give at least one of each.")
    if int(values.max()) >= codes:
        raise InputError(f"a token {int(values.max())}; expected 0 to {codes - 1}, or negative for padding.")
    counts = torch.bincount(values, minlength=codes).double()
    shares = counts / counts.sum()
    entropy = -(shares * shares.clamp(min=1e-300).log()).sum()
    return CodebookUse(float((counts > 0).double().mean()), float(entropy.exp()), int(values.numel()))


def measure(ids: Indices, codes: int) -> dict[str, float]:
    """Share of the codes used, and perplexity."""
    use = codebook_use(ids, codes)
    return {"used": use.used, "perplexity": use.perplexity}
