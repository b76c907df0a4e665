"""MoScale's generator: next-scale prediction from text and coarser scales, with masked refinement inside a scale.

Zheng et al. 2026 (MoScale, arXiv 2604.03799), generator section: cross-scale refinement (coarse tokens are corrupted
in training, finer ones learn to repair them) and in-scale refinement (positions are masked at random, so that a sampler
may sample a scale in several steps).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kinescale.generators.base import StepLoss
from kinescale.generators.base.masking import Masking, mask_tokens
from kinescale.generators.base.text import check_counts, drop_text
from kinescale.generators.moscale.config import Config
from kinescale.generators.moscale.network import Network
from kinescale.generators.moscale.training import corruptor, logs_of, refine, scored_loss
from kinescale.nn import global_batch
from kinescale.nn.seeded import seeded
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING

SAMPLER = "next_scale"

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
        """Cross entropy of the masked positions' labels; section 3.6 of the method notes.

        Corruption (unless ``corrupt`` is off), masking and text dropout apply in ``eval()`` mode too.
        """
        c = self.config
        layout = codec.layout(latent.shape[1] * codec.layout().stride)
        self._check_layout(layout)
        latents = layout.latents(layout.check(lengths))
        check_counts(latent, latents, text)
        with torch.no_grad():
            corrupted = corruptor(c.corruption if corrupt else 0.0, c.codes, layout, latents, rng)
            refined = refine(codec, latent.detach(), layout, latents, corrupted)
            codes = torch.tensor(c.codes)[layout.scale_of_position()] if min(c.codes) < c.vocabulary else None
            shares = (c.masked_share, c.random_share, c.token_noise)
            rates = Masking(c.vocabulary, *shares, padding_too=c.faithful, codes=codes)
            valid = layout.valid_flat(latents)
            among = self._inside_spans(layout, latents, rng) if c.span_share else None
            tokens, chosen = mask_tokens(refined.labels, valid, rates, rng, among)
            if not c.temporal_refinement:
                tokens, chosen = torch.full_like(tokens, MASKED).masked_fill(~valid, PADDING), valid
        dropped = global_batch.rand((len(text),), rng) < c.text_dropout
        with seeded(rng, latent.device, self.training):
            reading = self.read(drop_text(self._fit(text), self.unconditional(text), dropped))
            logits = self.forward(reading, refined.inputs, tokens, layout, latents, chosen).float()
        labels = refined.labels[chosen]
        weights = None
        if c.scale_balance:
            sizes = torch.tensor([scale.size for scale in layout.scales], dtype=torch.float32)
            weights = (sizes**-c.scale_balance)[layout.scale_of_position()].to(labels.device).expand_as(chosen)[chosen]
        loss = scored_loss(logits, labels, weights)
        return StepLoss(loss, logs_of(loss, logits, labels, layout, chosen))

    def _inside_spans(self, layout: TokenLayout, latents: Tensor, rng: torch.Generator) -> Bool[Tensor, "B L"]:
        """Positions that may be masked: all, or for a share of the clips those that touch one span of time.

        The span is like an edit's: any length up to the whole clip, anywhere.
        """
        chance, length, place = global_batch.rand((3, len(latents)), rng, axis=1).to(latents.device)
        steps = latents.to(torch.float32)
        span = (length * steps).ceil()
        start = (place * (steps - span + 1)).floor()
        spots = []
        for scale in layout.scales:
            each = layout.capacity / scale.bins if not scale.factor else float(scale.factor)
            low = torch.arange(scale.bins, device=latents.device, dtype=torch.float32) * each
            touched = (low[None] < (start + span)[:, None]) & (low[None] + each > start[:, None])
            spots.append(touched[:, :, None].expand(-1, -1, scale.groups).flatten(1))
        return torch.cat(spots, 1) | (chance >= self.config.span_share)[:, None]
