"""Steps shared by all pipelines: text encoding, sampling, encoding and decoding, skeleton and frame rate of a bundle.

Nothing else in the package calls a sampler or decodes tokens to a motion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

import kinescale
from kinescale.bundle.bundle import Bundle
from kinescale.bundle.hub import DEFAULT
from kinescale.core import progress
from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.features import Feature
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample, resample_cubic
from kinescale.motion.retarget import retarget
from kinescale.pipelines.post_process import PostProcess
from kinescale.samplers.base import Keep, OnScale, SampleRequest, SamplerOutput
from kinescale.tokenizers import Encoded
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

MAX_CLIPS = 4096
"""Clips of one call."""

GENERATOR = f"kinescale {kinescale.__version__}"
"""Name of the package and its version, in the ``meta`` of every motion made."""

ANY_PROMPT = "a person moves"
"""Gives the shape of the features that stand for no text."""


# not ``Self``: the run-time type checks of the tests cannot resolve it on a single method
P = TypeVar("P", bound="Pipeline")


class Pipeline:
    """Base of the pipelines: a bundle that can be sampled from. Build it once and call it often."""

    def __init__(self, bundle: Bundle):
        bundle.sampler()
        self.bundle = bundle

    @classmethod
    def from_pretrained(
        cls: type[P],
        path_or_repo_id: str | Path = DEFAULT,
        *,
        offline: bool = True,
        device: torch.device | str = "cpu",
        hub: Mapping[str, Any] | None = None,
    ) -> P:
        """The pipeline of a bundle; ``hub`` holds ``revision``, ``token`` ... of ``Bundle.from_pretrained``."""
        return cls(Bundle.from_pretrained(path_or_repo_id, offline=offline, device=device, **(hub or {})))


def encode_text(bundle: Bundle, prompts: Sequence[str | None]) -> TextFeatures:
    """Text features of each prompt on the bundle's device; ``None`` is the generator's unconditional input.

    Prompts are encoded one by one, so that the features of one do not depend on the others.
    """
    generator: Any = bundle.generator
    rows = []
    for prompt in prompts:
        features = bundle.text_encoder.encode([prompt or ANY_PROMPT]).to(bundle.device)
        rows.append(generator.unconditional(features) if prompt is None else features)
    return TextFeatures.stack(rows)


def sample(
    bundle: Bundle,
    text: TextFeatures,
    layout: TokenLayout,
    lengths: Int[Tensor, "B"],
    *,
    config: Record,
    rngs: Sequence[torch.Generator],
    keep: Keep | None = None,
    on_scale: OnScale | None = None,
    shared_passes: bool = False,
) -> SamplerOutput:
    """Tokens of B clips from the bundle's sampler; ``keep`` holds given tokens, ``lengths`` counts latent steps.

    Every scale is reported to ``core.progress``, which may stop the sampling there.
    """
    sampler, _ = bundle.sampler()
    request = SampleRequest(
        generator=bundle.generator,
        codec=bundle.codec,
        text=text,
        layout=layout,
        latent_lengths=lengths,
        rngs=rngs,
        keep=keep,
        on_scale=_reported(on_scale, len(layout.scales)),
        shared_passes=shared_passes,
    )
    return sampler(request, config)


def _reported(on_scale: OnScale | None, scales: int) -> OnScale | None:
    """The callback after a report of progress; ``None`` where nobody watches either."""
    if not progress.watched():
        return on_scale

    def reported(scale: int, latent: Tensor) -> None:
        progress.report("scale", scale + 1, scales)
        if on_scale is not None:
            on_scale(scale, latent)

    return reported


def encode(bundle: Bundle, features: Float[Tensor, "T F"]) -> Encoded:
    """Tokens and latents of features (not normalized); the last frame is repeated to fill a whole latent step."""
    frames = len(features)
    normalized = bundle.normalizer.apply(features).to(bundle.device)
    whole = -(-frames // bundle.stride) * bundle.stride
    padded = torch.cat([normalized, normalized[-1:].expand(whole - frames, -1)])
    return bundle.tokenizer.encode(padded[None], torch.tensor([whole], device=bundle.device))


def decode(bundle: Bundle, tokens: TokenMap, frames: int, *, scales: int | None = None) -> Float[Tensor, "T F"]:
    """Features (not normalized) of one clip's tokens; ``scales``: only the coarsest so many."""
    return _denormalized(bundle, bundle.tokenizer.decode(tokens if scales is None else tokens.first(scales)), frames)


def decode_latent(
    bundle: Bundle, latent: Float[Tensor, "1 T2 P D"], lengths: Int[Tensor, "1"], frames: int
) -> Float[Tensor, "T F"]:
    """Features (not normalized) of one clip's latents."""
    return _denormalized(bundle, bundle.tokenizer.decode_latent(latent, lengths), frames)


def masked_latent(
    layout: TokenLayout, latent: Float[Tensor, "B T2 P D"], lengths: Int[Tensor, "B"]
) -> Float[Tensor, "B T2 P D"]:
    """Latents with zeros beyond each clip's length, where the layout's scales are pooled from such latents."""
    if layout.rounding != "down":
        return latent
    inside = torch.arange(latent.shape[1], device=latent.device) < lengths[:, None]
    return latent * inside[:, :, None, None]


def _denormalized(bundle: Bundle, decoded: Float[Tensor, "1 T F"], frames: int) -> Float[Tensor, "T2 F"]:
    return bundle.normalizer.undo(decoded[0, :frames].float().cpu())


def one_clip(tokens: TokenMap, clip: int) -> TokenMap:
    """The tokens of one clip of a batch."""
    one = slice(clip, clip + 1)
    return TokenMap(tokens.layout, tokens.latent_lengths[one], tuple(scale[one] for scale in tokens.scales))


def onto_feature(motion: Motion, feature: Feature, *, frames: int | None = None) -> Motion:
    """The motion on the feature's skeleton and at its frame rate, as training data are prepared (feet uncorrected).

    ``frames``: so many frames by cubic interpolation, which keeps speeds smooth; else linear interpolation.
    """
    there = retarget(motion, feature.skeleton, feet=False)
    return resample(there, feature.fps) if frames is None else resample_cubic(there, feature.fps, frames)


def from_bundle(made: Motion, clip: Motion, frames: int) -> Motion:
    """A motion on the bundle's skeleton brought to a clip's skeleton and frame rate, ``frames`` long."""
    return resample_cubic(retarget(made, clip.skeleton, feet=False), clip.fps, frames)


def sample_indices(samples: int | Sequence[int]) -> Sequence[int]:
    """How many samples, or which, as indices; ``InputError`` for none or too many."""
    if isinstance(samples, int):
        if not 1 <= samples <= MAX_CLIPS:
            raise InputError(f"{samples} samples; expected 1 to {MAX_CLIPS}.")
        return range(samples)
    if not 1 <= len(samples) <= MAX_CLIPS or any(index < 0 for index in samples):
        raise InputError(f"the samples are {list(samples)}; expected whole numbers from 0.")
    return list(samples)


def sampling_meta(bundle: Bundle, config: Record, settings: PostProcess, scales: int | None = None) -> dict[str, Any]:
    """``meta["sampling"]``: the sampler's name and settings, and the post-processing.

    ``scales``: how many of the coarsest were decoded; ``None`` for all.
    """
    part = bundle.manifest.sampling
    known = {"sampler": "" if part is None else part.name, **config.to_json(), **settings.to_json()}
    known["decoded_scales"] = scales
    return {"sampling": {name: value for name, value in known.items() if value is not None}}


def bundle_meta(bundle: Bundle, *motions: Motion) -> dict[str, Any]:
    """``meta`` of a motion made with a bundle: generator, the bundle's hash, licenses of its data and ``motions``."""
    licenses = [*(str(motion.meta.get("license") or "") for motion in motions), bundle.license]
    every = dict.fromkeys(part for line in licenses for part in line.split("; ") if part)
    return {
        "license": "; ".join(every),
        "generator": GENERATOR,
        "bundle": bundle.content_hash,
    }
