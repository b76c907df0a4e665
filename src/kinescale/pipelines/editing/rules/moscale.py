"""MoScale's rule: frames of a clip, or what follows it, are resampled; all scales, and the whole body.

MoScale (arXiv 2604.03799), section 4.2 of its method notes: the tokens of a frame mask are sampled as in generation,
the others given; the sum F of the mixed tokens is decoded as it is. The authors' script gives the clip's last latent
step away.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.pipelines.editing.rules.base import Asked, Networks, Ruled
from kinescale.samplers import next_scale
from kinescale.tokens.text_features import TextFeatures

SAMPLER = "next_scale"
GREEDY = {"top_k": 1}
"""Settings of the sampler that always choose the likeliest."""


def apply(asked: Asked) -> Ruled:
    """The edit; ``InputError`` for parts of the body or kept scales, which the rule does not have, or a clip of one
    latent step."""
    if asked.parts is not None or asked.keep_scales:
        raise InputError("MoScale's rule resamples frames of the whole body at all scales; leave parts and scales out.")
    networks = asked.networks
    stride = networks.tokenizer.layout().stride
    whole = (len(asked.features) // stride - 1) * stride
    if whole < stride:
        raise InputError(f"MoScale's rule gives the clip's last {stride} frames away; give a clip of {2 * stride}.")
    regions = [(first / asked.frames, last / asked.frames) for first, last in asked.spans]
    lengths = torch.tensor([whole], device=asked.features.device)
    return resample(networks, asked.padded(), lengths, asked.steps(asked.frames), regions, asked.text, asked.rng())


def resample(
    networks: Networks,
    source: Float[Tensor, "1 T F"],
    source_frames: Int[Tensor, "1"],
    latent_lengths: Int[Tensor, "1"],
    regions: Sequence[tuple[float, float]],
    text: TextFeatures,
    rng: torch.Generator,
) -> Ruled:
    """The published edit: ``regions`` are fractions of the result, which may be longer than the source."""
    tokens = networks.tokenizer.encode(source, source_frames).tokens
    keep = next_scale.keep_outside(tokens, latent_lengths, regions)
    request = networks.request(text, latent_lengths, rng, keep)
    sampled = networks.sample(request, networks.config.but(faithful=True))
    features = networks.tokenizer.decode_latent(sampled.latent, latent_lengths)
    return Ruled(tokens, sampled, tuple(given[0] for given in keep.given), features)
