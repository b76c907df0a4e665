"""snapmogen: the evaluator of SnapMoGen's tables: two transformer encoders with two summary tokens each.

Guo et al. 2025 (SnapMoGen, section 5), after Petrovich et al. 2023 (TMR) and 2021 (ACTOR): the first summary becomes
the mean of a Gaussian, the second the logarithm of its variance. Texts are T5-base token features, motions the first
148 features (root and rotations). Retrieval is by cosine of the means; FID looks at the first summary before its layer.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn

from kinescale.core.records import Record
from kinescale.evaluators import base
from kinescale.nn.steps import valid_steps
from kinescale.tokens.text_features import TextFeatures

SUMMARIES = 2
BOUND = 10.0
"""Of the logarithm of the variance."""


class Config(Record):
    """Sizes of the published evaluator by default.

    Parameters
    ----------
    feature_width : F; only the first ``read_width`` are looked at.
    text_width : W.
    width, hidden, layers, heads : of both transformers.
    max_frames : longest clip.
    """

    feature_width: int = Field(default=296, ge=1)
    read_width: int = Field(default=148, ge=1)
    text_width: int = Field(default=768, ge=1)
    width: int = Field(default=256, ge=2, multiple_of=2)
    hidden: int = Field(default=1024, ge=1)
    layers: int = Field(default=6, ge=1)
    heads: int = Field(default=4, ge=1)
    max_frames: int = Field(default=320, ge=1)


def sinusoids(length: int, width: int) -> Float[Tensor, "L W"]:
    """Sines and cosines of positions, interleaved (Vaswani et al. 2017)."""
    rates = torch.exp(torch.arange(0, width, 2) * (-torch.log(torch.tensor(10000.0)) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class SummaryEncoder(nn.Module):
    """Summary tokens before the sequence, positions added to all, a post-norm transformer over both."""

    def __init__(self, read: int, width: int, hidden: int, layers: int, heads: int):
        super().__init__()
        self.enter = nn.Linear(read, width)
        self.summaries = nn.Parameter(torch.randn(SUMMARIES, width))
        layer = nn.TransformerEncoderLayer(width, heads, hidden, dropout=0.1, activation="gelu", batch_first=True)
        self.trunk = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.leave = nn.Linear(width, width)

    def summary(self, x: Float[Tensor, "N T R"], mask: Bool[Tensor, "N T"]) -> Float[Tensor, "N 2 C"]:
        """Both summary tokens after the transformer."""
        rows = torch.cat([self.summaries.expand(len(x), -1, -1), self.enter(x)], dim=1)
        rows = rows + sinusoids(rows.shape[1], rows.shape[2]).to(rows)
        kept = torch.cat([mask.new_ones(len(x), SUMMARIES), mask], dim=1)
        return self.trunk(rows, src_key_padding_mask=~kept)[:, :SUMMARIES]

    def forward(self, x: Float[Tensor, "N T R"], mask: Bool[Tensor, "N T"]) -> Float[Tensor, "N 2 C"]:
        """Mean and logarithm of the variance, not yet bounded."""
        return self.leave(self.summary(x, mask))


class Evaluator(base.Evaluator):
    """Cosine of means. Not trained here: the authors' weights are read."""

    reads = "snapmogen"
    cosine = True
    min_frames = 1

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.feature_width, self.text_width = config.feature_width, config.text_width
        self.max_frames, self.width = config.max_frames, config.width
        sizes = (config.width, config.hidden, config.layers, config.heads)
        self.motion = SummaryEncoder(config.read_width, *sizes)
        self.text = SummaryEncoder(config.text_width, *sizes)

    def embed_text(self, text: TextFeatures) -> Float[Tensor, "N D"]:
        return self.text(text.tokens, text.mask)[:, 0]

    def embed_motion(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        return self.motion(*self._seen(features, lengths))[:, 0]

    def fid_features(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        return self.motion.summary(*self._seen(features, lengths))[:, 0]

    def motion_spread(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        """Logarithm of the variance, within +-``BOUND``; retrieval does not use it."""
        return self.motion(*self._seen(features, lengths))[:, 1].clamp(-BOUND, BOUND)

    def _seen(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        self.check_motion(features, lengths)
        return features[..., : self.motion.enter.in_features], valid_steps(lengths, features.shape[1])
