"""Sizes and rates of MoScale's generator.

MoScale (arXiv 2604.03799), section 3 of its method notes; the defaults are the published network.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from kinescale.core.records import Record


class Config(Record):
    """Sizes and rates; ``vocabulary``, ``code_dim``, ``scales``, ``capacity``, ``bins``, ``groups`` and
    ``vocabularies`` are the tokenizer's (the last three, of each scale, may be left out: whole bins of ``scales``
    latents, one group, ``vocabulary`` codes).

    ``latent_dim``: width of condition, prefix and input streams; ``head_latent_dim``: width of the blocks;
    ``corruption``: highest share of a scale's tokens replaced in training; of the masked positions' tokens a share
    ``masked_share`` is hidden, ``random_share`` replaced, the rest shown; ``token_noise``: highest share of all other
    shown tokens replaced; ``stochastic_depth``: branch drop rate a 24-block network would reach.

    ``temporal_refinement``: whether tokens of a scale are predicted from others of it, as sampling in several passes
    needs; without, all are hidden in training, and a scale is to be sampled in one pass (the paper's ablation).

    Beyond the paper: ``tied``: a table of token vectors for each scale and group, used on the way in and, after a
    narrow projection, as the classes on the way out (for tokenizers whose scales have codebooks of their own);
    ``scale_balance``: scales count by their size to the power of one minus this (1: all scales alike); ``span_share``:
    share of clips in which only positions of one span of time are masked, as in edits.

    ``faithful``: as the reference - padded positions are attended, take part in masking, only the full layout
    is taken, and two initial gains are left as they were. ``round_cross_attention``: see ``nn.cross_attention``.
    """

    vocabulary: int = Field(default=512, ge=2)
    code_dim: int = Field(default=512, ge=1)
    scales: tuple[int, ...] = (8, 4, 2, 1)
    capacity: int = Field(default=49, ge=1)
    bins: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    vocabularies: tuple[int, ...] = ()
    latent_dim: int = Field(default=384, ge=1)
    head_latent_dim: int = Field(default=768, ge=1)
    heads: int = Field(default=8, ge=1)
    layers: int = Field(default=16, ge=1)
    mlp_ratio: int = Field(default=4, ge=1)
    text_width: int = Field(default=768, ge=1)
    text_tokens: int = Field(default=20, ge=1)
    prefix_pool_heads: int = Field(default=3, ge=1)
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    stochastic_depth: float = Field(default=0.1, ge=0.0, lt=1.0)
    corruption: float = Field(default=0.6, ge=0.0, le=1.0)
    masked_share: float = Field(default=0.8, ge=0.0, le=1.0)
    random_share: float = Field(default=0.1, ge=0.0, le=1.0)
    token_noise: float = Field(default=0.1, ge=0.0, le=1.0)
    text_dropout: float = Field(default=0.1, ge=0.0, le=1.0)
    temporal_refinement: bool = True
    tied: bool = False
    scale_balance: float = Field(default=0.0, ge=0.0, le=1.0)
    span_share: float = Field(default=0.0, ge=0.0, le=1.0)
    faithful: bool = False
    round_cross_attention: bool = False

    @property
    def row_lengths(self) -> tuple[int, ...]:
        """Bins of each scale in the full layout."""
        return self.bins or tuple(self.capacity // s for s in self.scales)

    @property
    def streams(self) -> tuple[int, ...]:
        """Groups of each scale."""
        return self.groups or (1,) * len(self.scales)

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes that each scale's tokens choose from."""
        return self.vocabularies or (self.vocabulary,) * len(self.scales)

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        least = 0 if self.bins else 1
        if not self.scales or min(self.scales) < least or max(self.scales) > self.capacity:
            raise ValueError(f"scales are {self.scales}; expected one or more factors from 1 to {self.capacity}")
        if len({len(self.scales), len(self.row_lengths), len(self.streams), len(self.codes)}) > 1:
            raise ValueError(
                f"{len(self.scales)} scales, {len(self.bins)} bins, {len(self.groups)} groups and "
                f"{len(self.vocabularies)} vocabularies; expected as many of each"
            )
        if min(*self.row_lengths, *self.streams) < 1 or min(self.codes) < 2 or max(self.codes) > self.vocabulary:
            raise ValueError(
                f"bins are {self.row_lengths}, groups {self.streams}, vocabularies {self.codes}; expected 1 or more "
                f"bins and groups, and 2 to {self.vocabulary} codes"
            )
        if self.head_latent_dim % self.heads or (self.head_latent_dim // self.heads) % 2:
            raise ValueError(f"head_latent_dim {self.head_latent_dim} over {self.heads} heads; expected an even width")
        if self.latent_dim % self.prefix_pool_heads:
            raise ValueError(
                f"latent_dim {self.latent_dim} over {self.prefix_pool_heads} prefix_pool_heads is not whole"
            )
        if self.masked_share + self.random_share > 1.0:
            raise ValueError("masked_share and random_share add to more than 1; lower one")
        return self
