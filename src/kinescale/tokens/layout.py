"""Layout of a token pyramid: scales, coarse to fine, and the positions that a clip of a given length fills."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from kinescale.core.errors import InputError


@dataclass(frozen=True)
class Scale:
    """One token map.

    Parameters
    ----------
    bins : positions in time.
    groups : positions over the body.
    factor : latents per bin (capacity // bins); 0 where bins are spread evenly over the capacity (MoSa).
    members : latent parts that each group pools; () means that group g is part g, or that one group holds all.
    """

    bins: int
    groups: int
    factor: int = 0
    members: tuple[tuple[int, ...], ...] = ()

    @property
    def size(self) -> int:
        """Positions of this scale."""
        return self.bins * self.groups


@dataclass(frozen=True)
class TokenLayout:
    """The pyramid for latents of ``capacity`` steps in time.

    Parameters
    ----------
    scales : coarse to fine.
    capacity : latent steps the tensors hold (padding included).
    stride : frames per latent step.
    rounding : which bins a clip fills: "down" only whole ones (MoScale), "up" also those it fills in part (ScaleMoGen),
        "all" every bin whatever the length, since padding after a clip's end is coded too (MoSa).
    least : bins of each scale that any clip fills, however short (MSQ: 1; what they pool is then part of a bin).
    partly : whether a latent step that a clip reaches into, but does not fill, is one of its latents (ScaleMoGen).
    longest : latent steps of the longest clip where that is more than ``capacity``: a pyramid cut short by ``coarsest``
        (0: the capacity).
    unit : capacities of layouts for shorter clips are multiples of it (0: every clip has this layout).
    """

    scales: tuple[Scale, ...]
    capacity: int
    stride: int
    rounding: Literal["down", "up", "all"] = "down"
    least: int = 0
    partly: bool = False
    longest: int = 0
    unit: int = 0

    @property
    def positions(self) -> int:
        """L, positions of all scales together."""
        return sum(scale.size for scale in self.scales)

    @property
    def starts(self) -> tuple[int, ...]:
        """Index of each scale's first position in the flattened pyramid, and L at the end."""
        starts = [0]
        for scale in self.scales:
            starts.append(starts[-1] + scale.size)
        return tuple(starts)

    @property
    def max_frames(self) -> int:
        """Frames of the capacity."""
        return self.capacity * self.stride

    def for_frames(self, frames: int) -> TokenLayout:
        """The pyramid for clips of at most ``frames`` frames, as small as ``unit`` allows.

        Raises ``InputError`` for a length below one latent step or above the capacity.
        """
        if not self.stride <= frames <= self.max_frames:
            raise InputError(f"clips of {frames} frames; expected {self.stride} to {self.max_frames}.")
        if not self.unit:
            return self
        capacity = -(-frames // (self.stride * self.unit)) * self.unit
        scales = tuple(replace(spec, bins=self._bins(spec, capacity)) for spec in self.scales)
        return replace(self, scales=scales, capacity=capacity)

    def _bins(self, spec: Scale, capacity: int) -> int:
        """Bins of one scale over another capacity."""
        if not spec.factor:
            return spec.bins * capacity // self.capacity
        whole = capacity + spec.factor - 1 if self.rounding == "up" else capacity
        return max(self.least, whole // spec.factor)

    def check(self, frames: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        """``frames`` itself; ``InputError`` when one is below one latent step or above the capacity."""
        if frames.numel() == 0:
            raise InputError("the batch is empty; give at least one clip.")
        low, high = int(frames.min()), int(frames.max())
        most = max(self.longest, self.capacity) * self.stride
        if low < self.stride or high > most:
            wrong = low if low < self.stride else high
            raise InputError(f"a clip of {wrong} frames; expected {self.stride} to {most}.")
        return frames

    def coarsest(self, count: int) -> TokenLayout:
        """The first ``count`` scales over a latent grid of the last one's bins: what they add up to at that length.

        Clips keep their own lengths, which may be more than the grid holds. Only for pyramids that code every bin
        (``rounding`` "all"). MoSa, method notes, section 4: a run that stops early, summed at the last scale's length.
        """
        if self.rounding != "all" or not 1 <= count <= len(self.scales):
            raise InputError(
                f"the coarsest {count} of {len(self.scales)} scales at their own length (bins: '{self.rounding}'); "
                "expected 1 or more of them, at most all, and bins that are all filled (MoSa with padding slots)."
            )
        capacity = self.scales[count - 1].bins
        scales = tuple(replace(s, factor=0 if capacity % s.bins else capacity // s.bins) for s in self.scales[:count])
        return replace(self, scales=scales, capacity=capacity, longest=max(self.longest, self.capacity))

    def latents(self, frames: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        """Latent steps of clips of ``frames`` frames: whole ones, or all those they touch if ``partly``."""
        if self.partly:
            return self.touched(frames)
        return torch.div(frames, self.stride, rounding_mode="floor")

    def touched(self, frames: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        """Latent steps that clips of ``frames`` frames reach into, the last one perhaps in part."""
        return torch.div(frames + self.stride - 1, self.stride, rounding_mode="floor")

    def valid_bins(self, latents: Int[Tensor, "B"], scale: int) -> Int[Tensor, "B"]:
        """Valid bins of one scale for clips of ``latents`` steps."""
        spec = self.scales[scale]
        if self.rounding == "all":
            return torch.full_like(latents, spec.bins)
        filled, whole = (latents, spec.factor) if spec.factor else (latents * spec.bins, self.capacity)
        if self.rounding == "up":
            filled = filled + whole - 1
        return torch.div(filled, whole, rounding_mode="floor").clamp(min=self.least, max=spec.bins)

    def valid(self, latents: Int[Tensor, "B"], scale: int) -> Bool[Tensor, "B bins groups"]:
        """Which positions of one scale are filled."""
        spec = self.scales[scale]
        bins = torch.arange(spec.bins, device=latents.device)[None, :] < self.valid_bins(latents, scale)[:, None]
        return bins[:, :, None].expand(-1, -1, spec.groups)

    def valid_flat(self, latents: Int[Tensor, "B"]) -> Bool[Tensor, "B L"]:
        """Which positions of the flattened pyramid are filled (scales in order, time-major inside a scale)."""
        return torch.cat([self.valid(latents, k).flatten(1) for k in range(len(self.scales))], dim=1)

    def scale_of_position(self) -> Int[Tensor, "L"]:
        """Index of the scale of each flattened position."""
        sizes = torch.tensor([scale.size for scale in self.scales])
        return torch.repeat_interleave(torch.arange(len(self.scales)), sizes)
