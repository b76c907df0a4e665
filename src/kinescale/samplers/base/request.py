"""What a sampler is given: clips to sample, with their texts, lengths, random generators and given tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures

OnScale = Callable[[int, Tensor], None]
"""Called with a scale's index and F after it."""


@dataclass(frozen=True, eq=False)
class Keep:
    """Given positions: per scale, tokens [B, bins, groups] and where they are given (true) instead of sampled."""

    tokens: tuple[Tensor, ...]
    given: tuple[Tensor, ...]

    def clip(self, index: int, layout: TokenLayout) -> Keep:
        """The part of one clip, in a layout that has the first bins of each scale of the batch's."""
        bins = [scale.bins for scale in layout.scales]
        own: dict[str, Any] = {
            name: tuple(row[index : index + 1, :count] for row, count in zip(rows, bins, strict=True))
            for name, rows in per_scale_fields(self).items()
        }
        return dataclasses.replace(self, **own)


@dataclass(frozen=True, eq=False, kw_only=True)
class SampleRequest:
    """Clips to sample: one sentence, one length and one CPU random generator per clip.

    Parameters
    ----------
    generator : a generator whose ``SAMPLER`` is the sampler.
    text : one sentence per clip.
    layout : the pyramid of the result; it holds the longest clip.
    latent_lengths : [B] latent steps of each clip.
    rngs : one CPU generator per clip.
    uncond : text features of the unconditional branch, one row per clip; ``None``: the generator's own.
    keep : positions that are given (or a sampler's own edit); the others are sampled.
    on_scale : called with a scale's index and F after it.
    shared_passes : one network pass for all clips instead of one for each: faster on an accelerator, but then a clip
        may depend on what else is sampled (``docs/batch_invariance.md``).
    """

    generator: Any
    codec: Codec
    text: TextFeatures
    layout: TokenLayout
    latent_lengths: Tensor
    rngs: Sequence[torch.Generator]
    uncond: TextFeatures | None = None
    keep: Keep | None = None
    on_scale: OnScale | None = None
    shared_passes: bool = False

    def clip(self, index: int) -> SampleRequest:
        """One clip, in the layout of its own length."""
        one = slice(index, index + 1)
        layout = _own_layout(self.codec, self.layout, int(self.latent_lengths[index]))
        return dataclasses.replace(
            self,
            text=_one(self.text, one),
            layout=layout,
            latent_lengths=self.latent_lengths[one].clone(),
            rngs=self.rngs[one],
            uncond=None if self.uncond is None else _one(self.uncond, one),
            keep=None if self.keep is None else self.keep.clip(index, layout),
        )

    def trimmed(self) -> SampleRequest:
        """The request with its texts cut to the longest sentence."""
        uncond = None if self.uncond is None else self.uncond.trimmed()
        return dataclasses.replace(self, text=self.text.trimmed(), uncond=uncond)

    def with_uncond(self, device: torch.device) -> TextFeatures:
        """The sentences, then the unconditional rows, on ``device``."""
        uncond = self.generator.unconditional(self.text) if self.uncond is None else self.uncond
        return TextFeatures.stack([self.text.to(device), uncond.to(device)])

    def check(self) -> None:
        """``InputError`` when counts or kept tokens do not fit the layout, or a clip is longer than it."""
        layout, latents, keep = self.layout, self.latent_lengths, self.keep
        clips = len(latents)
        layout.check(latents * layout.stride)
        sentences = len(self.text) if self.uncond is None or len(self.uncond) == len(self.text) else -1
        if sentences != clips or len(self.rngs) != clips:
            raise InputError(
                f"{clips} lengths, {len(self.text)} sentences and {len(self.rngs)} random generators; "
                "give one of each per clip."
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


def per_scale_fields(record: Any) -> dict[str, tuple[Tensor, ...]]:
    """The fields of a record that hold one tensor per scale."""
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return {name: value for name, value in values.items() if isinstance(value, tuple) and value}


def _one(text: TextFeatures, rows: slice) -> TextFeatures:
    """A sentence without padding; copied, since some kernels round by where in memory a row begins."""
    own = TextFeatures(text.tokens[rows], text.mask[rows]).trimmed()
    return TextFeatures(own.tokens.clone(), own.mask.clone())


def _own_layout(codec: Codec, layout: TokenLayout, latents: int) -> TokenLayout:
    """The codec's layout for a clip; ``layout`` itself where it is not one of the codec's."""
    own = codec.layout(latents * layout.stride)
    pairs = list(zip(own.scales, layout.scales, strict=False))
    shorter = own.capacity <= layout.capacity and all(a.bins <= b.bins and a.groups == b.groups for a, b in pairs)
    return own if shorter and len(own.scales) == len(layout.scales) else layout
