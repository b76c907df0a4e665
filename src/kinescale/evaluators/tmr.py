"""tmr: our own evaluator, a contrastive text-motion transformer that reads any feature and any text encoder.

Petrovich et al. 2023 (TMR, sections 3.1 and 3.2) with the motion encoder of ACTOR (Petrovich et al. 2021), reduced to
what retrieval needs: no decoder and no variance. Sentences of like meaning in one batch are not held against each other
(section 3.2, "filtering negatives"): those whose mean token features are nearly equal, and those known to hold.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.evaluators import base
from kinescale.nn.steps import valid_steps
from kinescale.tokens.text_features import TextFeatures

HOTTEST = math.log(100.0)
"""Bound of the logarithm of the scale of the logits (Radford et al. 2021)."""

MAX_TEXT_TOKENS = 128


class Config(Record):
    """Sizes.

    Parameters
    ----------
    feature : name of the feature that it reads.
    feature_width, text_width : F and W, filled in for a run; by default those of ``rotations`` and MiniLM.
    max_frames, stride : longest clip, and frames a token of the motion encoder holds.
    width, heads, motion_layers, text_layers, ratio : of the transformers; ``ratio``: hidden width over width.
    embedding : D.
    dropout : inside the transformers and on what goes into them.
    temperature : the logits are divided by it at first; learned from there.
    same_text : sentences whose cosine is above it count as saying the same; 1 or more: none do but equal ones.
    """

    feature: str = ""
    feature_width: int = Field(default=272, ge=1)
    text_width: int = Field(default=384, ge=1)
    max_frames: int = Field(default=256, ge=1, le=65536)
    stride: int = Field(default=4, ge=1, le=64)
    width: int = Field(default=256, ge=2, le=4096)
    heads: int = Field(default=4, ge=1)
    motion_layers: int = Field(default=5, ge=1, le=64)
    text_layers: int = Field(default=3, ge=1, le=64)
    ratio: int = Field(default=4, ge=1, le=16)
    embedding: int = Field(default=256, ge=1, le=4096)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    temperature: float = Field(default=0.1, gt=0.01, le=1)
    same_text: float = Field(default=0.99, gt=0)


class Block(nn.Module):
    """A pre-norm transformer layer with a padding mask."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm_mix, self.norm_map = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.grow, self.shrink = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Float[Tensor, "N L C"], seen: Bool[Tensor, "N L"]) -> Float[Tensor, "N L C"]:
        """Places that are not ``seen`` are never attended."""
        query, key, value = self.project(self.norm_mix(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None, None, :])
        x = x + self._drop(self.out(mixed.transpose(1, 2).flatten(2)))
        return x + self._drop(self.shrink(functional.gelu(self.grow(self.norm_map(x)))))

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training)


class Encoder(nn.Module):
    """A summary token before the sequence, learned positions, a transformer; the summary becomes the embedding."""

    def __init__(self, read: int, longest: int, layers: int, config: Config):
        super().__init__()
        width = config.width
        self.enter = nn.Linear(read, width)
        self.summary = nn.Parameter(0.02 * torch.randn(width))
        self.places = nn.Parameter(0.02 * torch.randn(longest, width))
        self.dropout = config.dropout
        self.blocks = nn.ModuleList(
            Block(width, config.heads, config.ratio * width, config.dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, config.embedding)

    def forward(self, x: Float[Tensor, "N L R"], mask: Bool[Tensor, "N L"]) -> Float[Tensor, "N D"]:
        # Masked rows are set to zero: a stray NaN there would pass through the attention's product with 0.
        rows = self.enter(x.masked_fill(~mask[..., None], 0.0)) + self.places[: x.shape[1]]
        rows = functional.dropout(rows, self.dropout, self.training)
        rows = torch.cat([self.summary.expand(len(x), 1, -1), rows], dim=1)
        seen = functional.pad(mask, (1, 0), value=True)
        for block in self.blocks:
            rows = block(rows, seen)
        return self.leave(self.norm(rows[:, 0]))


class Evaluator(base.Evaluator):
    """Cosine; embeddings have length one, and FID looks at them too."""

    config: Config

    cosine = True

    def __init__(self, config: Config):
        super().__init__()
        if config.width % config.heads:
            raise InputError(f"a width of {config.width} does not divide among {config.heads} heads; change one.")
        self.config = config
        self.reads = config.feature
        self.feature_width, self.text_width = config.feature_width, config.text_width
        self.min_frames, self.max_frames = 1, config.max_frames
        self.width = config.embedding
        tokens = -(-config.max_frames // config.stride)
        self.motion = Encoder(config.feature_width * config.stride, tokens, config.motion_layers, config)
        self.text = Encoder(config.text_width, MAX_TEXT_TOKENS, config.text_layers, config)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(config.temperature)))

    def embed_text(self, text: TextFeatures) -> Float[Tensor, "N D"]:
        if text.width != self.text_width or text.tokens.shape[1] > MAX_TEXT_TOKENS:
            raise InputError(
                f"texts of {text.tokens.shape[1]} tokens {text.width} wide; this evaluator reads at most "
                f"{MAX_TEXT_TOKENS} of width {self.text_width}."
            )
        return functional.normalize(self.text(text.tokens, text.mask), dim=-1)

    def embed_motion(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        """``stride`` frames make a token, the last one perhaps in part."""
        self.check_motion(features, lengths)
        stride = self.config.stride
        inside = valid_steps(lengths, features.shape[1])
        padded = functional.pad(features.masked_fill(~inside[..., None], 0.0), (0, 0, 0, -features.shape[1] % stride))
        tokens = padded[:, : self.config.max_frames + stride].unflatten(1, (-1, stride)).flatten(2)
        count = torch.div(lengths + stride - 1, stride, rounding_mode="floor")
        kept = min(tokens.shape[1], self.motion.places.shape[0])
        return functional.normalize(self.motion(tokens[:, :kept], valid_steps(count, kept)), dim=-1)

    def fid_features(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        return self.embed_motion(features, lengths)

    def training_loss(
        self,
        features: Float[Tensor, "N T F"],
        lengths: Int[Tensor, "N"],
        text: TextFeatures,
        true_of: Bool[Tensor, "N N"] | None = None,
    ) -> base.StepLoss:
        """Symmetric InfoNCE (van den Oord et al. 2018) over the batch.

        Left out are pairs of like sentences, and those for which it is known that sentence i is ``true_of`` motion j:
        what a text encoder finds alike is not what is the same motion (MiniLM: "left" and "right" 0.98, two captions
        of one clip 0.6).
        """
        texts, motions = self.embed_text(text), self.embed_motion(features, lengths)
        logits = self.log_scale.clamp(max=HOTTEST).exp() * texts.float() @ motions.float().T
        same = alike(text, self.config.same_text)
        if true_of is not None:
            same = same | true_of
        own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        kept = logits.masked_fill(same & ~own, -torch.inf)
        target = torch.arange(len(logits), device=logits.device)
        loss = 0.5 * (functional.cross_entropy(kept, target) + functional.cross_entropy(kept.T, target))
        logs = {
            "top1": float((kept.argmax(1) == target).double().mean()),
            "temperature": float(torch.exp(-self.log_scale.detach())),
            "filtered": float((same & ~own).double().mean()),
        }
        return base.StepLoss(loss, logs)


def alike(text: TextFeatures, threshold: float) -> Bool[Tensor, "N N"]:
    """Which sentences of a batch say the same: cosine of their tokens' means above ``threshold``, or equal ones."""
    weights = text.mask[..., None].to(text.tokens.dtype)
    mean = (text.tokens.masked_fill(~text.mask[..., None], 0.0)).sum(1) / weights.sum(1)
    units = functional.normalize(mean.float(), dim=-1)
    # equal sentences have a cosine of 1 but for rounding
    return units @ units.T > min(threshold, 1 - 1e-5)
