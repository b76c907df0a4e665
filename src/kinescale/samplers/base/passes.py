"""Per-clip sampling: each clip in network passes of its own, or all of a request in shared ones.

Floating-point kernels round differently for other shapes, and one draw on the edge makes another clip. So each clip
has network passes of its own, in the layout of its own length, whatever else is in the request: nothing is computed
of it in a shape that another clip has a part in. ``shared_passes`` gives that up: one pass for all clips.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from kinescale.samplers.base.output import SamplerOutput
from kinescale.samplers.base.request import SampleRequest, per_scale_fields
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import PADDING, TokenMap

Steps = Generator[tuple[int, Tensor, Tensor], None, SamplerOutput]
"""Sampling under way: yields a scale's index, its tokens and F after it, scale by scale; returns the output."""


def sample_clips(steps: Callable[[SampleRequest], Steps], request: SampleRequest) -> SamplerOutput:
    """Run ``steps`` for each clip by itself, or once for all with ``request.shared_passes``.

    ``request.on_scale`` sees a scale of all clips at once. Raises ``InputError`` as ``SampleRequest.check``.
    """
    request.check()
    parts = (
        [request.trimmed()] if request.shared_passes else [request.clip(i) for i in range(len(request.latent_lengths))]
    )
    runs = [_Run(steps, part, request.layout) for part in parts]
    if request.on_scale is None:
        # one after another, so that the states of many clips are not held at once
        for run in runs:
            while run.advance() is not None:
                pass
        return _joined(runs, request)
    while None not in (scales := [run.advance() for run in runs]):
        request.on_scale(scales[0] or 0, torch.cat([run.latent for run in runs]))
    return _joined(runs, request)


def drained(steps: Steps) -> SamplerOutput:
    """The output of a sampling run to its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


class _Run:
    """Sampling under way and F in the layout of the result."""

    def __init__(self, steps: Callable[[SampleRequest], Steps], part: SampleRequest, layout: TokenLayout):
        self._steps, self.part, self.layout = steps(part), part, layout
        self.latent = part.codec.empty(layout, len(part.latent_lengths))
        self.output: Any = None

    def advance(self) -> int | None:
        """Sample one more scale; its index, or ``None`` at the end."""
        try:
            scale, tokens, running = next(self._steps)
        except StopIteration as end:
            self.output = end.value
            return None
        if self.part.layout == self.layout:
            self.latent = running
        else:
            tokens = _widened(tokens, self.layout.scales[scale].bins, PADDING)
            self.latent = self.latent + self.part.codec.contribution(tokens, scale, self.layout)
        return scale


def _joined(runs: Sequence[_Run], request: SampleRequest) -> SamplerOutput:
    """The output of all runs in the request's layout."""
    bins, first = [scale.bins for scale in request.layout.scales], runs[0].output
    parts = [{"scales": run.output.tokens.scales, **per_scale_fields(run.output)} for run in runs]
    rows: dict[str, Any] = {}
    for name, own in parts[0].items():
        fill = PADDING if name == "scales" else 0
        rows[name] = tuple(
            torch.cat([_widened(part[name][k], bins[k], fill) for part in parts]) for k in range(len(own))
        )
    tokens = TokenMap(request.layout, request.latent_lengths.to(first.tokens.latent_lengths.device), rows.pop("scales"))
    return dataclasses.replace(first, tokens=tokens, latent=torch.cat([run.latent for run in runs]), **rows)


def _widened(row: Tensor, bins: int, fill: int) -> Tensor:
    """[B, b, ...] with ``fill`` in the bins past the first b."""
    missing = bins - row.shape[1]
    return functional.pad(row, (0, 0) * (row.ndim - 2) + (0, missing), value=fill) if missing else row
