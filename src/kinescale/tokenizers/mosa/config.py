"""MoSa's tokenizer: its sizes and rates. The defaults are the published network (Liu et al. 2025, arXiv 2511.01200)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from kinescale.tokenizers import base
from kinescale.tokenizers.mosa.networks import GROUPS


class Config(base.FeatureConfig):
    """Sizes, rates and the two ways of treating padding.

    ``multipliers``: channels of each level over ``width``, finest first, half the frames from level to level;
    ``bins`` and ``codes`` of each scale, coarse to fine; ``phi_depth``: convolutions of each scale.

    ``attention``: whether the coarsest level and what lies between encoder and decoder attend over time.

    ``padding``: "slots" puts learned frames after a clip's end and codes them too, so that every clip costs as much as
    the longest (the published way); "masked" keeps the network from reading past a clip's end, so that a clip's
    tokens and decoded frames do not depend on how much padding follows, and ``layout(frames)`` is as small as the clip
    allows: bins keep their share of the capacity, in steps of ``unit`` latents.

    ``lookup``: see ``quantizers.vq``; ``learn``: see ``learn_from`` in ``pyramid.loop``; ``faithful``: the reference's
    codebook reset.
    """

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"quantisation_weight": "quantization_weight"}

    width: int = Field(default=256, ge=1)
    multipliers: tuple[int, ...] = (1, 2, 1)
    blocks: int = Field(default=2, ge=0)
    code_dim: int = Field(default=512, ge=1)
    bins: tuple[int, ...] = (3, 6, 10, 15, 20, 25, 30, 36, 42, 49)
    codes: tuple[int, ...] = (256, 313, 370, 427, 484, 540, 597, 654, 711, 768)
    attention: bool = True
    phi_depth: int = Field(default=2, ge=0)
    padding: Literal["slots", "masked"] = "slots"
    slot_groups: int = Field(default=10, ge=1)
    slot_decay: float = Field(default=0.99, ge=0.0, le=1.0)
    lookup: Literal["distance", "cosine"] = "cosine"
    learn: Literal["pooled", "full"] = "full"
    commitment: float = Field(default=1.0, ge=0.0)
    quantization_weight: float = Field(default=0.02, ge=0.0)
    assignment_temperature: float | None = Field(default=None, gt=0.0)
    faithful: bool = False

    @property
    def stride(self) -> int:
        """Frames per latent step."""
        return 2 ** (len(self.multipliers) - 1)

    @property
    def capacity(self) -> int:
        """Latent steps of the longest clip."""
        return self.max_frames // self.stride

    @property
    def unit(self) -> int:
        """Latent steps in which every scale has a whole number of bins."""
        return self.capacity // math.gcd(self.capacity, *self.bins)

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        levels = len(self.multipliers)
        if not 1 <= levels <= 6 or min(self.multipliers) < 1 or self.width % GROUPS:
            raise ValueError(
                f"width {self.width} times multipliers {self.multipliers}; expected 1 to 6 levels of at least 1 times "
                f"a multiple of {GROUPS} channels"
            )
        if not self.blocks and len(set(self.multipliers)) > 1:
            raise ValueError(
                f"no blocks and multipliers {self.multipliers}; expected equal ones, as nothing widens them"
            )
        if self.max_frames % self.stride:
            raise ValueError(f"max_frames is {self.max_frames}; expected a multiple of {self.stride}")
        rising = all(a < b for a, b in zip((0, *self.bins), self.bins, strict=False))
        if not self.bins or not rising or self.bins[-1] != self.capacity:
            raise ValueError(
                f"bins are {self.bins}; expected rising numbers that end with the {self.capacity} latents of "
                f"{self.max_frames} frames"
            )
        if len(self.codes) != len(self.bins) or min(self.codes) < 2:
            raise ValueError(f"{len(self.codes)} codebooks of {self.codes} codes for {len(self.bins)} scales")
        return self
