"""The forward pass of a BERT encoder (post-norm), read from a state dict with the upstream key names.

Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers", section 3; the layer is that of
Vaswani et al. 2017, "Attention Is All You Need", with GELU. Written out here, because importing ``transformers`` for
six layers costs more time than the layers do.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

NORM_EPS = 1e-12
HEAD_WIDTH = 32


class BertEncoder:
    """Token ids to the last hidden state.

    Parameters
    ----------
    weights : upstream state dict, any floating type. Tables stay as they are (their rows are cast when looked up),
        everything else is cast to float32 once. ``KeyError`` names a missing tensor.
    layers : number of layers L.
    """

    def __init__(self, weights: Mapping[str, Tensor], layers: int):
        def linear(name: str) -> tuple[Tensor, Tensor]:
            return weights[f"{name}.weight"].float(), weights[f"{name}.bias"].float()

        self._words = weights["embeddings.word_embeddings.weight"]
        self._places = weights["embeddings.position_embeddings.weight"]
        # one segment only: the type embedding is the same row for every token
        self._type = weights["embeddings.token_type_embeddings.weight"][0].float()
        self._norm = linear("embeddings.LayerNorm")
        self._layers = [_Layer(linear, f"encoder.layer.{index}") for index in range(layers)]

    def __call__(self, ids: Int[Tensor, "B N"], mask: Int[Tensor, "B N"]) -> Float[Tensor, "B N W"]:
        """float32 hidden states; tokens where ``mask`` is 0 are attended by none (their own output is undefined)."""
        hidden = self._words[ids].float() + self._type + self._places[: ids.shape[1]].float()
        hidden = _normalize(hidden, self._norm)
        seen = mask.bool()[:, None, None, :]
        for layer in self._layers:
            hidden = layer(hidden, seen)
        return hidden


class _Layer:
    """Self-attention and feed-forward, each added to its input and normalized afterwards."""

    def __init__(self, linear, name: str):
        attention = f"{name}.attention"
        projections = [linear(f"{attention}.self.{part}") for part in ("query", "key", "value")]
        # the three projections in one product
        self._qkv = torch.cat([w for w, _ in projections]), torch.cat([b for _, b in projections])
        self._mix, self._mix_norm = linear(f"{attention}.output.dense"), linear(f"{attention}.output.LayerNorm")
        self._wide = linear(f"{name}.intermediate.dense")
        self._narrow, self._norm = linear(f"{name}.output.dense"), linear(f"{name}.output.LayerNorm")

    def __call__(self, hidden: Tensor, seen: Tensor) -> Tensor:
        heads = F.linear(hidden, *self._qkv).unflatten(-1, (3, -1, HEAD_WIDTH))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=seen).transpose(1, 2).flatten(2)
        hidden = _normalize(hidden + F.linear(mixed, *self._mix), self._mix_norm)
        return _normalize(hidden + F.linear(F.gelu(F.linear(hidden, *self._wide)), *self._narrow), self._norm)


def _normalize(hidden: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
    return F.layer_norm(hidden, hidden.shape[-1:], *norm, eps=NORM_EPS)
