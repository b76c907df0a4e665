"""ScaleMoGen's generator: bitwise next-scale prediction from text and the sum of the coarser scales.

ScaleMoGen (arXiv 2605.11704), section 3 of its method notes: trained with bit flips that finer scales learn to repair
(bitwise self-correction of Infinity, Han et al. 2024).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.generators.base import StepLoss
from kinescale.generators.base.text import check_counts, drop_text
from kinescale.generators.scalemogen.config import Config
from kinescale.generators.scalemogen.network import Network
from kinescale.generators.scalemogen.training import bit_loss, correct, flipper, position_weights
from kinescale.nn import global_batch
from kinescale.nn.seeded import seeded
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures

SAMPLER = "bitwise"

__all__ = ["SAMPLER", "Config", "Generator"]


class Generator(Network):
    """The network with its training objective; ``forward`` is teacher-forced."""

    def training_loss(
        self,
        codec: Codec,
        latent: Float[Tensor, "B T P D"],
        lengths: Int[Tensor, "B"],
        text: TextFeatures,
        rng: torch.Generator,
        *,
        flip: bool = True,
    ) -> StepLoss:
        """Weighted cross entropy of all bits; section 3.7 of the method notes.

        Flips (unless ``flip`` is off) and text dropout apply in ``eval()`` mode too.
        """
        c = self.config
        layout = codec.layout(latent.shape[1] * codec.layout().stride)
        self._check_layout(layout)
        latents = layout.latents(layout.check(lengths)).to(latent.device)
        check_counts(latent, latents, text)
        dropped = global_batch.rand((len(text),), rng) < c.text_dropout
        with torch.no_grad(), torch.autocast(latent.device.type, enabled=False):
            choose = flipper(c.flips if flip else 0.0, rng)
            made = correct(codec, latent.detach().float(), layout, latents, choose, c.faithful)
        with seeded(rng, latent.device, self.training):
            reading = self.read(drop_text(self._fit(text), self.unconditional(text), dropped))
            logits = self.forward(reading, made.inputs, layout, latents).float()
        valid = layout.valid_flat(latents)
        loss = bit_loss(logits, made.labels, position_weights(layout, valid, c.faithful))
        right = (logits.detach().argmax(-1) == made.labels).float().mean(-1)
        return StepLoss(loss, {"loss": float(loss.detach()), **_accuracy(right, valid, layout)})


def _accuracy(right: Float[Tensor, "B L"], valid: Tensor, layout: TokenLayout) -> dict[str, float]:
    """Share of right bits over all valid positions and over those of each scale."""
    sizes = [scale.size for scale in layout.scales]
    hits = global_batch.total(torch.stack([part.sum() for part in (right * valid).split(sizes, 1)])).tolist()
    counts = global_batch.total(torch.stack([part.sum() for part in valid.split(sizes, 1)])).tolist()
    each = {f"accuracy.{k}": hit / max(1, count) for k, (hit, count) in enumerate(zip(hits, counts, strict=True))}
    return {"accuracy": sum(hits) / max(1, sum(counts)), **each}
