"""Gaps of an edit without a prompt: filled around a prior (``infill``), and varied by the generator.

Sample 0 is what the surroundings alone say. Other samples add what the generator draws for the gap, as a difference to
how the tokenizer gives the filled clip back; their share grows with the gap. Nothing outside a gap is moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from kinescale.motion.hold_feet import hold_feet
from kinescale.motion.motion import Motion
from kinescale.pipelines import runtime
from kinescale.pipelines.editing.blend import Blended, border_peak
from kinescale.pipelines.editing.fill import FillContext, Filler
from kinescale.pipelines.editing.inbetween_network import FPS, MAX_GAP
from kinescale.pipelines.editing.infill import BORDER_S, InfillOptions, infill, with_difference
from kinescale.pipelines.editing.masks import Mask
from kinescale.pipelines.editing.region import EditRegion, Span
from kinescale.pipelines.editing.stretch import back_on
from kinescale.pipelines.editing.windows import Filled, window_by_window
from kinescale.pipelines.post_process import PostProcess
from kinescale.tokens.token_map import TokenMap

FULL_S = 2.0
"""Seconds of a gap in which the generator's difference has its whole share."""


def fillable(motion: Motion, region: EditRegion) -> bool:
    """Whether every span of the region is a gap of the whole body with frames around it, short enough to be filled."""
    return (
        region.whole_body
        and region.keep_scales == 0
        and all(
            start > 0 and stop < len(motion) and (stop - start + 1) * FPS / motion.fps <= MAX_GAP + 1
            for start, stop in region.spans
        )
    )


class GapFill:
    """The gaps of a clip filled once, and sampled."""

    def __init__(
        self, motion: Motion, region: EditRegion, fill: Filler, post_process: PostProcess, *, level: bool = False
    ):
        self.region, self.fill, self.post_process = region, fill, post_process
        self.floor = 0.0 if level else None
        self.motion = motion
        for span in region.spans:
            self.motion = infill(self.motion, span, InfillOptions(floor=self.floor)).motion

    def sample(
        self, context: FillContext, number: int, rng: torch.Generator
    ) -> tuple[Motion, tuple[Blended, ...], Filled, Mapping[str, Any]]:
        """The clip of a sample, how its gaps meet the clip, and the tokens; ``context`` is of the filled clip."""
        base = as_it_is(context)
        clip, drawn = self.motion, base
        if number:
            drawn = self.fill(context, rng)
            given, made = self._back(context, base), self._back(context, drawn)
            for span in self.region.spans:
                share = min(1.0, (span[1] - span[0]) / (FULL_S * clip.fps))
                clip = with_difference(clip, given, made, span, share)
                clip = hold_feet(clip, span, self.floor)
        return clip, tuple(met(clip, span) for span in self.region.spans), drawn, {}

    def _back(self, context: FillContext, filled: Filled) -> Motion:
        """Decoded features as a clip that is as long as the filled one."""
        stretch = context.stretch
        made = back_on(context.bundle, stretch, filled.features, self.motion, self.post_process, filled.decoded).motion
        before, after = stretch.start, len(self.motion) - stretch.stop
        root = torch.cat([made.root[:1].expand(before, -1), made.root, made.root[-1:].expand(after, -1)])
        turns = made.rotations
        turns = torch.cat([turns[:1].expand(before, -1, -1), turns, turns[-1:].expand(after, -1, -1)])
        return made.replace(root=root, rotations=turns)


def met(clip: Motion, span: Span) -> Blended:
    """How a span meets the frames around it, where nothing was blended."""
    start, stop = span
    count = max(1, min(round(BORDER_S * clip.fps), (stop - start) // 2))
    borders = ((start - 1, min(start + count, stop)), (max(start, stop - count), stop + 1))
    return Blended(clip, count, border_peak(clip, borders))


def as_it_is(context: FillContext) -> Filled:
    """A filler that keeps every token: the stretch encoded and decoded."""
    bundle = context.bundle

    def window(features: torch.Tensor, _start: int, _spans: tuple[Span, ...]) -> tuple[torch.Tensor, TokenMap, Mask]:
        encoded = runtime.encode(bundle, features)
        layout, lengths = encoded.tokens.layout, encoded.tokens.latent_lengths
        latent = runtime.masked_latent(layout, encoded.quantized, lengths)
        decoded = runtime.decode_latent(bundle, latent, lengths, len(features))
        kept = tuple(torch.ones(scale.bins, scale.groups, dtype=torch.bool) for scale in layout.scales)
        return decoded, bundle.plain(encoded.tokens), kept

    return window_by_window(bundle, context.stretch.features, context.stretch.spans, window)
