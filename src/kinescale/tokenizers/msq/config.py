"""MSQ's tokenizer: its sizes, rates and the choices of the reconstruction (``docs/msq.md``)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from kinescale.pyramid.interpolation import Kind
from kinescale.tokenizers import base
from kinescale.tokenizers.msq.parts import Preset, build_feature


class Config(base.FeatureConfig):
    """Sizes, rates, and the choices that the paper's readable part leaves open.

    ``feature`` and ``feature_config``, filled in for a run: whose blocks and skeleton say which column belongs to which
    part;
    ``preset``: "pyramid", "grid" or "limbs" (``parts.PRESETS``); ``residual``: a scale codes the residual of its
    streams' coarser scales (else each scale codes the whole, and their mean is decoded); ``levels`` (fsq) or ``codes``
    (vq) of a quantizer; ``share_scales``: one quantizer per stream for all its scales.

    ``widths`` and ``code_dims``: of body, halves and limbs; ``spread``: interpolation from bins to latents; ``blend``:
    share of a convolution in what a scale adds; ``velocity_weight``: of frame differences in the loss; ``drop_finer``,
    ``drop_granularity``, ``cross_mix``: rates of the augmentation in ``augment``.
    """

    feature: str = "humanml3d"
    feature_config: dict[str, Any] = Field(default_factory=dict)
    preset: Preset = "pyramid"
    residual: bool = True
    quantizer: str = "fsq"
    levels: tuple[int, ...] = (8, 5, 5, 5)
    codes: int = Field(default=512, ge=2)
    share_scales: bool = False
    widths: tuple[int, int, int] = (256, 192, 128)
    code_dims: tuple[int, int, int] = (512, 256, 128)
    decoder_width: int = Field(default=512, ge=1)
    downs: int = Field(default=2, ge=1, le=6)
    blocks: int = Field(default=3, ge=1)
    dilation_growth: int = Field(default=3, ge=1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    spread: Kind = "linear"
    blend: float = Field(default=0.0, ge=0.0, le=1.0)
    commitment_weight: float = Field(default=0.02, ge=0.0)
    velocity_weight: float = Field(default=0.0, ge=0.0)
    drop_finer: float = Field(default=0.2, ge=0.0, le=1.0)
    drop_granularity: float = Field(default=0.1, ge=0.0, le=1.0)
    cross_mix: float = Field(default=0.0, ge=0.0, le=1.0)
    lookup: Literal["distance", "cosine"] = "distance"

    @property
    def stride(self) -> int:
        """Frames per latent step."""
        return 2**self.downs

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if min(self.widths) < 1 or min(self.code_dims) < 1:
            raise ValueError(f"widths are {self.widths} and code_dims {self.code_dims}; expected 1 or more each")
        if self.max_frames % self.stride:
            raise ValueError(f"max_frames is {self.max_frames}; expected a multiple of {self.stride}")
        feature = build_feature(self.feature, self.feature_config)
        if feature.width != self.feature_width:
            raise ValueError(
                f"feature '{self.feature}' is {feature.width} wide, feature_width is {self.feature_width}; "
                "name the feature that is fed, with its settings in feature_config"
            )
        return self
