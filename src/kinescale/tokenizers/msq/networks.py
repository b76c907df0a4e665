"""MSQ's networks: a convolutional encoder per stream, one decoder for the streams of all granularities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.conv_stack import ResidualConvStack
from kinescale.nn.steps import valid_steps, zero_after
from kinescale.tokenizers.msq.config import Config


class Encoder(nn.Module):
    """[B, columns, T] of one stream to [B, d, T / stride]; zero past each clip's length at every level."""

    def __init__(self, columns: int, width: int, code_dim: int, config: Config):
        super().__init__()
        levels = range(config.downs)
        self.enter = nn.Conv1d(columns, width, 3, padding=1)
        self.narrow = nn.ModuleList(nn.Conv1d(width, width, 4, stride=2, padding=1) for _ in levels)
        self.stacks = nn.ModuleList(_stack(width, config) for _ in levels)
        self.leave = nn.Conv1d(width, code_dim, 3, padding=1)

    def forward(self, x: Float[Tensor, "B c T"], lengths: Int[Tensor, "B"]) -> Float[Tensor, "B d T2"]:
        """Latents of clips of ``lengths`` frames."""
        kept = valid_steps(lengths, x.shape[2])
        x = zero_after(functional.relu(self.enter(zero_after(x, kept))), kept)
        for narrow, stack in zip(self.narrow, self.stacks, strict=True):
            lengths = torch.div(lengths, 2, rounding_mode="floor")
            x = narrow(x)
            kept = valid_steps(lengths, x.shape[2])
            x = stack(zero_after(x, kept), kept)
        return zero_after(self.leave(x), kept)


class Decoder(nn.Module):
    """The streams of every granularity merged, summed, and brought back to all features: one network for all parts."""

    def __init__(self, sources: Sequence[int], config: Config):
        super().__init__()
        width, levels = config.decoder_width, range(config.downs)
        self.merge = nn.ModuleList(nn.Conv1d(source, width, 1) for source in sources)
        self.enter = nn.Conv1d(width, width, 3, padding=1)
        self.stacks = nn.ModuleList(_stack(width, config) for _ in levels)
        self.widen = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for _ in levels)
        self.gather = nn.Conv1d(width, width, 3, padding=1)
        self.leave = nn.Conv1d(width, config.feature_width, 3, padding=1)

    def forward(self, sources: Sequence[Tensor], latents: Int[Tensor, "B"]) -> Float[Tensor, "B F T"]:
        """Features of clips of ``latents`` steps from a [B, streams * d, T'] for each granularity."""
        kept = valid_steps(latents, sources[0].shape[2])
        merged = [merge(zero_after(source, kept)) for merge, source in zip(self.merge, sources, strict=True)]
        x = zero_after(torch.stack(merged).sum(0), kept)
        x = zero_after(functional.relu(self.enter(x)), kept)
        for stack, widen in zip(self.stacks, self.widen, strict=True):
            x = stack(x, kept).repeat_interleave(2, dim=2)
            latents = latents * 2
            kept = valid_steps(latents, x.shape[2])
            x = zero_after(widen(x), kept)
        return self.leave(zero_after(functional.relu(self.gather(x)), kept))


def _stack(width: int, config: Config) -> ResidualConvStack:
    return ResidualConvStack(width, config.blocks, config.dilation_growth, config.dropout)
