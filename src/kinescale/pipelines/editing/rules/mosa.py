"""MoSa's rule: frames of a clip are resampled; coarse scales may be kept whole.

MoSa (arXiv 2511.01200), section 5 of its method notes: a mask of the latent steps is brought to each scale by linear
interpolation; the clip's codes stand outside of it, and everywhere in the forced scales.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.pipelines.editing.masks import latents_touched
from kinescale.pipelines.editing.rules.base import Asked, Networks, Ruled
from kinescale.samplers import scale_wise
from kinescale.tokens.text_features import TextFeatures

SAMPLER = "scale_wise"
GREEDY = {"drop": 1.0}
"""Settings of the sampler that always choose the likeliest."""


def apply(asked: Asked) -> Ruled:
    """The edit; ``InputError`` for parts of the body or a longer result, which the rule does not have."""
    if asked.parts is not None:
        raise InputError("MoSa's rule resamples frames of the whole body; leave parts out.")
    if asked.frames != len(asked.features):
        raise InputError("MoSa's rule keeps the clip's length; leave seconds out.")
    layout = asked.networks.tokenizer.layout()
    edited = latents_touched(layout, asked.spans).float()[None].to(asked.features.device)
    lengths = torch.tensor([asked.frames], device=asked.features.device)
    return resample(
        asked.networks, asked.padded(), lengths, edited, asked.text, asked.rng(), forced=asked.keep_scales or 0
    )


def resample(
    networks: Networks,
    source: Float[Tensor, "1 T F"],
    frames: Int[Tensor, "1"],
    edited: Float[Tensor, "1 T2"],
    text: TextFeatures,
    rng: torch.Generator,
    *,
    forced: int = 0,
) -> Ruled:
    """The published edit: ``edited`` is 1 at latent steps that are resampled; the ``forced`` coarsest scales stay."""
    tokens = networks.tokenizer.encode(source, frames).tokens
    keep = scale_wise.keep_outside(tokens, edited, forced=forced)
    sampled = networks.sample(networks.request(text, tokens.latent_lengths, rng, keep), networks.config)
    features = networks.tokenizer.decode_latent(sampled.latent, tokens.latent_lengths)
    return Ruled(tokens, sampled, tuple(given[0] for given in keep.given), features)
