"""Adaptive layer-norm transformer block (DiT, adaLN): self-attention, cross-attention to text, feed-forward.

Peebles & Xie 2023 (DiT, adaLN) in the form of VAR and MoScale: six vectors per block (two
gates, two scales, two shifts).
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.cross_attention import CrossAttention
from kinescale.nn.drop_path import drop_path
from kinescale.nn.dropout import Dropout
from kinescale.nn.self_attention import Past, SelfAttention

EPS = 1e-6


def modulated(
    x: Float[Tensor, "B L C"], scale: Float[Tensor, "B 1 C"], shift: Float[Tensor, "B 1 C"]
) -> Float[Tensor, "B L C"]:
    """Layer norm without parameters, then ``* (1 + scale) + shift``."""
    return functional.layer_norm(x, x.shape[-1:], eps=EPS) * (1.0 + scale) + shift


class Modulation(nn.Module):
    """SiLU and a linear map of the condition vector to ``parts`` vectors of ``width``."""

    def __init__(self, source: int, width: int, parts: int):
        super().__init__()
        self.parts = parts
        self.linear = nn.Linear(source, parts * width)

    def forward(self, condition: Float[Tensor, "B W"]) -> tuple[Tensor, ...]:
        """``parts`` tensors [B, 1, C]."""
        return self.linear(functional.silu(condition)).unsqueeze(1).chunk(self.parts, dim=-1)


class AdaptiveBlock(nn.Module):
    """One block. Text attention is always on and not gated.

    Parameters
    ----------
    width, heads : of the rows; ``source`` is the width of condition and text.
    ratio : hidden width of the feed-forward layer over ``width``.
    dropout : after each of the three branches; ``drop_rate``: of whole branches (self-attention, feed-forward).
    """

    def __init__(
        self, width: int, heads: int, source: int, ratio: int, dropout: float, drop_rate: float, round_bf16: bool
    ):
        super().__init__()
        self.drop_rate = drop_rate
        self.modulation = Modulation(source, width, 6)
        self.attention = SelfAttention(width, heads, dropout)
        self.text_norm = nn.LayerNorm(width, eps=EPS)
        self.text = CrossAttention(width, source, heads, dropout, round_bf16)
        self.grow = nn.Linear(width, ratio * width)
        self.shrink = nn.Linear(ratio * width, width)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "B L C"],
        modulation: tuple[Tensor, ...],
        keys_values: tuple[Tensor, Tensor],
        mask: Bool[Tensor, "B N"] | None,
        rotary_phases: Float[Tensor, "2 L pairs"],
        allowed: Bool[Tensor, "... L K"] | None = None,
        past: Past | None = None,
    ) -> tuple[Float[Tensor, "B L C"], Past]:
        """Rows after the block, and the self-attention's keys and values with these rows appended.

        ``modulation`` comes from ``modulation``, ``keys_values`` from ``text.keys_values``: both the same for all rows.
        """
        gate1, gate2, scale1, scale2, shift1, shift2 = modulation
        mixed, grown = self.attention(modulated(x, scale1, shift1), rotary_phases, allowed, past)
        x = x + drop_path(gate1 * mixed, self.drop_rate, self.training)
        x = x + self.text(self.text_norm(x), keys_values, mask)
        hidden = functional.gelu(self.grow(modulated(x, scale2, shift2)), approximate="tanh")
        return x + drop_path(gate2 * self.dropout(self.shrink(hidden)), self.drop_rate, self.training), grown
