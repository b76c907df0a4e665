"""The evaluator's stage: motions and their sentences, told which other motions of the batch a sentence is true of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from kinescale.evaluators import Evaluator
from kinescale.evaluators.base import StepLoss
from kinescale.nn.seeded import seeded
from kinescale.tokens import TextFeatures, TokenLayout
from kinescale.training.data import Batch, Batches
from kinescale.training.text_cache import TextCache


@dataclass(frozen=True, eq=False)
class Paired:
    """A batch with its captions' features; ``true_of[i, j]``: caption i is among those of clip j."""

    motion: Batch
    text: TextFeatures
    true_of: Bool[Tensor, "B B"]

    def __len__(self) -> int:
        return len(self.motion)


class EvaluatorStep:
    """What ``loop.fit`` asks for."""

    name = "evaluator"

    def __init__(self, evaluator: Evaluator, batches: Batches, texts: TextCache, device: torch.device):
        self.module: nn.Module = evaluator
        self._batches, self._texts, self._device = batches, texts, device

    def batch(self, step: int) -> Paired:
        """The batch of a step."""
        return self._pair(self._batches.train(step))

    def validation(self, index: int) -> Paired | None:
        """A fixed validation batch."""
        batch = self._batches.validation(index)
        return None if batch is None else self._pair(batch)

    def loss(self, module: nn.Module, batch: Paired, rng: torch.Generator) -> StepLoss:
        """The evaluator's objective."""
        here = batch.motion.to(self._device)
        text, true_of = batch.text.to(self._device), batch.true_of.to(self._device)
        with seeded(rng, self._device, enabled=module.training):
            return module.training_loss(here.features, here.lengths, text, true_of)  # type: ignore[operator]

    def _pair(self, batch: Batch) -> Paired:
        sets = [frozenset(choices) for choices in batch.choices]
        true_of = torch.tensor([[caption in said for said in sets] for caption in batch.captions])
        return Paired(batch, self._texts.look_up(batch.captions), true_of)


def any_length(max_frames: int):
    """The layout ``Batches`` asks for where there are no tokens: any length up to ``max_frames``, padded to none."""

    def layout(frames: int | None = None) -> TokenLayout:
        return TokenLayout(scales=(), capacity=max_frames if frames is None else frames, stride=1)

    return layout
