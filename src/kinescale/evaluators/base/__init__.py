"""The evaluator contract. A variant's file offers ``Config`` (a Record) and ``Evaluator(config)``.

A ``Config`` has ``feature_width``, ``text_width`` and ``max_frames``; those a run fixes are filled in by their names.
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
    """A training step's outcome: the scalar to minimize and named numbers for the log."""

    loss: Tensor
    logs: dict[str, float] = field(default_factory=dict)


class Evaluator(nn.Module, ABC):
    """Declares only. Two encoders into one space; what they see is told by the attributes.

    ``reads``: the feature family's variant its features are of ("" where any will do). ``feature_width`` F, the width
    of the features given to it. ``min_frames``, ``max_frames``: lengths it takes. ``width``: D. ``cosine``: whether
    texts and motions are compared by angle, else by Euclidean distance. Features arrive normalized by the statistics
    the evaluator was trained with; what stands past a clip's length is never read.
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
        """Sentences, as the token features the evaluator was trained with, to its space."""

    @abstractmethod
    def embed_motion(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        """Motions to its space. Raises ``InputError`` for a length it does not take."""

    @abstractmethod
    def fid_features(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D2"]:
        """What FID is computed on: the embedding itself in most, an earlier layer in some."""

    def check_motion(self, features: Tensor, lengths: Tensor) -> None:
        """``InputError`` for features or lengths it does not take."""
        if features.shape[-1] != self.feature_width:
            raise InputError(f"features {features.shape[-1]} wide; this evaluator reads {self.feature_width}.")
        low, high = int(lengths.min()), int(lengths.max())
        if low < self.min_frames or high > self.max_frames or high > features.shape[1]:
            wrong, top = low if low < self.min_frames else high, min(self.max_frames, features.shape[1])
            raise InputError(f"a clip of {wrong} frames; this evaluator takes {self.min_frames} to {top}.")


def trained(evaluator: Evaluator) -> bool:
    """Whether the variant has an objective of its own: ``training_loss(features, lengths, text) -> StepLoss``."""
    return callable(getattr(evaluator, "training_loss", None))


def frozen(evaluator: Evaluator) -> Evaluator:
    """The evaluator ready for use: evaluation mode, no gradients."""
    evaluator.eval().requires_grad_(False)
    return evaluator


@torch.no_grad()
def embed_in_chunks(
    evaluator: Evaluator, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"], chunk: int = 256
) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D2"]]:
    """Embeddings and FID features of many motions, a chunk at a time, on the CPU.

    A chunk holds clips of like length, cut to its longest.
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
