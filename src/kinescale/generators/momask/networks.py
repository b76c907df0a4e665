"""Two networks of MoMask's generator: masked transformer and residual transformer.

Guo et al. 2024 (MoMask, arXiv 2312.00063), sections 3.2 and 3.3; the third, the length estimator, is
``generators.base.length``.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn import global_batch
from kinescale.nn.dropout import Dropout, attend_dropped
from kinescale.nn.sinusoids import sinusoids
from kinescale.tokens.token_map import MASKED, PADDING


class EncoderLayer(nn.TransformerEncoderLayer):
    """``torch``'s layer, whose dropout is that of the whole batch where several processes share one."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float, **settings: Any):
        super().__init__(width, heads, feed_forward, dropout, **settings)
        self.dropout, self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout), Dropout(dropout)

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        if not global_batch.parted():
            return super()._sa_block(x, attn_mask, key_padding_mask, is_causal)
        own = self.self_attn
        projected = functional.linear(x, own.in_proj_weight, own.in_proj_bias)
        query, key, value = projected.unflatten(-1, (3, own.num_heads, -1)).permute(2, 0, 3, 1, 4)
        # forward has made numbers of the mask: 0, or minus infinity where a position is not attended
        added = attn_mask if key_padding_mask is None else key_padding_mask[:, None, None]
        mixed = attend_dropped(query, key, value, added, own.dropout if self.training else 0.0)
        # time first in memory, as torch's own attention leaves it: dropout masks are drawn in that order
        return self.dropout1(own.out_proj(mixed.permute(2, 0, 1, 3).flatten(2)).transpose(0, 1))


class Trunk(nn.Module):
    """Condition tokens, then the positions, through post-norm encoder layers; the positions come out."""

    def __init__(self, code_dim: int, width: int, heads: int, feed_forward: int, layers: int, dropout: float):
        super().__init__()
        self.enter = nn.Linear(code_dim, width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, heads, feed_forward, dropout, activation="gelu", batch_first=True, norm_first=False)
            for _ in range(layers)
        )
        self.dropout = Dropout(dropout)
        self.width = width

    def forward(
        self, codes: Float[Tensor, "B L D"], condition: Float[Tensor, "B N W"], valid: Bool[Tensor, "B L"]
    ) -> Float[Tensor, "B L W"]:
        """``codes``: embedded tokens; positions not ``valid`` are not attended."""
        rows = self.enter(codes)
        rows = self.dropout(rows + sinusoids(rows.shape[1], self.width).to(rows))
        rows = torch.cat([condition, rows], dim=1)
        padding = functional.pad(~valid, (condition.shape[1], 0))
        for layer in self.layers:
            rows = layer(rows, src_key_padding_mask=padding)
        return rows[:, condition.shape[1] :]


class Head(nn.Module):
    """Linear, GELU, norm, linear (Devlin et al. 2019, BERT's prediction head)."""

    def __init__(self, width: int, out: int):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.out = nn.Linear(width, out)

    def forward(self, rows: Float[Tensor, "B L W"]) -> Float[Tensor, "B L V"]:
        """Logits, or vectors to be compared with codes."""
        return self.out(self.norm(functional.gelu(self.dense(rows))))


class MaskedTransformer(nn.Module):
    """Masked transformer: codes of the first codebook from those that are known."""

    def __init__(self, codes: int, code_dim: int, text_width: int, trunk: Trunk):
        super().__init__()
        self.codes = codes
        self.table = nn.Embedding(codes + 2, code_dim)
        self.condition = nn.Linear(text_width, trunk.width)
        self.trunk = trunk
        self.head = Head(trunk.width, codes)

    def forward(
        self, tokens: Int[Tensor, "B L"], sentence: Float[Tensor, "B W"], valid: Bool[Tensor, "B L"]
    ) -> Float[Tensor, "B L V"]:
        """``tokens``: codes, ``MASKED`` or ``PADDING``; ``sentence``: pooled text, zeros for none."""
        ids = torch.where(tokens == MASKED, torch.full_like(tokens, self.codes), tokens)
        ids = torch.where(tokens == PADDING, torch.full_like(tokens, self.codes + 1), ids)
        return self.head(self.trunk(self.table(ids), self.condition(sentence)[:, None], valid))


class ResidualTransformer(nn.Module):
    """Residual transformer: codes of one codebook from the sum of all codebooks before it."""

    def __init__(self, codes: int, books: int, code_dim: int, text_width: int, trunk: Trunk):
        super().__init__()
        self.codes = codes
        # Codebook k's table embeds its codes and, for all but the first, scores them too (tied); last row: padding.
        self.tables = nn.Parameter(torch.empty(books, codes + 1, code_dim))
        self.condition = nn.Linear(text_width, trunk.width)
        self.book = nn.Linear(books, trunk.width)
        self.trunk = trunk
        self.head = Head(trunk.width, code_dim)

    def forward(
        self, tokens: Int[Tensor, "B L Q"], book: Int[Tensor, "B"], sentence: Float[Tensor, "B W"], valid: Tensor
    ) -> Float[Tensor, "B L V1"]:
        """Logits of book ``book[b]`` (1 to Q - 1) of each clip, the padding's last; ``tokens`` of the books from there
        on are not looked at."""
        ids = torch.where(tokens == PADDING, torch.full_like(tokens, self.codes), tokens.clamp(min=0))
        known = torch.stack([functional.embedding(ids[..., k], self.tables[k]) for k in range(ids.shape[2])], dim=2)
        before = torch.arange(ids.shape[2], device=ids.device)[None, :] < book[:, None]
        total = (known * before[:, None, :, None].to(known.dtype)).sum(2)
        which = functional.one_hot(book, len(self.tables)).to(total.dtype)
        rows = self.trunk(total, torch.stack([self.condition(sentence), self.book(which)], dim=1), valid)
        return torch.einsum("blc,bvc->blv", self.head(rows), self.tables[book])
