"""Multi-scale residual quantization: every scale quantizes the residual that the coarser scales left.

    r = z; F = 0
    for scale k, coarse to fine:
        t = quantize(pool(r, k)); u = upsample(dequantize(t), k); r -= u; F += u

VAR (Tian et al. 2024), algorithm 1; MoScale, MoSa, ScaleMoGen and MoMask differ in pooling, upsampling and quantizer.

Written here rather than taken from vector-quantize-pytorch, whose residual quantizers run at one resolution, know no
clips of different length in a batch, and update a codebook of their own at every step.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from kinescale.core.errors import ConfigError
from kinescale.core.records import Record
from kinescale.nn import global_batch
from kinescale.nn.steps import valid_steps
from kinescale.quantizers.base import Quantizer
from kinescale.quantizers.base.processes import root_mean_square, sections
from kinescale.quantizers.base.usage import balance, perplexity, usage
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import PADDING

SMALLEST_GAIN = 1e-4


class Config(Record):
    """Choices of the residual loop.

    ``straight_through``: "scale" - codes pass their gradient to the residual that was pooled; "grid" - the residual is
    detached, and the caller passes the gradient of F to the latent grid as a whole.
    ``initialize_from``: codebooks and gains are set up from the residual of each scale in turn, or from the latent grid
    pooled to all scales.
    ``learn_from``: codebooks learn from the pooled residual, or from a second look-up of the residual at full length
    (MoSa).
    """

    straight_through: Literal["grid", "scale"] = "grid"
    initialize_from: Literal["residual", "grid"] = "residual"
    learn_from: Literal["pooled", "full"] = "pooled"


@dataclass(frozen=True, eq=False)
class Quantized:
    """Result of the residual loop.

    ``tokens``: [B, bins, groups] or [B, bins, groups, K] per scale; ``total``: F, [B, T', P, D]; ``added``: what each
    scale added to it; ``losses``: the quantizer's, per scale (with ``straight_through`` "scale"); ``vectors`` [N, D]
    and ``taken`` [N] or [N, K]: what the quantizer of each scale learns from. Scales that were dropped have no
    ``added`` and no loss.
    """

    tokens: tuple[Tensor, ...]
    total: Tensor
    added: tuple[Tensor, ...]
    losses: tuple[Tensor, ...]
    vectors: tuple[Tensor, ...]
    taken: tuple[Tensor, ...]

    @property
    def sums(self) -> tuple[Tensor, ...]:
        """F after each scale."""
        return tuple(accumulate(self.added))


def filled(layout: TokenLayout, latent_lengths: Int[Tensor, "B"]) -> Bool[Tensor, "B T"]:
    """Latent steps that are coded: a clip's own, or all of them where what follows its end is coded too."""
    if layout.rounding == "all":
        latent_lengths = torch.full_like(latent_lengths, layout.capacity)
    return valid_steps(latent_lengths, layout.capacity)


class ResidualPyramid(nn.Module, Codec):
    """The loop, and the codec that runs it scale by scale; ``pool`` and ``upsample`` are a subclass's.

    Parameters
    ----------
    quantizers : one for all scales, or one per scale, or as many as ``owners`` names.
    layout : the pyramid of the longest clip.
    shape : P and D of the latent grid.
    owners : which quantizer each scale uses.
    """

    origin: Tensor
    begun: Tensor

    def __init__(
        self,
        quantizers: Sequence[Quantizer],
        layout: TokenLayout,
        shape: tuple[int, int],
        config: Config,
        owners: Sequence[int] | None = None,
    ):
        super().__init__()
        self.config = config
        self.full_layout = layout
        self.latent_parts, self.latent_width = shape
        self.quantizers = nn.ModuleList(quantizers)
        shared = [0] * len(layout.scales)
        self.owners = tuple(owners or (shared if len(quantizers) == 1 else range(len(layout.scales))))
        used = [self.quantizer(scale) for scale in range(len(layout.scales))]
        self.token_kind = used[0].token_kind
        self.vocabularies = tuple(quantizer.vocabulary for quantizer in used)
        for quantizer, spec in zip(used, layout.scales, strict=True):
            if quantizer.groups not in (1, spec.groups):
                raise ConfigError(
                    f"the quantizer has {quantizer.groups} groups for {spec.groups} positions side by side; give it "
                    f"{spec.groups}, or one."
                )
        gains = used if used[0].needs_gain else []
        self.log_gains = nn.ParameterList(nn.Parameter(torch.zeros(quantizer.groups)) for quantizer in gains)
        if gains:
            self.register_buffer("begun", torch.tensor(False))
        self.register_buffer("origin", torch.zeros(()), persistent=False)

    @abstractmethod
    def pool(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B bins groups d"]:
        """The residual at the resolution of one scale."""

    @abstractmethod
    def upsample(
        self, rows: Float[Tensor, "B bins groups d"], scale: int, layout: TokenLayout, bins: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T P D"]:
        """Codes of one scale at the resolution of the grid; ``bins`` of each clip are filled, the others are zero."""

    def quantizer(self, scale: int) -> Quantizer:
        """The quantizer of one scale."""
        found = self.quantizers[self.owners[scale]]
        assert isinstance(found, Quantizer)
        return found

    def forward(
        self,
        grid: Float[Tensor, "B T P D"],
        layout: TokenLayout,
        latent_lengths: Int[Tensor, "B"],
        rng: torch.Generator | None = None,
        dropped: Sequence[bool] = (),
    ) -> Quantized:
        """All scales; those ``dropped`` add nothing to F.

        With ``rng`` as in training: codes may be drawn, and codebooks are initialized where they were not.
        """
        through = self.config.straight_through == "scale"
        residual = grid if through else grid.detach()
        if rng is not None and self.config.initialize_from == "grid":
            self._initialize_from(grid.detach(), layout, latent_lengths, rng)
        total = torch.zeros_like(residual)
        tokens, added, losses, learned = [], [], [], []
        for scale in range(len(layout.scales)):
            valid = layout.valid(latent_lengths, scale)
            pooled = self.pool(residual, scale, layout, latent_lengths)
            vectors = pooled.detach()[valid]
            if rng is not None and (self.config.learn_from == "full" or not len(vectors)):
                vectors = residual.detach()[filled(layout, latent_lengths)].flatten(0, -2)
            if rng is not None and self.config.initialize_from == "residual" and not self._begun(scale):
                self._initialize({scale: self._first(vectors, int(valid.sum()))}, rng)
            pooled = self._normalized(pooled, scale)
            codes, row = self.quantizer(scale)(pooled, rng)
            tokens.append(_padded(row, valid))
            learned.append(self._learned(vectors, row[valid], scale, rng))
            if dropped and dropped[scale]:
                continue
            if through:
                losses.append(self.quantizer(scale).loss(pooled, codes, valid))
            rows = self._rescaled(codes, scale) * valid[..., None].to(codes.dtype)
            added.append(self.upsample(rows, scale, layout, layout.valid_bins(latent_lengths, scale)))
            residual = residual - (added[-1] if through else added[-1].detach())
            total = total + added[-1]
        if rng is not None and len(self.log_gains) == len(layout.scales):
            self.begun.fill_(True)
        vectors, taken = zip(*learned, strict=True)
        return Quantized(tuple(tokens), total, tuple(added), tuple(losses), vectors, taken)

    def update(self, quantized: Quantized, rng: torch.Generator) -> None:
        """Update every quantizer from a training batch: from all scales that share it."""
        global_batch.settle(lambda: self._update(quantized, rng))

    def _update(self, quantized: Quantized, rng: torch.Generator) -> None:
        vectors, taken = (dict(enumerate(rows)) for rows in (quantized.vectors, quantized.taken))
        for (quantizer, rows), (_, tokens) in zip(self._grouped(vectors), self._grouped(taken), strict=True):
            with sections([len(part) for part in rows]):
                quantizer.update(torch.cat(rows), torch.cat(tokens), rng)

    def token_usage(self, quantized: Quantized) -> dict[str, float]:
        """How evenly a batch's tokens are used: means over the quantizers of perplexity and share of codes, or balance
        of bits."""
        rows = [row[has_token(row)] for row in quantized.tokens]
        found = [
            (quantizer.vocabulary, row[group :: quantizer.groups])
            for quantizer, parts in self._grouped(dict(enumerate(rows)))
            for row in [torch.cat(parts)]
            for group in range(quantizer.groups if float(global_batch.count(len(row), row)) else 0)
        ]
        if self.token_kind == "bits":
            each = {"balance": [balance(row) for _, row in found]}
        else:
            each = {
                "perplexity": [perplexity(row, size) for size, row in found],
                "usage": [usage(row, size) for size, row in found],
            }
        return {name: float(torch.stack(values).mean()) for name, values in each.items()}

    # The codec

    def empty(self, layout: TokenLayout, batch: int) -> Float[Tensor, "B T P D"]:
        """F before any scale: zeros."""
        return torch.zeros(batch, layout.capacity, self.latent_parts, self.latent_width, device=self.origin.device)

    def contribution(
        self, tokens: Int[Tensor, "B bins groups ..."], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What one scale's tokens add to F."""
        rows = self._rescaled(self.quantizer(scale).dequantize(tokens), scale)
        return self.upsample(rows, scale, layout, has_token(tokens)[:, :, 0].sum(1))

    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latent_lengths: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups d"]:
        """F pooled to the resolution of one scale."""
        if latent_lengths is None:
            latent_lengths = torch.full((len(running),), layout.capacity, device=running.device)
        return self.pool(running, scale, layout, latent_lengths)

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups ..."]:
        """Nearest tokens of one scale; ``PADDING`` where nothing is filled."""
        pooled = self._normalized(self.pool(residual, scale, layout, latent_lengths), scale)
        return _padded(self.quantizer(scale).indices(pooled), layout.valid(latent_lengths, scale))

    # Gains and training statistics

    def _normalized(self, rows: Float[Tensor, "*b G d"], scale: int) -> Float[Tensor, "*b G d"]:
        return rows * (-self.log_gains[scale]).exp()[:, None] if len(self.log_gains) else rows

    def _rescaled(self, rows: Float[Tensor, "*b G d"], scale: int) -> Float[Tensor, "*b G d"]:
        return rows * self.log_gains[scale].exp()[:, None] if len(self.log_gains) else rows

    def _learned(
        self, vectors: Float[Tensor, "N d"], row: Int[Tensor, "M ..."], scale: int, rng: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Training vectors and tokens of a scale, the latter by a second look-up where it learns at full length."""
        by_group = self._by_group(vectors, scale)
        if rng is not None and self.config.learn_from == "full":
            row = self.quantizer(scale).assign(by_group, rng).flatten(0, 1)
        return by_group.flatten(0, 1)[: len(row)], row

    def _by_group(self, vectors: Float[Tensor, "N d"], scale: int) -> Float[Tensor, "_ G d"]:
        """Normalized vectors, side by side for the groups of the scale's quantizer."""
        groups = self.quantizer(scale).groups
        return self._normalized(vectors.unflatten(0, (len(vectors) // groups, groups)), scale).detach()

    def _grouped(self, rows: Mapping[int, Tensor]) -> Iterator[tuple[Quantizer, list[Tensor]]]:
        """Each quantizer with the rows of its scales."""
        for index in sorted({self.owners[scale] for scale in rows}):
            mine = [scale for scale in rows if self.owners[scale] == index]
            yield self.quantizer(mine[0]), [rows[scale] for scale in mine]

    @property
    def ready(self) -> bool:
        """Whether codebooks and gains of all scales have been set up from a batch."""
        return all(self._begun(scale) for scale in range(len(self.owners)))

    def _begun(self, scale: int) -> bool:
        return self.quantizer(scale).ready and (not len(self.log_gains) or bool(self.begun))

    def _first(self, vectors: Float[Tensor, "N d"], own: int) -> Float[Tensor, "N d"]:
        """Vectors to initialize from: none of a process that codes nothing at a scale where another does."""
        others = float(global_batch.total(torch.tensor(float(own), device=vectors.device))) > 0
        return vectors[:0] if others and not own and self.config.learn_from == "pooled" else vectors

    @torch.no_grad()
    def _initialize(self, rows: Mapping[int, Float[Tensor, "N d"]], rng: torch.Generator) -> None:
        """Gains are root mean squares of the first vectors; then codebooks take theirs."""
        if len(self.log_gains) and not bool(self.begun):
            for scale, vectors in rows.items():
                count = self.quantizer(scale).groups
                groups = vectors.unflatten(0, (len(vectors) // count, count)).unbind(1)
                sizes = torch.stack([root_mean_square(group) for group in groups])
                self.log_gains[scale].copy_(sizes.clamp(min=SMALLEST_GAIN).log())
        normalized = {scale: self._by_group(vectors, scale).flatten(0, 1) for scale, vectors in rows.items()}
        for quantizer, vectors in self._grouped(normalized):
            with sections([len(part) for part in vectors]):
                quantizer.initialize(torch.cat(vectors), rng)

    def _initialize_from(self, grid: Tensor, layout: TokenLayout, latent_lengths: Tensor, rng: torch.Generator) -> None:
        ready = all(self.quantizer(scale).ready for scale in range(len(layout.scales)))
        if ready and (not len(self.log_gains) or bool(self.begun)):
            return
        rows = {}
        for scale in range(len(layout.scales)):
            pooled = self.pool(grid, scale, layout, latent_lengths)
            rows[scale] = pooled[layout.valid(latent_lengths, scale)]
        self._initialize(rows, rng)


def has_token(tokens: Int[Tensor, "B bins groups ..."]) -> Bool[Tensor, "B bins groups"]:
    """Positions that hold a token."""
    return (tokens if tokens.ndim == 3 else tokens[..., 0]) != PADDING


def _padded(tokens: Tensor, valid: Tensor) -> Tensor:
    """``PADDING`` where a position is not filled, in all bits of a token."""
    return tokens.masked_fill(~(valid if tokens.ndim == 3 else valid[..., None]), PADDING)
