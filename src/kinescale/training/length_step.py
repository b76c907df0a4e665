"""The length's stage: captions of whole clips from the cache, to the clips' lengths in latent steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn

from kinescale.generators.base import StepLoss
from kinescale.generators.base.length import LengthPredictor
from kinescale.tokens import TextFeatures
from kinescale.training.data import Batches
from kinescale.training.text_cache import TextCache


@dataclass(frozen=True, eq=False)
class Lengths:
    """Text features of a batch of captions, and the latent steps of their clips."""

    text: TextFeatures
    steps: Int[Tensor, "B"]

    def __len__(self) -> int:
        return len(self.text)

    def part(self, rows: slice) -> Lengths:
        """Some of its clips."""
        return Lengths(TextFeatures(self.text.tokens[rows], self.text.mask[rows]), self.steps[rows])


class LengthStep:
    """What ``loop.fit`` asks for. ``stride``: frames of a latent step."""

    name = "length"

    def __init__(self, network: LengthPredictor, stride: int, batches: Batches, texts: TextCache, device: torch.device):
        self.module: nn.Module = network
        self._most, self._stride, self._device = network.capacity, stride, device
        self._batches, self._texts = batches, texts

    def batch(self, step: int) -> Lengths:
        """The batch of a step."""
        return self._of(*self._batches.whole_lengths(step))

    def validation(self, index: int) -> Lengths | None:
        """A fixed validation batch."""
        found = self._batches.validation_lengths(index)
        return None if found is None else self._of(*found)

    def loss(self, module: nn.Module, batch: Lengths, rng: torch.Generator) -> StepLoss:
        """Cross-entropy of the lengths."""
        text = batch.text.to(self._device)
        loss, error = module.training_loss(text, batch.steps)  # type: ignore[operator]
        return StepLoss(loss, {"error_frames": float(error.detach()) * self._stride})

    def _of(self, frames: Int[Tensor, "B"], captions: tuple[str, ...]) -> Lengths:
        steps = (frames.float() / self._stride).round().long().clamp(1, self._most)
        return Lengths(self._texts.look_up(captions), steps)
