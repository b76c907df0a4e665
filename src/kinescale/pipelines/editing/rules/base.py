"""The contract of published editing rules: what a rule is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.pipelines.editing.masks import Mask
from kinescale.pipelines.editing.region import Span
from kinescale.samplers.base import Keep, SampleRequest, SamplerOutput
from kinescale.tokenizers import Tokenizer
from kinescale.tokens.codec import Codec
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

Sample = Callable[[SampleRequest, Any], SamplerOutput]


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks that an edit runs, with the texts that both its passes share.

    Parameters
    ----------
    codec : the tokenizer's, as the generator sees it.
    sample : the sampler's function.
    config : the sampler's settings.
    uncond : text features of a negative prompt; ``None``: the generator's unconditional input.
    """

    tokenizer: Tokenizer
    generator: Any
    codec: Codec
    sample: Sample
    config: Any
    uncond: TextFeatures | None = None

    def request(
        self, text: TextFeatures, latent_lengths: Tensor, rng: torch.Generator, keep: Keep | None = None
    ) -> SampleRequest:
        """One clip to sample, in the layout of the longest clip, as the published code has it."""
        return SampleRequest(
            generator=self.generator,
            codec=self.codec,
            text=text,
            layout=self.tokenizer.layout(),
            latent_lengths=latent_lengths,
            rngs=[rng],
            uncond=self.uncond,
            keep=keep,
            shared_passes=True,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Asked:
    """An edit as a task asks for it.

    Parameters
    ----------
    features : normalized features of the clip.
    frames : of the result, at least those of the clip.
    spans : the frames that are resampled; none is allowed where the result is longer than the clip.
    parts : latent parts that hold nothing but what is resampled; ``None``: the whole body.
    keep_scales : coarse scales that are kept; ``None``: as published.
    text, source_text : of the prompt, and of what the clip is about.
    rng : a generator of random numbers for the edit; the same one, from its start, at every call.
    source_rng : the one that the clip was generated with; ``None`` for a clip that was not.
    """

    networks: Networks
    features: Float[Tensor, "T F"]
    frames: int
    spans: tuple[Span, ...]
    parts: tuple[int, ...] | None
    keep_scales: int | None
    threshold: float
    text: TextFeatures
    source_text: TextFeatures
    rng: Callable[[], torch.Generator]
    source_rng: Callable[[], torch.Generator] | None = None

    def padded(self) -> Float[Tensor, "1 T2 F"]:
        """The clip with zeros after it, as long as the longest clip."""
        most = self.networks.tokenizer.layout().max_frames
        return torch.nn.functional.pad(self.features, (0, 0, 0, most - len(self.features)))[None]

    def steps(self, frames: int) -> Tensor:
        """Latent steps that so many frames touch [1]."""
        stride = self.networks.tokenizer.layout().stride
        return torch.tensor([-(-frames // stride)], device=self.features.device)


@dataclass(frozen=True, eq=False)
class Ruled:
    """What a rule made.

    Parameters
    ----------
    source : the clip's tokens.
    sampled : the tokens after the edit, and F, their summed latent.
    given : per scale [bins, groups], where the clip's tokens were kept.
    features : normalized, of all frames that the tokenizer decodes [1, T, F].
    notes : what a user should know, a sentence each.
    """

    source: TokenMap
    sampled: SamplerOutput
    given: Mask
    features: Float[Tensor, "1 T F"]
    notes: tuple[str, ...] = field(default=())
