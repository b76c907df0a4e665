"""MoSa's generator (SAR): scale-wise autoregression, one whole scale per pass from text and coarser scales.

Liu et al. 2025 (MoSa, arXiv 2511.01200), generator section.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from kinescale.generators.base import StepLoss
from kinescale.generators.base.text import check_counts
from kinescale.generators.mosa.config import Config
from kinescale.generators.mosa.network import Network
from kinescale.generators.mosa.training import keeping, teach
from kinescale.nn import global_batch
from kinescale.nn.seeded import seeded
from kinescale.tokens.codec import Codec
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import PADDING

SAMPLER = "scale_wise"

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
        corrupt: bool = True,
    ) -> StepLoss:
        """Mean cross entropy of all scales but the last, plus that of the last; section 3 of the method notes.

        Random codes (unless ``corrupt`` is off) and text dropout apply in ``eval()`` mode too.
        """
        c = self.config
        layout = codec.layout(latent.shape[1] * codec.layout().stride)
        self._check_layout(layout)
        latents = layout.latents(layout.check(lengths)).to(latent.device)
        check_counts(latent, latents, text)
        with torch.no_grad():
            swap = keeping(c.keep, c.vocabularies, rng) if corrupt else None
            lesson = teach(codec, latent.detach(), layout, latents, swap)
        dropped = global_batch.rand((len(text),), rng) < c.text_dropout
        heard = (~dropped).to(text.tokens)[:, None, None]
        with seeded(rng, latent.device, self.training):
            reading = self.read(TextFeatures(text.tokens * heard, text.mask), latents)
            logits = self.forward(reading, lesson.inputs, layout, latents)
        return _scored(logits, lesson.labels)


def _scored(logits: list[Tensor], labels: tuple[Tensor, ...]) -> StepLoss:
    """The loss, and for the log the share of labels that are the best code, in all and per scale."""
    sums, right, counts = [], [], []
    for row, label in zip(logits, labels, strict=True):
        flat, wanted = row.float().flatten(0, 1), label.flatten()
        sums.append(functional.cross_entropy(flat, wanted, ignore_index=PADDING, reduction="sum"))
        right.append((flat.detach().argmax(-1) == wanted).sum())
        counts.append((wanted >= 0).sum())
    each, number = global_batch.total(torch.stack(sums)), global_batch.total(torch.stack(counts))
    fine = each[-1] / number[-1].clamp(min=1)
    loss = each[:-1].sum() / number[:-1].sum().clamp(min=1) + fine
    hits, places = global_batch.total(torch.stack(right)).tolist(), number.tolist()
    logs = {"loss": float(loss.detach()), "loss.last": float(fine.detach())}
    logs["accuracy"] = sum(hits) / max(1, sum(places))
    return StepLoss(loss, logs | {f"accuracy.{k}": hit / max(1, n) for k, (hit, n) in enumerate(zip(hits, places))})
