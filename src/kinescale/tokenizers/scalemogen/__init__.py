"""ScaleMoGen's tokenizer: a skeleton-graph auto-encoder around a pyramid over time and body parts of sign bits.

ScaleMoGen (arXiv 2605.11704), section 2 of its method notes. A latent every four frames for each of seven body parts,
projected to 24 channels of which the signs are kept, coarse to fine.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.seeded import seeded
from kinescale.nn.skeleton_graph import zero_steps
from kinescale.nn.steps import valid_steps
from kinescale.pyramid.skeletal import Config as PyramidConfig
from kinescale.pyramid.skeletal import SkeletalPyramid
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Reconstruction, StepLoss
from kinescale.tokenizers.base.losses import feature_errors, reconstruction_loss
from kinescale.tokenizers.scalemogen.bodies import LATENT_PARTS, LATENT_ROLES
from kinescale.tokenizers.scalemogen.config import Config
from kinescale.tokenizers.scalemogen.network import Decoder, Encoder
from kinescale.tokens.layout import Scale, TokenLayout

__all__ = ["Config", "Tokenizer"]

COMMITMENT = 4.0
"""Factor of the quantizer's mean loss, beside ``commitment_weight``."""


class Tokenizer(base.Tokenizer):
    """The published network and its training objective; tokens are bits or, with a codebook, codes."""

    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.feature_width = c.feature_width
        self.body, self.columns = c.anatomy, c.features
        sizes = (self.body, self.columns, c.width, c.blocks, c.dropout, c.faithful)
        self.encoder = Encoder(*sizes)
        self.decoder = Decoder(*sizes)
        self.project_in = nn.Linear(c.width, c.latent_width)
        self.project_out = nn.Linear(c.latent_width, c.width)
        quantizer = c.build_quantizer(width=c.latent_width, codes=c.codes, levels=c.levels, temperature=None)
        scales = tuple(
            Scale(c.capacity // factor if c.faithful else -(-c.capacity // factor), len(groups), factor, groups)
            for factor, groups in c.scales
        )
        unit = 0 if c.faithful else 1
        layout = TokenLayout(scales, c.capacity, c.stride, "up", partly=True, unit=unit)
        settings = PyramidConfig(straight_through="scale", initialize_from="grid", faithful=c.faithful)
        self.pyramid = SkeletalPyramid([quantizer], layout, (len(LATENT_PARTS), c.latent_width), settings)

    @property
    def latent_roles(self) -> tuple[frozenset[str], ...]:
        """Those of the seven latents."""
        return LATENT_ROLES

    def latents(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], layout: TokenLayout
    ) -> Float[Tensor, "B T2 P D"]:
        """The encoder's latent grid, projected to the channels that are quantized."""
        padded = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))
        grid = self.project_in(self.encoder(padded, lengths))
        return grid if self.config.faithful else zero_steps(grid, valid_steps(layout.touched(lengths), grid.shape[1]))

    def decode_latent(
        self, latent: Float[Tensor, "B T P D"], latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T2 F"]:
        """A summed grid to features; the projected grid is zeroed past each clip's ``latent_lengths``.

        (The reference zeroes a last latent that is filled in part, too; its lengths are multiples of four.)
        """
        inside = valid_steps(latent_lengths, latent.shape[1])
        return self.decoder(zero_steps(self.project_out(latent), inside), latent_lengths)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over filled frames, extra on root and velocities, and the quantizer's (notes, section 2.3).

        In ``train()`` mode scales but the last are left out at random, and a codebook learns.
        """
        c = self.config
        layout, latent_lengths = self.checked(features, lengths)
        chance = torch.rand(len(layout.scales) - 1, generator=rng)
        dropped = (*(chance < (c.scale_dropout if self.training else 0.0)).tolist(), False)
        with seeded(rng, features.device, self.training):
            grid = self.latents(features, lengths, layout)
            with torch.autocast(grid.device.type, enabled=False):
                drawn = rng if self.training else None
                quantized = self.pyramid(grid.float(), layout, latent_lengths, drawn, dropped)
            decoded = self.decode_latent(quantized.total, latent_lengths)
        inside = valid_steps(lengths, features.shape[1])
        target = features * inside[:, :, None]
        guess = decoded[:, : features.shape[1]].float() * inside[:, :, None]
        errors = feature_errors(guess, target, inside)
        loss, logs = reconstruction_loss(errors, None, 0.0)
        commitment = COMMITMENT * torch.stack(quantized.losses).mean()
        root, velocity = self._extra(errors)
        loss = loss + root + velocity + c.commitment_weight * commitment
        if self.training:
            self.pyramid.update(quantized, rng)
        logs |= {"commitment": float(commitment.detach()), **self.pyramid.token_usage(quantized)}
        return StepLoss(loss, {"loss": float(loss.detach()), **logs}, Reconstruction(guess, target, lengths))

    def _extra(self, error: Float[Tensor, "F"]) -> tuple[Tensor, Tensor]:
        """The weighted mean errors of the root's features and of the velocities."""
        c = self.config
        root = error[: self.columns.root]
        loss = c.root_weight * root.sum() / max(1, len(root))
        if not self.columns.velocities:
            return loss, torch.zeros_like(loss)
        start, stop = self.columns.starts(self.body.joints)[-2:]
        return loss, c.velocity_weight * error[start:stop].mean()
