"""Scale-wise autoregressive sampling: one pass per scale, guidance rising from off to its full scale.

MoSa (arXiv 2511.01200), sampling; VAR (Tian et al. 2024). Earlier scales enter by the generator's key-value cache;
classifier-free guidance takes the conditional and the unconditional branch in one pass.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.samplers.base import (
    GuidanceScale,
    Keep,
    SamplerConfig,
    SampleRequest,
    SamplerOutput,
    Steps,
    sample_clips,
)
from kinescale.samplers.base.logits import apply_cfg, draw, keep_crossing_nucleus, keep_share, uniform_numbers
from kinescale.tokens.token_map import MASKED, PADDING, TokenMap


class Config(SamplerConfig):
    """Sampling settings.

    ``guidance_scale`` s: scale q of a run that ends with scale m has ``1 + (s - 1) q / m`` (s = 1: off, and no
    unconditional branch is computed); ``drop``: share of a scale's codes, the worst, that are never sampled (1: always
    the best code); ``top_p``: the nucleus that is kept, the crossing code included (0: off);
    ``scales``: sample only the coarsest so many (None: all); ``accumulate``: "full", the sum has the layout's length
    whatever is sampled, or "last", the length of the last sampled scale, so that the tokens are those of a shorter
    latent grid (a clip as long as its bins). MoSa notes, section 4.
    """

    guidance_scale: GuidanceScale = 5.0
    drop: float = Field(default=0.8, ge=0.0, le=1.0)
    top_p: float = Field(default=0.95, ge=0.0, le=1.0)
    temperature: float = Field(default=1.0, gt=0.0, le=100.0)
    scales: int | None = Field(default=None, ge=1)
    accumulate: Literal["full", "last"] = "full"

    def guidance_at(self, scale: int, count: int) -> float:
        """Guidance scale of one scale of a run over ``count`` scales."""
        return 1.0 + (self.guidance_scale - 1.0) * (scale / (count - 1) if count > 1 else 1.0)

    def probabilities(self, logits: Float[Tensor, "*b V"]) -> Float[Tensor, "*b V"]:
        """Sampling probabilities."""
        kept = keep_share(logits / self.temperature, self.drop)
        return keep_crossing_nucleus(kept, self.top_p).softmax(-1)


@torch.no_grad()
def sample(request: SampleRequest, config: Config) -> SamplerOutput:
    """Sample a token pyramid, or its coarsest scales.

    Raises ``InputError`` when counts do not fit, a clip is longer than the layout, or ``scales`` are more than it has.
    """
    layout, keep = request.layout, request.keep
    if config.scales is not None and config.scales > len(layout.scales):
        raise InputError(
            f"{config.scales} scales to sample of a layout of {len(layout.scales)}; ask for at most those."
        )
    if config.accumulate == "last":
        layout = layout.coarsest(config.scales or len(layout.scales))
        keep = None if keep is None else Keep(keep.tokens[: len(layout.scales)], keep.given[: len(layout.scales)])
    return sample_clips(partial(_steps, config=config), replace(request, layout=layout, keep=keep))


def _steps(request: SampleRequest, config: Config) -> Steps:
    """Scale by scale, all clips of the request in the same passes."""
    generator, codec, layout = request.generator, request.codec, request.layout
    count = config.scales or len(layout.scales)
    running = codec.empty(layout, len(request.latent_lengths))
    latents = request.latent_lengths.to(running.device)
    copies = 1 if config.guidance_scale == 1.0 else 2
    text = request.text.to(running.device) if copies == 1 else request.with_uncond(running.device)
    state = generator.begin(text, layout, latents.repeat(copies))
    sampled = []
    for scale in range(count):
        inputs = codec.scale_input(running, scale, layout, latents)
        inputs = torch.cat([inputs] * copies)
        valid = layout.valid(latents, scale)
        blank = torch.full(valid.shape, MASKED, device=latents.device).masked_fill(~valid, PADDING)
        logits, state = generator.step(state, scale, inputs, torch.cat([blank] * copies))
        logits = logits.float()
        if copies == 2:
            cond, uncond = logits.chunk(2)
            logits = apply_cfg(cond, uncond, config.guidance_at(scale, count))
        tokens = _choose(logits.view(*valid.shape, -1), valid, scale, config, request)
        state = generator.commit(state, scale, inputs, torch.cat([tokens] * copies))
        running = running + codec.contribution(tokens, scale, layout)
        sampled.append(tokens)
        yield scale, tokens, running
    return SamplerOutput(TokenMap(layout, latents, tuple(sampled)), running)


def _choose(
    logits: Float[Tensor, "B bins groups V"],
    valid: Tensor,
    scale: int,
    config: Config,
    request: SampleRequest,
) -> Int[Tensor, "B bins groups"]:
    """One scale's tokens: given ones as they are, the others sampled."""
    keep = request.keep
    given = torch.zeros_like(valid) if keep is None else keep.given[scale].to(valid.device) & valid
    numbers = uniform_numbers(valid & ~given, request.rngs)
    tokens = draw(config.probabilities(logits), numbers).masked_fill(~valid, PADDING)
    return tokens if keep is None else torch.where(given, keep.tokens[scale].to(tokens), tokens)


def keep_outside(source: TokenMap, edited: Float[Tensor, "B T"], forced: int = 0) -> Keep:
    """The published edit mask, for a request's ``keep``: tokens where ``edited`` is not above one half.

    ``edited``, one number per latent step (1: resample, 0: keep), is brought to each scale by linear interpolation;
    the ``forced`` coarsest scales are kept whole. MoSa notes, section 5.
    """
    given = []
    for scale, spec in enumerate(source.layout.scales):
        near = functional.interpolate(edited[:, None], size=spec.bins, mode="linear", align_corners=False)[:, 0] > 0.5
        kept = torch.ones_like(near) if scale < forced else ~near
        given.append(kept[:, :, None].expand(-1, -1, spec.groups) & source.valid(scale))
    return Keep(source.scales, tuple(given))
