"""The tokenizer's stage: a batch of features to the tokenizer's own objective, and losses on the decoded motion."""

from __future__ import annotations

import torch
from torch import nn

from kinescale.tokenizers import Tokenizer
from kinescale.tokenizers.base import StepLoss
from kinescale.training.data import Batch, Batches
from kinescale.training.kinematic_loss import KinematicLoss


class TokenizerStep:
    """What ``loop.fit`` asks for."""

    name = "tokenizer"

    def __init__(
        self,
        tokenizer: Tokenizer,
        batches: Batches,
        device: torch.device,
        kinematics: KinematicLoss | None = None,
    ):
        self.module: nn.Module = tokenizer
        self._kinematics = kinematics
        self._batches, self._device = batches, device

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        return self._batches.train(step)

    def validation(self, index: int) -> Batch | None:
        """A fixed validation batch."""
        return self._batches.validation(index)

    def loss(self, module: nn.Module, batch: Batch, rng: torch.Generator) -> StepLoss:
        """The tokenizer's objective, and the kinematic losses where the stage has any."""
        here = batch.to(self._device)
        own: StepLoss = module.training_loss(here.features, here.lengths, rng)  # type: ignore[operator]
        if self._kinematics is None or own.reconstruction is None:
            return own
        added, logs = self._kinematics(own.reconstruction)
        loss = self._kinematics.config.features * own.loss + added
        return StepLoss(loss, {**own.logs, **logs, "loss": float(loss.detach())})
