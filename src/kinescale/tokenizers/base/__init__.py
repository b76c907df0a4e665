"""The tokenizer contract. A variant's file offers ``Config`` (a Record) and ``Tokenizer(config)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from kinescale import quantizers
from kinescale.core.errors import ConfigError, InputError, UnknownNameError
from kinescale.core.records import Record
from kinescale.pyramid import ResidualPyramid
from kinescale.skeletons.base import ROLES
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import TokenMap


class Config(Record):
    """What tokenizers share: features per frame, frames of the longest clip, and the quantizer.

    ``quantizer``: name in the ``quantizers`` family; ``quantizer_config``: settings of it, before those that the
    tokenizer's other fields (``codes``, ``ema_decay`` ...) stand for.
    """

    feature_width: int = Field(default=263, ge=1)
    max_frames: int = Field(default=196, ge=1)
    quantizer: str = "vq"
    quantizer_config: dict[str, Any] = Field(default_factory=dict)
    ema_decay: float = Field(default=0.99, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _known_quantizer(self) -> Config:
        try:
            quantizers.FAMILY.check(self.quantizer)
        except UnknownNameError as problem:
            raise ValueError(str(problem)) from None
        return self

    def build_quantizer(self, *, groups: int = 0, **offered: Any) -> quantizers.Quantizer:
        """The quantizer; of the ``offered`` settings it takes those it has. See ``quantizers.build``."""
        offered = {"decay": self.ema_decay, **offered}
        return quantizers.build(self.quantizer, self.quantizer_config, groups=groups, **offered)


class FeatureConfig(Config):
    """A ``Config`` with the blocks of the features, for losses that weigh some of them more.

    ``feature_width`` and ``feature_blocks`` (block -> its first column and the one past its last) are filled in from
    the run's feature when a tokenizer is built, in every ``Config`` that has fields of these names (as are
    ``feature``, ``feature_config`` and ``skeleton``); the defaults are HumanML3D's. ``explicit_blocks``: blocks whose
    error counts ``explicit_weight`` more.
    """

    feature_blocks: dict[str, tuple[int, int]] = Field(default_factory=lambda: {"positions": (4, 67)})
    explicit_blocks: tuple[str, ...] = ("positions",)
    explicit_weight: float = Field(default=0.5, ge=0.0)

    @model_validator(mode="before")
    @classmethod
    def _read_explicit_slice(cls, data: Any) -> Any:
        """``explicit_slice``, columns as numbers in files of earlier versions: the blocks they cover."""
        if not isinstance(data, Mapping) or "explicit_slice" not in data or "explicit_blocks" in data:
            return data
        rest = {key: value for key, value in data.items() if key != "explicit_slice"}
        columns = data["explicit_slice"]
        if columns is None:
            return {**rest, "explicit_blocks": ()}
        try:
            first, stop = columns
            blocks = {name: tuple(block) for name, block in dict(rest.get("feature_blocks", {})).items()}
            inside = {name: block for name, block in blocks.items() if first <= block[0] and block[1] <= stop}
            if sum(end - start for start, end in inside.values()) == stop - first:
                return {**rest, "explicit_blocks": tuple(inside)}
        except (TypeError, ValueError):
            raise ValueError(f"explicit_slice is {columns!r}; expected two numbers or null") from None
        return {**rest, "feature_blocks": {**blocks, "explicit": (first, stop)}, "explicit_blocks": ("explicit",)}

    @model_validator(mode="after")
    def _blocks_inside(self) -> FeatureConfig:
        for name in self.explicit_blocks:
            first, stop = self.feature_blocks.get(name, (0, 1))
            if not 0 <= first < stop <= self.feature_width:
                raise ValueError(f"block '{name}' is columns {first} to {stop} of {self.feature_width} features")
        return self

    def explicit_columns(self) -> slice | list[int] | None:
        """Columns of ``explicit_blocks``, a slice where they adjoin; ``ConfigError`` for a block the feature lacks."""
        if not self.explicit_blocks:
            return None
        unknown = [name for name in self.explicit_blocks if name not in self.feature_blocks]
        if unknown:
            known = ", ".join(self.feature_blocks)
            raise ConfigError(f"explicit_blocks names '{unknown[0]}', which the feature lacks; known: {known}.")
        columns = sorted({c for name in self.explicit_blocks for c in range(*self.feature_blocks[name])})
        adjoin = columns[-1] - columns[0] + 1 == len(columns)
        return slice(columns[0], columns[-1] + 1) if adjoin else columns


@dataclass(frozen=True, eq=False)
class Encoded:
    """Result of ``encode``: tokens, the encoder's latent grid and its quantized sum F, both [B, T', P, D]."""

    tokens: TokenMap
    latent: Tensor
    quantized: Tensor


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Features that a training step decoded, for losses on the motion itself.

    ``decoded`` and ``target`` are normalized features [B, T, F]; ``lengths`` [B] counts the frames of each clip that
    were coded.
    """

    decoded: Tensor
    target: Tensor
    lengths: Tensor


@dataclass(frozen=True, eq=False)
class StepLoss:
    """Result of a training step: the scalar to minimize, named numbers for the log, and the decoded features."""

    loss: Tensor
    logs: dict[str, float] = field(default_factory=dict)
    reconstruction: Reconstruction | None = None


class Tokenizer(nn.Module, ABC):
    """Encoder, residual pyramid, decoder and their training objective.

    ``pyramid`` is the tokenizer's codec. Features arrive normalized, zero padded to at most the capacity; lengths are
    frames and never altered.
    """

    config: Record
    feature_width: int
    pyramid: ResidualPyramid

    @property
    def codec(self) -> Codec:
        """Tokens to latents and back, scale by scale: the interface for generators, samplers and editing."""
        return self.pyramid

    @property
    def latent_roles(self) -> tuple[frozenset[str], ...]:
        """The roles whose joints each of the P latent parts decodes to; all of them unless a variant says otherwise."""
        return (frozenset(ROLES),) * self.codec.latent_parts

    def layout(self, frames: int | None = None) -> TokenLayout:
        """The pyramid that holds clips of ``frames`` frames (``None``: the longest)."""
        return self.codec.layout(frames)

    @abstractmethod
    def latents(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], layout: TokenLayout
    ) -> Float[Tensor, "B T2 P D"]:
        """The encoder's latent grid, of the layout's capacity."""

    def encode(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"]) -> Encoded:
        """Features to tokens, in the layout of ``T`` frames. Raises ``InputError`` for a batch that does not fit."""
        layout, latent_lengths = self.checked(features, lengths)
        grid = self.latents(features, lengths, layout)
        with torch.autocast(grid.device.type, enabled=False):
            quantized = self.pyramid(grid.float(), layout, latent_lengths)
        return Encoded(TokenMap(layout, latent_lengths, quantized.tokens), grid, quantized.total)

    def decode(self, tokens: TokenMap) -> Float[Tensor, "B T F"]:
        """Tokens (all scales or the first k) to features; frames past a clip's length carry no meaning."""
        return self.decode_latent(self.codec.latent_sum(tokens), tokens.latent_lengths)

    @abstractmethod
    def decode_latent(
        self, latent: Float[Tensor, "B T P D"], latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features."""

    @abstractmethod
    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """The training objective on one batch; may update codebook statistics held in buffers."""

    def checked(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"]
    ) -> tuple[TokenLayout, Int[Tensor, "B"]]:
        """The layout of a batch and each clip's latent steps; ``InputError`` for what cannot be encoded."""
        if features.shape[0] == 0:
            raise InputError("the batch is empty; give at least one clip.")
        if features.shape[2] != self.feature_width:
            raise InputError(f"{features.shape[2]} features per frame; this tokenizer takes {self.feature_width}.")
        if len(lengths) != len(features):
            raise InputError(f"{len(lengths)} lengths for {len(features)} clips; give one per clip.")
        layout = self.layout(features.shape[1])
        layout.check(lengths)
        if int(lengths.max()) > features.shape[1]:
            raise InputError(f"a clip of {int(lengths.max())} frames in a tensor of {features.shape[1]}; pad it first.")
        if not bool(torch.isfinite(features).all()):
            raise InputError("the features hold NaN or infinite numbers; clean the motion first.")
        return layout, layout.latents(lengths)
