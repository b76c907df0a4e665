"""Codebook use: token metrics of each scale, for recordings and for generated motions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kinescale import metrics
from kinescale.bundle.bundle import Bundle
from kinescale.evaluation.record import CodeRow
from kinescale.tokens import TokenMap


def usage(bundle: Bundle, source: str, maps: Sequence[TokenMap]) -> list[CodeRow]:
    """Use of each scale's codes; for bits, the mean over the bits of a codebook of two."""
    bits = bundle.tokenizer.codec.token_kind == "bits"
    found = []
    for scale, size in enumerate(bundle.tokenizer.codec.vocabularies):
        ids = [_valid(tokens, scale) for tokens in maps]
        whole = torch.cat([one for one in ids if len(one)] or ids[:1])
        if not whole.numel():
            continue
        columns = list(whole.unbind(-1)) if bits else [whole]
        uses = [_used(column, 2 if bits else size) for column in columns]
        means = {name: sum(use[name] for use in uses) / len(uses) for name in uses[0]}
        known = {name: means.pop(name) for name in ("used", "perplexity")}
        found.append(
            CodeRow.parse(
                {
                    "source": source,
                    "scale": scale + 1,
                    "codes": 2 if bits else size,
                    "tokens": int((columns[0] >= 0).sum()),
                    "bits": size if bits else 0,
                    **known,
                    "more": means,
                }
            )
        )
    return found


def _used(ids: Tensor, codes: int) -> dict[str, float]:
    """Column -> number of every metric of token indices."""
    found = {}
    for name, metric in metrics.with_input("tokens").items():
        found |= {column: one.value for column, one in metrics.values_of(name, metric.measure(ids, codes)).items()}
    return found


def _valid(tokens: TokenMap, scale: int) -> Tensor:
    """The tokens of the filled positions, [n] or [n, K]."""
    return tokens.scales[scale][tokens.valid(scale)].cpu()
