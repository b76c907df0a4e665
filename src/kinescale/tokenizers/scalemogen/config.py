"""ScaleMoGen's tokenizer: its sizes, rates, body and scales. The defaults are the published HumanML3D network."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field, model_validator

from kinescale import quantizers, skeletons
from kinescale.core.errors import ConfigError, UnknownNameError
from kinescale.tokenizers import base
from kinescale.tokenizers.scalemogen.bodies import (
    BODIES,
    LATENT_PARTS,
    Body,
    Columns,
    check_columns,
    check_parts,
    columns_of,
    columns_of_blocks,
)
from kinescale.tokenizers.scalemogen.derived_body import derived_body
from kinescale.tokenizers.scalemogen.network import LEVELS
from kinescale.tokenizers.scalemogen.schedules import Schedule, quantized, schedule


class Config(base.Config):
    """Sizes, rates, the body and its scales.

    ``body``: skeleton of the features, whose published part list is used, or else its tree and roles;
    ``columns``: which features belong to which joint (None: from ``feature_blocks``, which a run fills in; without
    those the layout of ``humanml3d`` or of ``rotations`` and ``snapmogen``, whichever has that width);
    ``schedule``: a published list by id over the seven ``factors`` (latents per bin, coarse to fine), or a list of
    (factor, groups of the seven parts) that ends with single parts at factor 1; ``blocks``: residual convolutions per
    level; ``scale_dropout``: how often each scale but the last is left out in training; ``root_weight`` and
    ``velocity_weight``: extra weight in the loss.

    ``quantizer``: "bsq", the published signs of ``bits`` channels; or codes, which the paper does not have, of vectors
    ``code_dim`` wide: "vq", a codebook of ``codes`` that all scales share, or "fsq" with ``levels``.

    ``faithful``: as the reference - nothing is masked in the networks, bins are spread over the whole capacity, the
    layout is always the full one, and the graph of snapmogen24 lacks an edge. Otherwise a clip's tokens and decoded
    frames do not depend on what follows it, and ``layout(frames)`` is as small as the clip.
    """

    body: str = "humanml22"
    columns: Columns | None = None
    feature_blocks: dict[str, tuple[int, int]] = Field(default_factory=dict)
    width: int = Field(default=384, ge=1)
    bits: int = Field(default=24, ge=1, le=64)
    quantizer: str = "bsq"
    codes: int = Field(default=512, ge=2)
    levels: tuple[int, ...] = (8, 5, 5, 5)
    code_dim: int = Field(default=64, ge=1)
    blocks: int = Field(default=2, ge=1)
    factors: tuple[int, ...] = (49, 24, 16, 7, 4, 2, 1)
    schedule: int | Schedule = 5
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    scale_dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
    root_weight: float = Field(default=0.5, ge=0.0)
    velocity_weight: float = Field(default=0.5, ge=0.0)
    commitment_weight: float = Field(default=1.0, ge=0.0)
    faithful: bool = False

    @property
    def stride(self) -> int:
        """Frames per latent step."""
        return 2**LEVELS

    @property
    def capacity(self) -> int:
        """Latent steps of the longest clip."""
        return self.max_frames // self.stride

    @property
    def latent_width(self) -> int:
        """Channels that are quantized."""
        return self.bits if quantizers.token_kind(self.quantizer) == "bits" else self.code_dim

    @property
    def features(self) -> Columns:
        """Which features belong to which joint."""
        if self.columns is not None:
            return self.columns
        known = self.feature_blocks
        return columns_of_blocks(self.anatomy, known) if known else columns_of(self.anatomy, self.feature_width)

    @property
    def anatomy(self) -> Body:
        """Graph, parts and contacts of the skeleton ``body``."""
        return BODIES[self.body] if self.body in BODIES else derived_body(skeletons.get(self.body))

    @property
    def scales(self) -> Schedule:
        """(Factor, groups) of each scale; those of a published list as the reference quantizes it."""
        if isinstance(self.schedule, int):
            return quantized(schedule(self.schedule, self.factors))
        return self.schedule

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.max_frames % self.stride:
            raise ValueError(f"max_frames is {self.max_frames}; expected a multiple of {self.stride}")
        factors = [factor for factor, _ in self.scales]
        falling = all(a >= b for a, b in pairwise(factors))
        if not factors or not falling or factors[-1] != 1 or factors[0] > self.capacity:
            raise ValueError(f"factors are {factors}; expected numbers from {self.capacity} down to 1 that never rise")
        if not all(check_parts(groups, len(LATENT_PARTS)) for _, groups in self.scales):
            raise ValueError("a scale of the schedule does not hold each of the seven parts once")
        if len(self.scales[-1][1]) != len(LATENT_PARTS):
            raise ValueError("the last scale of the schedule groups parts; expected the seven single ones")
        try:
            check_columns(self.features, self.anatomy.joints, self.feature_width)
        except (ConfigError, UnknownNameError) as problem:
            raise ValueError(f"body: {problem}" if isinstance(problem, UnknownNameError) else str(problem)) from None
        return self
