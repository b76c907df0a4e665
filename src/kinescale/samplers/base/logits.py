"""Logits to codes: classifier-free guidance, temperature, top-k, top-p (nucleus), sampling by given uniform numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

OUT = float("-inf")


def apply_cfg(
    cond: Float[Tensor, "*b V"], uncond: Float[Tensor, "*b V"], guidance_scale: float
) -> Float[Tensor, "*b V"]:
    """Classifier-free guidance on logits: ``uncond + s (cond - uncond)`` (Ho & Salimans 2022); s = 1 is no guidance."""
    return guidance_scale * cond - (guidance_scale - 1.0) * uncond


def keep_top_k(logits: Float[Tensor, "*b V"], k: int) -> Float[Tensor, "*b V"]:
    """Top-k filter: all but the ``k`` best at -inf; 0 keeps all."""
    if not 0 < k < logits.shape[-1]:
        return logits
    least = logits.topk(k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < least, OUT)


def keep_nucleus(logits: Float[Tensor, "*b V"], share: float) -> Float[Tensor, "*b V"]:
    """Top-p filter: codes at -inf whose cumulative probability, best first and themselves included, exceeds ``share``.

    The code that crosses the share is dropped too (MoScale's rule; Holtzman et al. 2020 keep it); the best is always
    kept. 0 keeps all.
    """
    if not 0.0 < share < 1.0:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    drop = ordered.softmax(-1).cumsum(-1) > share
    drop[..., 0] = False
    return logits.masked_fill(torch.zeros_like(drop).scatter(-1, order, drop), OUT)


def filtered_probabilities(
    logits: Float[Tensor, "*b V"], temperature: float = 1.0, top_p: float = 0.0, top_k: int = 0
) -> Float[Tensor, "*b V"]:
    """Sampling probabilities: logits over temperature, top-k, top-p, then softmax."""
    return keep_nucleus(keep_top_k(logits / temperature, top_k), top_p).softmax(-1)


def keep_share(logits: Float[Tensor, "*b V"], dropped: float) -> Float[Tensor, "*b V"]:
    """All but the best ``int(V * (1 - dropped))`` codes at -inf, at least one; codes as good as the last stay (MoSa).

    In floating point, so that an exact fifth of the codes comes out one short, as with the published sampler.
    """
    return keep_top_k(logits, max(1, int(logits.shape[-1] * (1.0 - dropped))))


def keep_crossing_nucleus(logits: Float[Tensor, "*b V"], share: float) -> Float[Tensor, "*b V"]:
    """The worst codes at -inf while their probabilities add up to at most ``1 - share``; 0 keeps all.

    The code that crosses the share stays (Holtzman et al. 2020; MoSa).
    """
    if not 0.0 < share < 1.0:
        return logits
    ordered, order = logits.sort(dim=-1, stable=True)
    drop = ordered.softmax(-1).cumsum(-1) <= 1.0 - share
    drop[..., -1] = False
    return logits.masked_fill(torch.zeros_like(drop).scatter(-1, order, drop), OUT)


def uniform_numbers(wanted: Bool[Tensor, "B *p"], rngs: Sequence[torch.Generator]) -> Float[Tensor, "B *p"]:
    """A number from [0, 1) for each wanted position; a clip takes as many as it has such positions, whatever padding
    its batch has."""
    numbers = torch.zeros(wanted.shape)
    for clip, places, rng in zip(numbers, wanted.cpu(), rngs, strict=True):
        clip[places] = torch.rand(int(places.sum()), generator=rng)
    return numbers.to(wanted.device)


def draw(probabilities: Float[Tensor, "*b V"], uniform: Float[Tensor, "*b"]) -> Int[Tensor, "*b"]:
    """Inverse transform sampling: the code in whose interval of the cumulative probabilities each number falls."""
    cumulative = probabilities.cumsum(-1)
    index = (cumulative <= uniform.unsqueeze(-1) * cumulative[..., -1:]).sum(-1)
    # Rounding can push a number next to 1 onto the total itself, past the last code that has any probability.
    return torch.where(index < probabilities.shape[-1], index, probabilities.argmax(-1))
