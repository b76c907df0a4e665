"""What all samplers share: what is asked of a generator that predicts scale by scale, what is given, what comes out.

A sampler's file offers ``Config`` (a Record) and a free function ``sample(generator, codec, text, unconditional,
layout, latents, *, config, rngs, keep=None, on_scale=None, shared_passes=False) -> Drawn``: ``rngs`` holds one CPU
generator a clip.

Floating-point kernels round differently for other shapes, and one draw on the edge makes another clip. So each clip
has network passes of its own, in the layout of its own length, whatever else is drawn in the call: nothing is computed
of it in a shape that another clip has a part in. ``shared_passes`` gives that up: one pass for all clips.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import PADDING, TokenMap


@runtime_checkable
class ScaleGenerator(Protocol):
    """What is asked of a generator. A state is the generator's own; it is handed back, never looked into."""

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """What stands for no text beside each sentence."""
        ...

    def begin(self, text: TextFeatures, layout: TokenLayout, latents: Tensor) -> Any:
        """The state before the coarsest scale."""
        ...

    def step(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> tuple[Tensor, Any]:
        """Logits [B, positions, V] of one scale, given F at its resolution and its tokens so far (``MASKED`` where
        unknown), and the state to go on with."""
        ...

    def settle(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> Any:
        """The state once a scale's tokens are final."""
        ...


@dataclass(frozen=True, eq=False)
class Keep:
    """Given positions: per scale, tokens [B, bins, groups] and where they are given (true) instead of drawn."""

    tokens: tuple[Tensor, ...]
    given: tuple[Tensor, ...]

    def clip(self, index: int, layout: TokenLayout) -> Keep:
        """The part of one clip, in a layout that has the first bins of each scale of the batch's."""
        bins = [scale.bins for scale in layout.scales]
        own: dict[str, Any] = {
            name: tuple(row[index : index + 1, :count] for row, count in zip(rows, bins, strict=True))
            for name, rows in _row_fields(self).items()
        }
        return dataclasses.replace(self, **own)


@dataclass(frozen=True, eq=False)
class Drawn:
    """The tokens and F, the sum of what all scales add [B, T', P, D]."""

    tokens: TokenMap
    latent: Tensor


OnScale = Callable[[int, Tensor], None]
"""Called with a scale's index and F after it."""


@dataclass(frozen=True, eq=False)
class SampleRequest:
    """Clips to draw: a sentence, a length and a CPU generator of random numbers for each.

    Parameters
    ----------
    unconditional : what guidance leads away from, a row a clip; ``None``: the generator's own.
    layout : the pyramid of the result; it holds the longest clip.
    latents : [B] latent steps of each clip.
    keep : positions that are given; the others are drawn.
    """

    generator: Any
    codec: Codec
    text: TextFeatures
    unconditional: TextFeatures | None
    layout: TokenLayout
    latents: Tensor
    rngs: Sequence[torch.Generator]
    keep: Keep | None = None

    def clip(self, index: int) -> SampleRequest:
        """One clip, in the layout of its own length."""
        one = slice(index, index + 1)
        layout = _own_layout(self.codec, self.layout, int(self.latents[index]))
        keep = None if self.keep is None else self.keep.clip(index, layout)
        away = None if self.unconditional is None else _one(self.unconditional, one)
        text, latents = _one(self.text, one), self.latents[one].clone()
        return SampleRequest(self.generator, self.codec, text, away, layout, latents, self.rngs[one], keep)


D = TypeVar("D", bound=Drawn)
Steps = Generator[tuple[int, Tensor, Tensor], None, D]
"""A drawing under way: a scale's index, its tokens and F after it, scale by scale; it returns what was drawn."""


def draw_clips(
    steps: Callable[[SampleRequest], Steps[D]],
    request: SampleRequest,
    on_scale: OnScale | None = None,
    shared_passes: bool = False,
) -> D:
    """Draw each clip by itself, or with ``shared_passes`` all of them in the same network passes.

    ``on_scale`` sees a scale of all clips at once. Raises ``InputError`` when the request's counts do not fit or a
    clip is longer than the layout.
    """
    check(request)
    if shared_passes:
        runs = [_Run(steps, request, request.layout)]
    else:
        runs = [_Run(steps, request.clip(i), request.layout) for i in range(len(request.latents))]
    if on_scale is None:
        # one after another, so that the states of many clips are not held at once
        for run in runs:
            while run.advance() is not None:
                pass
        return _joined(runs, request)
    while None not in (scales := [run.advance() for run in runs]):
        on_scale(scales[0] or 0, torch.cat([run.latent for run in runs]))
    return _joined(runs, request)


def drained(steps: Steps[D]) -> D:
    """What a drawing comes to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


class _Run:
    """A drawing under way and F in the layout of the result."""

    def __init__(self, steps: Callable[[SampleRequest], Steps[Any]], part: SampleRequest, layout: TokenLayout):
        self._steps, self.part, self.layout = steps(part), part, layout
        self.latent = part.codec.empty(layout, len(part.latents))
        self.drawn: Any = None

    def advance(self) -> int | None:
        """Draw one more scale; its index, or ``None`` at the end."""
        try:
            scale, tokens, running = next(self._steps)
        except StopIteration as end:
            self.drawn = end.value
            return None
        if self.part.layout == self.layout:
            self.latent = running
        else:
            tokens = _widened(tokens, self.layout.scales[scale].bins, PADDING)
            self.latent = self.latent + self.part.codec.contribution(tokens, scale, self.layout)
        return scale


def _joined(runs: Sequence[_Run], request: SampleRequest) -> Any:
    """The result of all runs in the request's layout."""
    bins, first = [scale.bins for scale in request.layout.scales], runs[0].drawn
    parts = [{"scales": run.drawn.tokens.scales, **_row_fields(run.drawn)} for run in runs]
    rows: dict[str, Any] = {}
    for name, own in parts[0].items():
        fill = PADDING if name == "scales" else 0
        rows[name] = tuple(
            torch.cat([_widened(part[name][k], bins[k], fill) for part in parts]) for k in range(len(own))
        )
    tokens = TokenMap(request.layout, request.latents.to(first.tokens.latents.device), rows.pop("scales"))
    return dataclasses.replace(first, tokens=tokens, latent=torch.cat([run.latent for run in runs]), **rows)


def _row_fields(record: Any) -> dict[str, tuple[Tensor, ...]]:
    """The fields that hold a tensor a scale."""
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return {name: value for name, value in values.items() if isinstance(value, tuple)}


def _widened(row: Tensor, bins: int, fill: int) -> Tensor:
    """[B, b, ...] with ``fill`` in the bins past the first b."""
    missing = bins - row.shape[1]
    return functional.pad(row, (0, 0) * (row.ndim - 2) + (0, missing), value=fill) if missing else row


def _one(text: TextFeatures, rows: slice) -> TextFeatures:
    """A sentence; copied, since some kernels round by where in memory a row begins."""
    return TextFeatures(text.tokens[rows].clone(), text.mask[rows].clone())


def _own_layout(codec: Codec, layout: TokenLayout, latents: int) -> TokenLayout:
    """The codec's layout for a clip; ``layout`` itself where it is not one of the codec's."""
    own = codec.layout(latents * layout.stride)
    pairs = list(zip(own.scales, layout.scales, strict=False))
    shorter = own.capacity <= layout.capacity and all(a.bins <= b.bins and a.groups == b.groups for a, b in pairs)
    return own if shorter and len(own.scales) == len(layout.scales) else layout


def check(request: SampleRequest) -> None:
    """``InputError`` when a request's counts or kept tokens do not fit its layout."""
    layout, latents, text, away, keep = (
        getattr(request, name) for name in ("layout", "latents", "text", "unconditional", "keep")
    )
    clips = len(latents)
    layout.check(latents * layout.stride)
    sentences = len(text) if away is None or len(away) == len(text) else -1
    if sentences != clips or len(request.rngs) != clips:
        raise InputError(
            f"{clips} lengths, {len(text)} sentences and {len(request.rngs)} generators; give one of each a clip."
        )
    if keep is None:
        return
    shapes = [(clips, scale.bins, scale.groups) for scale in layout.scales]
    if [tuple(t.shape[:3]) for t in keep.tokens] != shapes or [tuple(g.shape) for g in keep.given] != shapes:
        raise InputError(f"the kept tokens do not have the layout's shapes {shapes}; encode them in this layout.")
    for scale, (tokens, given) in enumerate(zip(keep.tokens, keep.given, strict=True)):
        empty = tokens < 0 if tokens.ndim == 3 else (tokens < 0).any(-1)
        if bool((given & layout.valid(latents.to(given.device), scale) & empty).any()):
            raise InputError(f"scale {scale} keeps positions that hold no token; mark them as not given.")
