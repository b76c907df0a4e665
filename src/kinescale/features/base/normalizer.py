"""Normalizer: per-feature mean and deviation, kept with every model that was trained under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError


@dataclass(frozen=True, eq=False)
class Normalizer:
    """``(x - mean) / std``; both float32 [F], std positive."""

    mean: Float[Tensor, "F"]
    std: Float[Tensor, "F"]

    def __post_init__(self) -> None:
        if self.mean.shape != self.std.shape or self.mean.ndim != 1:
            raise InputError(f"mean {tuple(self.mean.shape)} and std {tuple(self.std.shape)}; expected the same [F].")
        if not (bool(torch.isfinite(self.mean).all()) and bool((self.std > 0).all())):
            raise InputError("feature statistics must be finite, with deviations above zero.")

    def apply(self, features: Float[Tensor, "*b F"]) -> Float[Tensor, "*b F"]:
        """Normalized features."""
        return (features - self.mean.to(features)) / self.std.to(features)

    def biased(self, blocks: Mapping[str, slice], bias: float) -> Normalizer:
        """Deviations of the root's features and of the contacts divided by ``bias``, so that they weigh more in losses.

        MoMask (Guo et al. 2024), ``feat_bias`` 5.
        """
        std = self.std.clone()
        for name, part in blocks.items():
            if name.startswith("root") or name == "contacts":
                std[part] = std[part] / bias
        return Normalizer(self.mean, std)

    def undo(self, features: Float[Tensor, "*b F"]) -> Float[Tensor, "*b F"]:
        """Features in their own units."""
        return features * self.std.to(features) + self.mean.to(features)
