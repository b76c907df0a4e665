"""ScaleMoGen's auto-encoder: a small network a joint, then convolutions over the skeleton graph and time.

Section 2.1 of the method notes: features to one latent every four frames and for each of seven body parts, and back.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from kinescale.nn.skeleton_graph import (
    GraphResidual,
    SkeletonPool,
    SkeletonUnpool,
    adjacency,
    zero_steps,
)
from kinescale.nn.steps import valid_steps
from kinescale.tokenizers.scalemogen.bodies import LATENT_PARTS, MIDDLE_EDGES, Body, Columns

LEVELS = 2


class Encoder(nn.Module):
    """[B, T, F] to [B, T / 4, 7, D].

    With ``masked`` activations past a clip's end are zero before every convolution in time, so that what follows a
    clip does not matter.
    """

    order: Tensor

    def __init__(self, body: Body, columns: Columns, width: int, blocks: int, dropout: float, faithful: bool):
        super().__init__()
        self.masked = not faithful
        owned = columns.of_joints(body.joints)
        self.sizes = [len(own) for own in owned]
        self.register_buffer("order", torch.tensor([column for own in owned for column in own]), persistent=False)
        self.joints = nn.ModuleList(
            nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Linear(width, width)) for size in self.sizes
        )
        graphs = _graphs(body, faithful)
        self.stacks = nn.ModuleList(
            nn.ModuleList(GraphResidual(width, graph, dropout) for _ in range(blocks)) for graph in graphs
        )
        self.pools = nn.ModuleList([SkeletonPool(body.joints, body.parts), SkeletonPool(len(body.parts), LATENT_PARTS)])

    def forward(self, x: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"]) -> Float[Tensor, "B T2 P D"]:
        """Latents of clips of ``lengths`` frames; T is a multiple of 4."""
        shares = x[..., self.order].split(self.sizes, dim=-1)
        x = torch.stack([layer(share) for layer, share in zip(self.joints, shares, strict=True)], dim=2)
        for stack, pool in zip(self.stacks, self.pools, strict=True):
            valid = valid_steps(lengths, x.shape[1]) if self.masked else None
            x = zero_steps(x, valid)
            assert isinstance(stack, nn.ModuleList)
            for block in stack:
                x = block(x, valid)
            x = pool(x, valid)
            lengths = torch.div(lengths + 1, 2, rounding_mode="floor")
        return x


class Decoder(nn.Module):
    """[B, T', 7, D] to [B, 4 T', F]; ``masked`` as in the encoder."""

    back: Tensor

    def __init__(self, body: Body, columns: Columns, width: int, blocks: int, dropout: float, faithful: bool):
        super().__init__()
        self.masked = not faithful
        owned = columns.of_joints(body.joints)
        order = [column for own in owned for column in own]
        self.register_buffer("back", torch.tensor([order.index(k) for k in range(len(order))]), persistent=False)
        self.unpools = nn.ModuleList(
            [SkeletonUnpool(len(body.parts), LATENT_PARTS), SkeletonUnpool(body.joints, body.parts)]
        )
        graphs = _graphs(body, faithful)[::-1]
        self.stacks = nn.ModuleList(
            nn.ModuleList(GraphResidual(width, graph, dropout) for _ in range(blocks)) for graph in graphs
        )
        self.joints = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, len(own))) for own in owned
        )

    def forward(self, x: Float[Tensor, "B T P D"], latents: Int[Tensor, "B"]) -> Float[Tensor, "B T2 F"]:
        """Features of clips of ``latents`` steps, beyond which ``x`` is zero."""
        for unpool, stack in zip(self.unpools, self.stacks, strict=True):
            x = unpool(x, latents if self.masked else None)
            latents = latents * 2
            valid = valid_steps(latents, x.shape[1]) if self.masked else None
            x = zero_steps(x, valid)
            assert isinstance(stack, nn.ModuleList)
            for block in stack:
                x = block(x, valid)
        shares = [layer(x[:, :, joint]) for joint, layer in enumerate(self.joints)]
        return torch.cat(shares, dim=-1)[..., self.back]


def _graphs(body: Body, faithful: bool) -> list[Tensor]:
    """Graph of the joints, graph of the twelve parts."""
    return [adjacency(body.joints, body.graph(faithful)), adjacency(len(body.parts), MIDDLE_EDGES)]
