"""Generator contract: all that training, samplers and editing call. A variant's file offers ``Config`` (a Record),
``Generator(config)`` and ``SAMPLER``.

``SAMPLER`` names the variant of the ``samplers`` family that samples it. A ``Config`` holds what the tokenizer and
the text encoder fix, so that the generator is built without seeing them; fields of these names are filled in for a run:
``vocabulary``, ``vocabularies`` (V or K of each scale), ``code_dim`` (the codec's D), ``scales`` (latents per bin of
each scale), ``bins`` and ``groups`` (of each scale), ``capacity``, ``stride``, ``parts``, ``text_width``,
``text_tokens``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from kinescale.core.records import Record
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures


@dataclass(frozen=True, eq=False)
class StepLoss:
    """A training step's outcome: the scalar to minimize and named numbers for the log."""

    loss: Tensor
    logs: dict[str, float] = field(default_factory=dict)


class Generator(nn.Module, ABC):
    """Declares what every generator has; its sampler also calls the methods of one of the two classes below.

    ``token_kind``: "codes" or "bits", how the codec shows it the tokenizer's tokens; ``config``: its ``Config``.
    """

    token_kind: str
    config: Record

    def adopt(self, codec: Codec) -> None:
        """Initialize from the codec, such as from its codes; called once, before the first training step."""

    @abstractmethod
    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """Text features of the unconditional branch (classifier-free guidance, edits without a prompt), one row per
        sentence of ``text``."""

    @abstractmethod
    def begin(self, text: TextFeatures, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]) -> Any:
        """The sampling state before anything is sampled. A state is opaque to the sampler, which only hands it back."""

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
        paper asks for) goes through ``codec``. All random numbers come from ``rng`` (a CPU generator).
        """


class ScaleGenerator(Generator):
    """Generator that predicts one scale after the other (samplers ``next_scale``, ``scale_wise``, ``bitwise``)."""

    @abstractmethod
    def step(
        self, state: Any, scale: int, inputs: Tensor, tokens: Tensor, places: Int[Tensor, "B n"] | None = None
    ) -> tuple[Tensor, Any]:
        """Logits [B, positions, V] of one scale (of bits: [B, positions, K, 2]), and the next state.

        ``inputs``: F at the scale's resolution [B, bins, groups, D]; ``tokens``: those of the scale that are known,
        ``MASKED`` where unknown. ``places``: flattened positions whose logits [B, n, ...] alone are asked for.
        """

    def commit(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> Any:
        """The state once a scale's tokens are final; the same one where its tokens are not read."""
        return state


def at_places(rows: Shaped[Tensor, "B L *d"], places: Int[Tensor, "B n"] | None) -> Shaped[Tensor, "B n *d"]:
    """The rows at some places of each clip; all where none are named."""
    return rows if places is None else rows[torch.arange(len(rows), device=rows.device)[:, None], places]


class MaskedGenerator(Generator):
    """Generator that predicts masked tokens of several scales at once (sampler ``masked``)."""

    @abstractmethod
    def rounds(self, layout: TokenLayout) -> tuple[tuple[int, ...], ...]:
        """The scales sampled together, round by round; each scale once."""

    @abstractmethod
    def logits(self, state: Any, scales: tuple[int, ...], tokens: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Any]:
        """Logits [B, bins, groups, V] of the given scales, in their order, and the next state.

        ``tokens``: one [B, bins, groups] for each scale of the layout; codes, ``MASKED`` where unknown, ``PADDING``.
        """
