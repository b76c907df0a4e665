"""MoSa's tokenizer: convolutions with attention around ten scales in time, a codebook and convolutions each (CAQ-VAE).

Liu et al. 2025 (MoSa, arXiv 2511.01200), tokenizer section. One latent vector every four frames, the sum of token maps
of 3, 6, 10 ... 49 bins (multi-scale token preservation).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from kinescale.nn.seeded import seeded
from kinescale.nn.steps import valid_steps
from kinescale.pyramid.loop import filled
from kinescale.pyramid.temporal import Config as PyramidConfig
from kinescale.pyramid.temporal import TemporalPyramid
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Reconstruction, StepLoss
from kinescale.tokenizers.base.losses import commitment_loss, feature_errors, reconstruction_loss
from kinescale.tokenizers.mosa.config import Config
from kinescale.tokenizers.mosa.networks import Decoder, Encoder, ScaleConvs
from kinescale.tokenizers.mosa.slots import PaddingSlots
from kinescale.tokens.layout import Scale, TokenLayout

__all__ = ["Config", "Tokenizer"]


class Tokenizer(base.Tokenizer):
    """The published network and its training objective."""

    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.feature_width = c.feature_width
        self.explicit = c.explicit_columns()
        widths = [c.width * factor for factor in c.multipliers]
        self.encoder = Encoder(c.feature_width, widths, c.blocks, c.code_dim, c.attention)
        self.decoder = Decoder(c.feature_width, widths, c.blocks, c.code_dim, c.attention)
        self.masked = c.padding != "slots"
        offered = {
            "width": c.code_dim, "lookup": c.lookup, "temperature": c.assignment_temperature, "faithful": c.faithful,
            "revive_above": 0,
        }  # fmt: skip
        quantizers = [c.build_quantizer(codes=codes, **offered) for codes in c.codes]
        scales = tuple(Scale(bins, 1, 0 if c.capacity % bins else c.capacity // bins) for bins in c.bins)
        rounding, unit = ("up", c.unit) if self.masked else ("all", 0)
        layout = TokenLayout(scales, c.capacity, c.stride, rounding, unit=unit)
        phis = [ScaleConvs(c.code_dim, c.phi_depth) for _ in c.bins] if c.phi_depth else []
        settings = PyramidConfig(hold=self.masked, learn_from=c.learn)
        self.pyramid = TemporalPyramid(quantizers, layout, (1, c.code_dim), settings, phis)
        self.slots = None
        if not self.masked:
            self.slots = PaddingSlots(c.slot_groups, c.max_frames, c.feature_width, c.slot_decay)

    def latents(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], layout: TokenLayout
    ) -> Float[Tensor, "B T2 P D"]:
        """The encoder's latent grid of the clips with their padding."""
        return self._latents(self._filled(features, lengths, layout), lengths)

    def decode_latent(
        self, latent: Float[Tensor, "B T P D"], latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features; with padding slots, frames past a clip's length are the slot's."""
        own = latent_lengths if self.masked else None
        return self.decoder(latent.squeeze(2).transpose(1, 2), own).transpose(1, 2)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over coded frames, extra on ``explicit_blocks``, and quantization; MoSa notes, section 2.3.

        In ``train()`` mode slots are drawn and moved and codebooks are updated; in ``eval()`` mode neither.
        """
        c = self.config
        layout, latent_lengths = self.checked(features, lengths)
        group = 0
        if self.training and self.slots is not None:
            group = int(torch.randint(c.slot_groups, (), generator=rng))
            self.slots.follow(features, lengths, rng)
        target = self._filled(features, lengths, layout, group)
        with seeded(rng, features.device, self.training):
            grid = self._latents(target, lengths)
            with torch.autocast(grid.device.type, enabled=False):
                grid = grid.float()
                quantized = self.pyramid(grid, layout, latent_lengths, rng if self.training else None)
            through = quantized.total.detach() + (grid - grid.detach())
            decoded = self.decode_latent(through, latent_lengths).float()
        own = lengths if self.masked else torch.full_like(lengths, target.shape[1])
        errors = feature_errors(decoded, target, valid_steps(own, target.shape[1]))
        loss, logs = reconstruction_loss(errors, self.explicit, c.explicit_weight)
        quantization = self._quantization(grid, quantized.sums, filled(layout, latent_lengths))
        loss = loss + c.quantization_weight * quantization
        if self.training:
            self.pyramid.update(quantized, rng)
        logs |= {"quantization": float(quantization.detach()), **self.pyramid.token_usage(quantized)}
        return StepLoss(loss, {"loss": float(loss.detach()), **logs}, Reconstruction(decoded, target, lengths))

    def _quantization(self, grid: Tensor, sums: tuple[Tensor, ...], steps: Tensor) -> Tensor:
        """Mean over scales of the pulls of the encoder toward each partial sum and of the sum toward the encoder."""
        toward = torch.stack([commitment_loss(partial, [grid], steps) for partial in sums]).mean()
        return self.config.commitment * commitment_loss(grid, sums, steps) + toward

    def _filled(self, features: Tensor, lengths: Tensor, layout: TokenLayout, group: int = 0) -> Tensor:
        """The clips at the layout's length: slots or zeros after their ends."""
        if self.slots is not None:
            return self.slots.fill(features, lengths, group)
        return functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))

    def _latents(self, features: Tensor, lengths: Tensor) -> Tensor:
        grid = self.encoder(features.transpose(1, 2), lengths if self.masked else None)
        return grid.transpose(1, 2).unsqueeze(2)
