"""The generator contract. A variant's file offers ``Config`` (a Record), ``Generator(config)`` and ``SAMPLER``.

``SAMPLER`` names the variant of the ``samplers`` family that draws from it. A ``Config`` holds what the tokenizer and
the text encoder fix, so that the generator is built without seeing them; fields of these names are filled in for a run:
``vocabulary``, ``vocabularies`` (V or K of each scale), ``code_dim`` (the codec's D), ``scales`` (latents a bin of each
scale), ``bins`` and ``groups`` (of each scale), ``capacity``, ``stride``, ``parts``, ``text_width``, ``text_tokens``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from kinescale.core.records import Record
from kinescale.tokens.codec import Codec
from kinescale.tokens.text_features import TextFeatures


@dataclass(frozen=True, eq=False)
class StepLoss:
    """A training step's outcome: the scalar to minimize and named numbers for the log."""

    loss: Tensor
    logs: dict[str, float] = field(default_factory=dict)


class Generator(nn.Module, ABC):
    """Declares only; what is asked of a generator beyond training is agreed with its sampler."""

    token_kind: str
    config: Record

    def adopt(self, codec: Codec) -> None:
        """Begin from what the codec offers, such as its codes; called once, before the first training step."""

    @abstractmethod
    def training_loss(
        self,
        codec: Codec,
        latent: Float[Tensor, "B T P D"],
        lengths: Int[Tensor, "B"],
        text: TextFeatures,
        rng: torch.Generator,
    ) -> StepLoss:
        """The training objective on one batch.

        ``latent`` is the frozen tokenizer's encoder output; quantizing it scale by scale (with the corruption the
        paper asks for) goes through ``codec``. All random draws come from ``rng`` (a CPU generator).
        """
