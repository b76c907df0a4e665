"""Evaluator contract: a variant's module offers ``Config`` (a Record) and ``Evaluator(config)``.

A ``Config`` has ``feature_width``, ``text_width`` and ``max_frames``; a training run fills them in by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.tokens.text_features import TextFeatures


@dataclass(frozen=True, eq=False)
class StepLoss:
    """Loss of one training step, and named numbers for the log."""

    loss: Tensor
    logs: dict[str, float] = field(default_factory=dict)


class Evaluator(nn.Module, ABC):
    """Two encoders, of text and of motion, into one embedding space (interface).

    Features are normalized by the statistics that the evaluator was trained with; frames past a clip's length are
    ignored.

    - ``reads``: name of the feature that it accepts ("" for any).
    - ``feature_width``: F, width of the features.
    - ``min_frames``, ``max_frames``: accepted lengths.
    - ``width``: D, width of the embeddings.
    - ``cosine``: whether texts and motions are compared by angle, else by Euclidean distance.
    """

    config: Record
    reads: str
    feature_width: int
    text_width: int
    min_frames: int
    max_frames: int
    width: int
    cosine: bool

    @abstractmethod
    def embed_text(self, text: TextFeatures) -> Float[Tensor, "N D"]:
        """Embeddings of texts, given as the token features that the evaluator was trained with."""

    @abstractmethod
    def embed_motion(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        """Embeddings of motions; ``InputError`` for a length outside its range."""

    @abstractmethod
    def fid_features(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D2"]:
        """Features that FID is computed on: the embedding itself in most variants, an earlier layer in some."""

    def check_motion(self, features: Tensor, lengths: Tensor) -> None:
        """``InputError`` for features or lengths outside its range."""
        if features.shape[-1] != self.feature_width:
            raise InputError(f"features {features.shape[-1]} wide; this evaluator reads {self.feature_width}.")
        low, high = int(lengths.min()), int(lengths.max())
        if low < self.min_frames or high > self.max_frames or high > features.shape[1]:
            wrong, top = low if low < self.min_frames else high, min(self.max_frames, features.shape[1])
            raise InputError(f"a clip of {wrong} frames; this evaluator takes {self.min_frames} to {top}.")


def trained(evaluator: Evaluator) -> bool:
    """Whether the variant has a training objective: ``training_loss(features, lengths, text) -> StepLoss``."""
    return callable(getattr(evaluator, "training_loss", None))


def frozen(evaluator: Evaluator) -> Evaluator:
    """The evaluator in evaluation mode, without gradients."""
    evaluator.eval().requires_grad_(False)
    return evaluator


@torch.no_grad()
def embed_in_chunks(
    evaluator: Evaluator, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"], chunk: int = 256
) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D2"]]:
    """Embeddings and FID features of many motions, in chunks, on the CPU.

    A chunk holds clips of similar length, cut to its longest.
    """
    order = torch.argsort(lengths, stable=True)
    where = next(evaluator.parameters()).device
    found = []
    for rows in order.split(chunk):
        longest = int(lengths[rows].max())
        here, frames = features[rows, :longest].to(where), lengths[rows].to(where)
        found.append((evaluator.embed_motion(here, frames).cpu(), evaluator.fid_features(here, frames).cpu()))
    back = torch.argsort(order)
    return torch.cat([one for one, _ in found])[back], torch.cat([two for _, two in found])[back]
