"""The blocks of MSQ's generator: attention among tokens (all of them, or streams and times in turn), text, MLP.

Section 4 of the method notes (a reconstruction): sizes as MoMask++, pre-norm; attention in turn as MoGenTS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinescale.nn.cross_attention import CrossAttention
from kinescale.nn.dropout import Dropout, attend_dropped
from kinescale.tokens.layout import TokenLayout


@dataclass(frozen=True, eq=False)
class AttentionSets:
    """Which flattened positions attend each other; made once for all blocks and passes.

    ``sets``: index tensors [sets, members], each row a set that attends itself; () for all positions together.
    ``allowed``: one mask [N, 1, 1, members] a tensor of sets (or one for all positions), None where all are filled.
    """

    sets: tuple[Tensor, ...]
    allowed: tuple[Tensor | None, ...]

    @staticmethod
    def of(valid: Bool[Tensor, "B L"], sets: tuple[Tensor, ...] = ()) -> AttentionSets:
        """Of clips whose filled positions are ``valid``."""
        rows = [valid[:, members].flatten(0, 1) for members in sets] if sets else [valid]
        return AttentionSets(sets, tuple(_allowed(row) for row in rows))


def _allowed(valid: Bool[Tensor, "N M"]) -> Bool[Tensor, "N 1 1 M"] | None:
    if bool(valid.all()):
        return None
    # A set without any filled position attends itself, so that no row is left without a key.
    return (valid | ~valid.any(1, keepdim=True))[:, None, None, :]


def axial_sets(layout: TokenLayout) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The sets of the two turns: all streams at one place of equally long bins; all places of one stream."""
    columns: dict[float, list[Tensor]] = {}
    streams: dict[int, list[Tensor]] = {}
    for scale, start in zip(layout.scales, layout.starts, strict=False):
        place = torch.arange(start, start + scale.size).view(scale.bins, scale.groups)
        length = scale.factor or layout.capacity / scale.bins
        columns.setdefault(length, []).append(place)
        streams.setdefault(scale.groups, []).append(place)
    return (
        tuple(torch.cat(parts, 1) for parts in columns.values()),
        tuple(torch.cat(parts, 0).T for parts in streams.values()),
    )


class Attention(nn.Module):
    """Plain multi-head self-attention inside given sets of positions."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "B L C"], sets_of_axes: AttentionSets) -> Float[Tensor, "B L C"]:
        """Mixed rows."""
        projected = self.project(x)
        if not sets_of_axes.sets:
            return self.out(self._mix(projected, sets_of_axes.allowed[0]))
        # Every position is in exactly one set of a turn.
        mixed = []
        for members, allowed in zip(sets_of_axes.sets, sets_of_axes.allowed, strict=True):
            inside = projected[:, members].flatten(0, 1)
            mixed.append(self._mix(inside, allowed).unflatten(0, (len(x), -1)))
        order = torch.cat([members.flatten() for members in sets_of_axes.sets]).argsort()
        return self.out(torch.cat([part.flatten(1, 2) for part in mixed], 1)[:, order])

    def _mix(self, projected: Float[Tensor, "N M C3"], allowed: Bool[Tensor, "N 1 1 M"] | None) -> Tensor:
        query, key, value = projected.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        rate = self.rate if self.training else 0.0
        mixed = attend_dropped(query, key, value, allowed, rate)
        return mixed.transpose(1, 2).flatten(2)


class Block(nn.Module):
    """Pre-norm: attention (or its two turns), cross-attention to the words, MLP."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, in_turns: bool):
        super().__init__()
        count = 2 if in_turns else 1
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(count))
        self.attentions = nn.ModuleList(Attention(width, heads, dropout) for _ in range(count))
        self.text_norm = nn.LayerNorm(width)
        self.text = CrossAttention(width, width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), Dropout(dropout), nn.Linear(hidden, width))
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "B L C"],
        sets_of_axes: Sequence[AttentionSets],
        keys_values: tuple[Tensor, Tensor],
        mask: Bool[Tensor, "B N"],
    ) -> Float[Tensor, "B L C"]:
        """Rows after the block; ``sets_of_axes`` has one entry an attention."""
        for norm, attention, way in zip(self.norms, self.attentions, sets_of_axes, strict=True):
            x = x + self.dropout(attention(norm(x), way))
        x = x + self.dropout(self.text(self.text_norm(x), keys_values, mask))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


def time_code(places: Float[Tensor, "L"], width: int) -> Float[Tensor, "L C"]:
    """Sinusoids of a time in latents (Vaswani et al. 2017): bins of all scales on one axis."""
    rates = torch.exp(torch.arange(0, width, 2, device=places.device) * (-math.log(10_000.0) / width))
    angles = places[:, None] * rates[None]
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :width]
