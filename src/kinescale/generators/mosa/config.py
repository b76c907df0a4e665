"""Sizes and rates of MoSa's generator; the defaults are the published network.

Liu et al. 2025 (MoSa, arXiv 2511.01200), generator section.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from kinescale.core.records import Record


class Config(Record):
    """Sizes and rates; ``vocabularies``, ``code_dim``, ``bins``, ``groups`` and ``capacity`` are the tokenizer's.

    ``hidden``: width inside the feed-forward layer; ``keep``: share of the tokens that stay in the inputs while
    training, the others become random codes; ``positions``: "scale", rotary ones that run from 0 to 1 in every scale
    (the published way), or what the paper compares them with, by the number of the bin in its scale: "rotary",
    "sinusoidal" or "learned"; ``text_dropout``: share of the clips trained without their text.
    """

    vocabularies: tuple[int, ...] = (256, 313, 370, 427, 484, 540, 597, 654, 711, 768)
    code_dim: int = Field(default=512, ge=1)
    bins: tuple[int, ...] = (3, 6, 10, 15, 20, 25, 30, 36, 42, 49)
    groups: tuple[int, ...] = (1,) * 10
    capacity: int = Field(default=49, ge=1)
    width: int = Field(default=384, ge=1)
    heads: int = Field(default=6, ge=1)
    layers: int = Field(default=8, ge=1)
    hidden: int = Field(default=768, ge=1)
    text_width: int = Field(default=512, ge=1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    keep: float = Field(default=0.5, ge=0.0, le=1.0)
    positions: Literal["scale", "rotary", "sinusoidal", "learned"] = "scale"
    text_dropout: float = Field(default=0.1, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        scales = len(self.bins)
        if not scales or {len(self.groups), len(self.vocabularies)} != {scales}:
            raise ValueError(
                f"{scales} bins, {len(self.groups)} groups, {len(self.vocabularies)} vocabularies; "
                "expected as many of each, one a scale"
            )
        if min(*self.bins, *self.groups) < 1 or min(self.vocabularies) < 2:
            raise ValueError(
                "a scale has no bins, no groups or fewer than two codes; expected at least one, one and two"
            )
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ValueError(f"width {self.width} over {self.heads} heads; expected an even whole width a head")
        return self
