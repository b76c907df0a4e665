"""The generator's stage: features through the frozen tokenizer, captions from the cache, to its objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from kinescale.generators import Generator
from kinescale.generators.base import StepLoss
from kinescale.tokenizers import Tokenizer
from kinescale.tokens import TextFeatures
from kinescale.training.data import Batch, Batches
from kinescale.training.text_cache import TextCache


@dataclass(frozen=True, eq=False)
class Told:
    """A batch with the features of its captions."""

    motion: Batch
    text: TextFeatures

    def __len__(self) -> int:
        return len(self.motion)

    def part(self, rows: slice) -> Told:
        """Some of its clips, padded as they are."""
        return Told(self.motion.part(rows), TextFeatures(self.text.tokens[rows], self.text.mask[rows]))


class GeneratorStep:
    """What ``loop.fit`` asks for. The tokenizer is used in evaluation mode and never trained."""

    name = "generator"

    def __init__(
        self,
        generator: Generator,
        tokenizer: Tokenizer,
        batches: Batches,
        texts: TextCache,
        device: torch.device,
        check: Callable[[nn.Module], dict[str, float]] | None = None,
    ):
        self.module: nn.Module = generator
        self._tokenizer = tokenizer.to(device).eval().requires_grad_(False)
        self._codec = self._tokenizer.codec.view(generator.token_kind)
        self._batches, self._texts, self._device, self._check = batches, texts, device, check

    def batch(self, step: int) -> Told:
        """The batch of a step."""
        return self._tell(self._batches.train(step))

    def validation(self, index: int) -> Told | None:
        """A fixed validation batch."""
        batch = self._batches.validation(index)
        return None if batch is None else self._tell(batch)

    def loss(self, module: nn.Module, batch: Told, rng: torch.Generator) -> StepLoss:
        """The generator's objective on the latents of the batch."""
        motion = batch.motion.to(self._device)
        # In full precision whatever the stage's: tokens must be those that decoding will see.
        with torch.no_grad(), torch.autocast(self._device.type, enabled=False):
            latent = self._tokenizer.encode(motion.features, motion.lengths).latent
        text = batch.text.to(self._device)
        return module.training_loss(self._codec, latent, motion.lengths, text, rng)  # type: ignore[operator]

    def generated(self, module: nn.Module) -> dict[str, float]:
        """Numbers of the motions that ``module`` generates now, where the run validates by them."""
        return {} if self._check is None else self._check(module)

    def _tell(self, batch: Batch) -> Told:
        return Told(batch, self._texts.look_up(batch.captions))
