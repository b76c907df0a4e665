"""Fillers: what computes the frames of an edit region. The standard one resamples the region's tokens.

``EditPipeline.run`` calls a filler once per sample and sets what it returns into the clip; a task passes another one
where the frames come from elsewhere (``token_mixing``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale import samplers
from kinescale.bundle.bundle import Bundle
from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.pipelines import runtime
from kinescale.pipelines.editing.masks import Mask, latents_touched, resampled_positions
from kinescale.pipelines.editing.region import EditRegion, Span
from kinescale.pipelines.editing.stretch import Stretch
from kinescale.pipelines.editing.windows import Filled, window_by_window
from kinescale.samplers.base import Keep
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap


@dataclass(frozen=True, eq=False)
class FillContext:
    """What a filler works on: the stretch around the region, sampler settings, and the prompt's text features."""

    bundle: Bundle
    stretch: Stretch
    region: EditRegion
    config: Record
    text: TextFeatures


Filler = Callable[[FillContext, torch.Generator], Filled]
"""Computes the features of a stretch with its spans filled: one sample, with all randomness from the generator."""


@dataclass(frozen=True, eq=False)
class Rewriting:
    """Bit-wise text-guided editing (ScaleMoGen, section 4.2): text features of the source prompt, and the threshold."""

    text: TextFeatures
    threshold: float


def fill_tokens(context: FillContext, rng: torch.Generator, rewriting: Rewriting | None = None) -> Filled:
    """Encode the stretch, resample the tokens of the region given all others, decode, window by window."""
    window = partial(_window, context, rng, rewriting)
    return window_by_window(context.bundle, context.stretch.features, context.stretch.spans, window)


def seen_tokens(bundle: Bundle, tokens: TokenMap) -> TokenMap:
    """Tokens of the tokenizer as the generator sees them: bits where it predicts bits."""
    return bundle.codec.from_native(tokens)


def _window(
    context: FillContext,
    rng: torch.Generator,
    rewriting: Rewriting | None,
    features: Float[Tensor, "T F"],
    _start: int,
    spans: tuple[Span, ...],
) -> tuple[Tensor, TokenMap, Mask]:
    bundle, region = context.bundle, context.region
    encoded = runtime.encode(bundle, features)
    layout, lengths = encoded.tokens.layout, encoded.tokens.latent_lengths
    masks = resampled_positions(layout, spans, region.roles, bundle.tokenizer.latent_roles, region.keep_scales)
    seen = seen_tokens(bundle, encoded.tokens)
    given = tuple(~mask[None].to(bundle.device) & seen.valid(k) for k, mask in enumerate(masks))
    sample = partial(runtime.sample, bundle, config=context.config, rngs=[rng])
    keep = Keep(seen.scales, given)
    if rewriting is not None:
        # the clip's bits under the source prompt: all are given, only their probabilities are needed
        everything = tuple(seen.valid(k) for k in range(len(seen.scales)))
        source = sample(rewriting.text, layout, lengths, keep=Keep(seen.scales, everything))
        nowhere = [torch.zeros(scale.bins, scale.groups, dtype=torch.bool) for scale in layout.scales]
        rewrite = _rewrite_of(bundle)
        keep = rewrite(source, nowhere, early=region.keep_scales, threshold=rewriting.threshold)
    sampled = sample(context.text, layout, lengths, keep=keep)
    inside = latents_touched(layout, spans).to(bundle.device)[None, :, None, None]
    latent = torch.where(inside, sampled.latent, encoded.quantized)
    latent = runtime.masked_latent(layout, latent, lengths)
    decoded = runtime.decode_latent(bundle, latent, lengths, len(features))
    return decoded, bundle.plain(sampled.tokens), tuple(g[0].cpu() for g in given)


def _rewrite_of(bundle: Bundle) -> Any:
    """The sampler's function that keeps bits by their probabilities."""
    part = bundle.manifest.sampling
    assert part is not None
    module = samplers.FAMILY.load(part.name)
    if not hasattr(module, "rewrite"):
        raise InputError(f"the sampler '{part.name}' cannot rewrite by probabilities; leave the source prompt out.")
    return module.rewrite
