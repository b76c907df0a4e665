"""One pass a scale, coarse to fine, with guidance that grows from none to its full strength.

MoSa (arXiv 2511.01200), sampling; VAR (Tian et al. 2024). Earlier scales enter by what the generator keeps of them;
classifier-free guidance takes the conditional and the unconditional branch in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.samplers.base import Drawn, Keep, OnScale, SampleRequest, ScaleGenerator, Steps, draw_clips
from kinescale.samplers.base.logits import draw, guided, keep_crossing_nucleus, keep_share, uniform_numbers
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING, TokenMap


class Config(Record):
    """How to draw.

    ``guidance`` w: scale q of a run that ends with scale m is guided by ``w q / m`` (w = 0: not at all, and no
    unconditional branch is computed); ``drop``: share of a scale's codes, the worst, that are never drawn (1: always
    the best code); ``top_p``: the nucleus that is kept, the crossing code included (0: off);
    ``scales``: draw only the coarsest so many (None: all); ``accumulate``: "full", the sum has the layout's length
    whatever is drawn, or "last", the length of the last scale drawn, so that the tokens are those of a shorter latent
    grid (a clip as long as its bins). MoSa notes, section 4.
    """

    guidance: float = Field(default=4.0, ge=0.0, le=100.0)
    drop: float = Field(default=0.8, ge=0.0, le=1.0)
    top_p: float = Field(default=0.95, ge=0.0, le=1.0)
    temperature: float = Field(default=1.0, gt=0.0, le=100.0)
    scales: int | None = Field(default=None, ge=1)
    accumulate: Literal["full", "last"] = "full"

    def strength(self, scale: int, count: int) -> float:
        """Guidance of one scale of a run over ``count`` scales."""
        return self.guidance * (scale / (count - 1) if count > 1 else 1.0)

    def probabilities(self, logits: Float[Tensor, "*b V"]) -> Float[Tensor, "*b V"]:
        """What is drawn from."""
        kept = keep_share(logits / self.temperature, self.drop)
        return keep_crossing_nucleus(kept, self.top_p).softmax(-1)


@torch.no_grad()
def sample(
    generator: ScaleGenerator,
    codec: Codec,
    text: TextFeatures,
    unconditional: TextFeatures | None,
    layout: TokenLayout,
    latents: Int[Tensor, "B"],
    *,
    config: Config,
    rngs: Sequence[torch.Generator],
    keep: Keep | None = None,
    on_scale: OnScale | None = None,
    shared_passes: bool = False,
) -> Drawn:
    """Draw a pyramid, or its coarsest scales.

    Parameters
    ----------
    text : a sentence a clip; ``unconditional``: what guidance leads away from (None: the generator's own).
    latents : latent steps of each clip.
    rngs : a CPU generator a clip.
    keep : positions that are given; the others are drawn.
    on_scale : called with a scale's index and F after it.
    shared_passes : one network pass for all clips instead of one for each: faster on an accelerator, but then a clip
        may depend on what else is drawn (``samplers.base``).

    Raises ``InputError`` when counts do not fit or a clip is longer than the layout.
    """
    if config.scales is not None and config.scales > len(layout.scales):
        raise InputError(f"{config.scales} scales to draw of a layout of {len(layout.scales)}; ask for at most those.")
    if config.accumulate == "last":
        layout = layout.coarsest(config.scales or len(layout.scales))
        keep = None if keep is None else Keep(keep.tokens[: len(layout.scales)], keep.given[: len(layout.scales)])
    request = SampleRequest(generator, codec, text, unconditional, layout, latents, rngs, keep)
    return draw_clips(partial(_steps, config=config), request, on_scale, shared_passes)


def _steps(request: SampleRequest, config: Config) -> Steps[Drawn]:
    """Scale by scale, all clips of the request in the same passes."""
    generator, codec, text, layout = request.generator, request.codec, request.text, request.layout
    count = config.scales or len(layout.scales)
    running = codec.empty(layout, len(request.latents))
    latents = request.latents.to(running.device)
    copies = 2 if config.guidance else 1
    told = text.to(running.device)
    if copies == 2:
        away = generator.unconditional(text) if request.unconditional is None else request.unconditional
        told = TextFeatures.stack([told, away.to(running.device)])
    state = generator.begin(told, layout, latents.repeat(copies))
    drawn = []
    for scale in range(count):
        inputs = codec.scale_input(running, scale, layout, latents)
        inputs = torch.cat([inputs] * copies)
        valid = layout.valid(latents, scale)
        blank = torch.full(valid.shape, MASKED, device=latents.device).masked_fill(~valid, PADDING)
        logits, state = generator.step(state, scale, inputs, torch.cat([blank] * copies))
        logits = logits.float()
        if copies == 2:
            logits = guided(*logits.chunk(2), config.strength(scale, count))
        tokens = _choose(logits.view(*valid.shape, -1), valid, scale, config, request)
        state = generator.settle(state, scale, inputs, torch.cat([tokens] * copies))
        running = running + codec.contribution(tokens, scale, layout)
        drawn.append(tokens)
        yield scale, tokens, running
    return Drawn(TokenMap(layout, latents, tuple(drawn)), running)


def _choose(
    logits: Float[Tensor, "B bins groups V"],
    valid: Tensor,
    scale: int,
    config: Config,
    request: SampleRequest,
) -> Int[Tensor, "B bins groups"]:
    """One scale's tokens: given ones as they are, the others drawn."""
    keep = request.keep
    given = torch.zeros_like(valid) if keep is None else keep.given[scale].to(valid.device) & valid
    numbers = uniform_numbers(valid & ~given, request.rngs)
    tokens = draw(config.probabilities(logits), numbers).masked_fill(~valid, PADDING)
    return tokens if keep is None else torch.where(given, keep.tokens[scale].to(tokens), tokens)


def keep_outside(source: TokenMap, again: Float[Tensor, "B T"], forced: int = 0) -> Keep:
    """What an edit keeps of a clip: the tokens where ``again``, one number a latent step, is not above one half.

    ``again`` (1: draw anew, 0: keep) is brought to each scale by linear interpolation; the ``forced`` coarsest scales
    are kept whole. MoSa notes, section 5.
    """
    given = []
    for scale, spec in enumerate(source.layout.scales):
        near = functional.interpolate(again[:, None], size=spec.bins, mode="linear", align_corners=False)[:, 0] > 0.5
        kept = torch.ones_like(near) if scale < forced else ~near
        given.append(kept[:, :, None].expand(-1, -1, spec.groups) & source.valid(scale))
    return Keep(source.scales, tuple(given))
