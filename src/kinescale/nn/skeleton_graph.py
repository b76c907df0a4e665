"""Convolution over a skeleton graph and time, and pooling and unpooling between joints and body parts.

Hong et al. 2025 (SALAD, skeleto-temporal convolution) in the form of ScaleMoGen (arXiv 2605.11704), section 2.1 of its
method notes. Activations are [B, T, J, C].
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.dropout import Dropout

EPS = 1e-6
"""In two denominators, where the published weights have it."""

Members = Sequence[Sequence[int]]
"""The inputs of each output part."""


def adjacency(count: int, edges: Sequence[tuple[int, int]]) -> Float[Tensor, "J J"]:
    """Symmetric 0/1 matrix of an undirected graph, every node joined to itself."""
    matrix = torch.eye(count)
    for a, b in edges:
        matrix[a, b] = matrix[b, a] = 1.0
    return matrix


def zero_steps(x: Float[Tensor, "B T J C"], valid: Bool[Tensor, "B T"] | None) -> Float[Tensor, "B T J C"]:
    """``x`` with the steps that are not valid set to zero; ``x`` itself when ``valid`` is None."""
    return x if valid is None else x * valid[:, :, None, None].to(x.dtype)


class GraphTimeConv(nn.Module):
    """A map of the joint itself, plus a map averaged over its neighbors, plus a width-3 convolution in time."""

    mixing: Tensor

    def __init__(self, width: int, graph: Float[Tensor, "J J"]):
        super().__init__()
        self.own = nn.Linear(width, width)
        self.others = nn.Linear(width, width)
        self.time = nn.Conv1d(width, width, 3, padding=1)
        self.register_buffer("mixing", graph / (graph.sum(1, keepdim=True) + EPS), persistent=False)

    def forward(self, x: Float[Tensor, "B T J C"]) -> Float[Tensor, "B T J C"]:
        """Same shape; the ends in time are padded with zeros."""
        batch, _, joints, _ = x.shape
        around = self.mixing.to(x.dtype) @ self.others(x)
        rows = x.permute(0, 2, 3, 1).flatten(0, 1)
        moved = self.time(rows).unflatten(0, (batch, joints)).permute(0, 3, 1, 2)
        return self.own(x) + around + moved


class GraphResidual(nn.Module):
    """``x + Dropout(conv(GELU(conv(GELU(x)))))``, no norm."""

    def __init__(self, width: int, graph: Float[Tensor, "J J"], dropout: float):
        super().__init__()
        self.first = GraphTimeConv(width, graph)
        self.second = GraphTimeConv(width, graph)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B T J C"], valid: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T J C"]:
        """Same shape; steps not ``valid`` (when given; they come in as zeros) come out as zeros."""
        inner = zero_steps(self.first(functional.gelu(x)), valid)
        return zero_steps(x + self.dropout(self.second(functional.gelu(inner))), valid)


class SkeletonPool(nn.Module):
    """Each part is a learned weighted mean of its members, then pairs of steps are averaged.

    ``logits`` holds one number for every (part, member), parts in order, a part's members ascending.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, joints: int, members: Members):
        super().__init__()
        self.joints, self.parts = joints, len(members)
        pairs = [(part, joint) for part, inside in enumerate(members) for joint in sorted(inside)]
        self.logits = nn.Parameter(torch.tensor([1.0 / len(members[part]) for part, _ in pairs]))
        self.register_buffer("rows", torch.tensor([part for part, _ in pairs]), persistent=False)
        self.register_buffer("columns", torch.tensor([joint for _, joint in pairs]), persistent=False)

    def weights(self) -> Float[Tensor, "parts J"]:
        """Softmax over the members of each part, with ``EPS`` in the denominator; zero elsewhere."""
        spread = self.logits.new_zeros(self.parts, self.joints).index_put((self.rows, self.columns), self.logits)
        shift = spread.detach().amax(1).clamp(min=0.0)
        powers = torch.exp(self.logits - shift[self.rows])
        total = powers.new_zeros(self.parts).index_add(0, self.rows, powers) + EPS
        return torch.zeros_like(spread).index_put((self.rows, self.columns), powers / total[self.rows])

    def forward(
        self, x: Float[Tensor, "B T J C"], valid: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T2 parts C"]:
        """Half the steps. With ``valid`` a pair of which one step is valid (the other is zero) takes that one."""
        pairs = (self.weights().to(x.dtype) @ x).unflatten(1, (-1, 2))
        if valid is None:
            return pairs.mean(2)
        count = valid.unflatten(1, (-1, 2)).sum(2).clamp(min=1)
        return pairs.sum(2) / count[:, :, None, None].to(x.dtype)


class SkeletonUnpool(nn.Module):
    """Each joint is a learned sum of parts, by the positive part of a dense matrix; then twice the steps."""

    def __init__(self, joints: int, members: Members):
        super().__init__()
        start = torch.zeros(joints, len(members))
        for part, inside in enumerate(members):
            start[list(inside), part] = 1.0
        self.weight = nn.Parameter(start)

    def forward(
        self, x: Float[Tensor, "B T parts C"], steps: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B T2 J C"]:
        """Linear interpolation in time; with ``steps`` the last of each clip's is held beyond them."""
        if steps is not None:
            x = hold_steps(x, steps)
        return double_steps(functional.relu(self.weight).to(x.dtype) @ x)


def hold_steps(x: Float[Tensor, "B T J C"], steps: Int[Tensor, "B"]) -> Float[Tensor, "B T J C"]:
    """``x`` with the last of each clip's ``steps`` (at least one) in place of those that follow."""
    places = torch.arange(x.shape[1], device=x.device)[None, :]
    index = torch.minimum(places, steps[:, None].to(x.device) - 1)
    return x[torch.arange(len(x), device=x.device)[:, None], index]


def double_steps(x: Float[Tensor, "B T J C"]) -> Float[Tensor, "B T2 J C"]:
    """Linear interpolation to twice the steps, centers to centers, ends held."""
    rows = x.flatten(2).transpose(1, 2)
    spread = functional.interpolate(rows, scale_factor=2.0, mode="linear", align_corners=False)
    return spread.transpose(1, 2).unflatten(2, x.shape[2:])
