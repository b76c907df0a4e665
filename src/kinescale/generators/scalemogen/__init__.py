"""ScaleMoGen's generator: the bits of a whole scale at once, from the text and what the coarser scales add up to.

ScaleMoGen (arXiv 2605.11704), section 3 of its method notes, in the manner of Infinity (Han et al. 2024): block-causal
cosine attention over scales with rotary positions on the plane of time and body, a two-way classifier for every bit,
and bit flips in training that finer scales learn to repair. The defaults are the published network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.generators import base
from kinescale.generators.base import StepLoss
from kinescale.generators.scalemogen.training import bit_loss, correct, flipper, position_weights
from kinescale.nn.adaln import Modulation, modulated
from kinescale.nn.attention_pooling import AttentionPooling
from kinescale.nn.cosine_attention import FIRST_SHARPNESS, Past
from kinescale.nn.cosine_block import PARTS, CosineBlock
from kinescale.nn.grid_rotary import grid_turns
from kinescale.nn.seeded import seeded
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures

SAMPLER = "bitwise"

SCALE_ROWS = 15
"""Rows of the table of scales, at least; the published weights have so many."""

POOL_HEAD_SOURCE = 128
"""Text features a head of the text pooling, where that divides the width."""

HIDDEN_STEP = 256
"""The reference rounds the feed-forward layer's width to a multiple of this."""


class Config(Record):
    """Sizes and rates; ``vocabulary`` (bits), ``code_dim``, ``scales`` (latents a bin), ``bins``, ``groups``,
    ``capacity`` and ``parts`` are the tokenizer's.

    ``flips``: highest share of bits flipped in training; ``stochastic_depth``: branch drop rate of the last block;
    ``score_scale``: factor of the attention scores beside the learned sharpness (None: 1, in the faithful setting
    1 / sqrt(head width)).

    ``faithful``: as the reference - only the full layout is taken, positions of the coarsest scale after the first are
    empty and never attended, and what follows a clip takes part in training.
    """

    vocabulary: int = Field(default=24, ge=1, le=64)
    code_dim: int = Field(default=24, ge=1)
    scales: tuple[int, ...] = (49, 24, 24, 16, 7, 7, 4, 2, 2, 1, 1)
    bins: tuple[int, ...] = (1, 2, 2, 3, 7, 7, 12, 24, 24, 49, 49)
    groups: tuple[int, ...] = (1, 1, 2, 2, 2, 3, 3, 3, 5, 5, 7)
    capacity: int = Field(default=49, ge=1)
    parts: int = Field(default=7, ge=1)
    width: int = Field(default=768, ge=4)
    heads: int = Field(default=8, ge=1)
    layers: int = Field(default=12, ge=1)
    mlp_ratio: int = Field(default=4, ge=1)
    text_width: int = Field(default=2048, ge=1)
    text_tokens: int = Field(default=512, ge=1)
    flips: float = Field(default=0.3, ge=0.0, le=1.0)
    stochastic_depth: float = Field(default=0.1, ge=0.0, lt=1.0)
    text_dropout: float = Field(default=0.1, ge=0.0, le=1.0)
    score_scale: float | None = Field(default=None, gt=0.0)
    faithful: bool = False

    @property
    def pool_heads(self) -> int:
        """Heads of the text pooling: one for 128 text features, fewer where the width does not divide by that."""
        return next(h for h in range(max(1, self.text_width // POOL_HEAD_SOURCE), 0, -1) if self.width % h == 0)

    @property
    def hidden(self) -> int:
        """Width of the feed-forward layer."""
        plain = self.mlp_ratio * self.width
        return round(plain / HIDDEN_STEP) * HIDDEN_STEP or plain if self.faithful else plain

    @property
    def starts(self) -> int:
        """Learned rows of the coarsest scale."""
        return 1 if self.faithful else self.bins[0] * self.groups[0]

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if not self.bins or not len(self.bins) == len(self.groups) == len(self.scales):
            raise ValueError(f"{len(self.scales)} scales, {len(self.bins)} bins, {len(self.groups)} groups differ")
        if min(*self.bins, *self.groups) < 1 or max(self.bins) > self.capacity or max(self.groups) > self.parts:
            raise ValueError(
                f"bins are {self.bins} and groups {self.groups}; expected 1 to {self.capacity} and 1 to {self.parts}"
            )
        if self.width % self.heads or (self.width // self.heads) % 4:
            raise ValueError(f"width {self.width} over {self.heads} heads; expected a multiple of 4 a head")
        return self


@dataclass(frozen=True, eq=False)
class Reading:
    """What the network takes from the text, once for all passes.

    ``condition`` [B, C]; ``steering`` and ``keys_values``: per block; ``head``: scale and shift of the last norm;
    ``mask`` [B, N].
    """

    condition: Tensor
    steering: tuple[tuple[Tensor, ...], ...]
    keys_values: tuple[tuple[Tensor, Tensor], ...]
    head: tuple[Tensor, ...]
    mask: Tensor


@dataclass(frozen=True, eq=False)
class State:
    """A pyramid being drawn: the reading, and keys and values of all scales before the next.

    ``seen`` [B, L]: positions that may be attended; None where all may.
    """

    reading: Reading
    layout: TokenLayout
    turns: Tensor
    seen: Tensor | None
    past: tuple[Past, ...] | None = None


class Generator(base.ScaleGenerator):
    """The network; ``begin`` and ``step`` are what its sampler uses, ``forward`` is teacher-forced."""

    token_kind = "bits"
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.no_text = nn.Parameter(torch.empty(c.text_tokens, c.text_width))
        self.start_rows = nn.Parameter(torch.empty(c.starts, c.width))
        self.scale_table = nn.Embedding(max(SCALE_ROWS, len(c.bins)), c.width)
        self.code_in = nn.Linear(c.code_dim, c.width)
        self.text_norm = nn.RMSNorm(c.text_width, eps=1e-6)
        self.pooling = AttentionPooling(c.width, c.text_width, c.pool_heads)
        self.text_in = nn.Sequential(
            nn.Linear(c.text_width, c.width), nn.GELU(approximate="tanh"), nn.Linear(c.width, c.width)
        )
        self.modulation = Modulation(c.width, c.width, PARTS)
        score = c.score_scale or (None if c.faithful else 1.0)
        rates = [c.stochastic_depth * index / max(1, c.layers - 1) for index in range(c.layers)]
        self.blocks = nn.ModuleList(CosineBlock(c.width, c.heads, c.hidden, rate, score) for rate in rates)
        self.head_modulation = Modulation(c.width, c.width, 2)
        self.head = nn.Linear(c.width, 2 * c.vocabulary)
        self._initialize()

    def _layers(self) -> list[CosineBlock]:
        return [block for block in self.blocks if isinstance(block, CosineBlock)]

    @torch.no_grad()
    def _initialize(self) -> None:
        """Section 3.7 of the method notes."""
        c = self.config
        std = (1.0 / (9.0 * c.width)) ** 0.5
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.trunc_normal_(module.weight, std=std)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for parameter in (self.start_rows, self.pooling.queries):
            nn.init.trunc_normal_(parameter, std=std)
        nn.init.trunc_normal_(self.no_text, std=0.02)
        self.no_text.div_(c.text_width**0.5)
        for block in self._layers():
            for layer in (block.attention.out, block.text.out, block.shrink):
                layer.weight.div_((2.0 * c.layers) ** 0.5)
            block.table.normal_(std=c.width**-0.5)
            block.table[:2].mul_(5e-6)
            block.table[2:].mul_(1e-3)
            block.attention.sharpness.fill_(FIRST_SHARPNESS)
        self.head.weight.mul_(0.02)
        self.head_modulation.linear.weight.mul_(1e-3)

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """The learned stand-in for no text, as many tokens as each sentence of ``text`` has."""
        text = self._fit(text)
        tokens = self.no_text[None, : text.tokens.shape[1]].expand(len(text), -1, -1)
        return TextFeatures(tokens.to(text.tokens.dtype), text.mask)

    def _fit(self, text: TextFeatures) -> TextFeatures:
        c = self.config
        if text.width != c.text_width:
            raise InputError(f"text features are {text.width} wide; this generator was built for {c.text_width}.")
        if bool(text.mask[:, c.text_tokens :].any()):
            raise InputError(
                f"a sentence has over {c.text_tokens} text tokens; shorten it or its encoder's max_tokens."
            )
        if len(text) == 0 or not bool(text.mask.any(1).all()):
            raise InputError("a sentence has no text tokens; give one sentence a clip.")
        text = text.to(self.no_text.device)
        return TextFeatures(text.tokens[:, : c.text_tokens], text.mask[:, : c.text_tokens])

    def _check_layout(self, layout: TokenLayout) -> None:
        c = self.config
        bins, groups = tuple(s.bins for s in layout.scales), tuple(s.groups for s in layout.scales)
        whole = bins == c.bins and layout.capacity == c.capacity
        within = len(bins) == len(c.bins) and all(0 < mine <= most for mine, most in zip(bins, c.bins, strict=True))
        if groups != c.groups or not (whole or (within and layout.capacity <= c.capacity and not c.faithful)):
            raise InputError(
                f"a layout of {bins} bins by {groups} groups; this generator takes {c.bins} by {c.groups}."
            )

    def read(self, text: TextFeatures) -> Reading:
        """The condition vector, and what every block needs of it and of the text."""
        text = self._fit(text)
        tokens = self.text_norm(text.tokens)
        condition = self.pooling(tokens, text.mask)
        shared = self.modulation(condition)
        source = self.text_in(tokens)
        return Reading(
            condition,
            tuple(block.steering(shared) for block in self._layers()),
            tuple(block.text.keys_values(source) for block in self._layers()),
            self.head_modulation(condition),
            text.mask,
        )

    def turns(self, layout: TokenLayout) -> Float[Tensor, "2 L pairs"]:
        """Rotary angles: every position at its place on the finest grid of time and parts.

        Bin i of n stands at ``round(i * T' / n)``, which the clean setting makes its first latent whatever the
        layout's length; group g of k at ``round(g * parts / k)``.
        """
        c = self.config
        times, joints = [], []
        for spec in layout.scales:
            own = [round(g * c.parts / spec.groups) for g in range(spec.groups)]
            for i in range(spec.bins):
                even = c.faithful or not spec.factor
                place = round(i * layout.capacity / spec.bins) if even else i * spec.factor
                times += [min(place, layout.capacity - 1)] * spec.groups
                joints += own
        device = self.no_text.device
        return grid_turns(torch.tensor(times, device=device), torch.tensor(joints, device=device), c.width // c.heads)

    def _seen(self, layout: TokenLayout, latents: Tensor) -> Tensor:
        """Positions that may be attended [B, L]: filled ones; if faithful, of the coarsest scale the first alone."""
        seen = layout.valid_flat(latents)
        if self.config.faithful:
            places = torch.arange(layout.positions, device=latents.device)
            seen = seen & ((places < 1) | (places >= layout.scales[0].size))
        return seen

    def _rows(self, reading: Reading, scale: int, inputs: Float[Tensor, "B bins groups D"]) -> Float[Tensor, "B n C"]:
        """One scale's rows for the blocks."""
        count = inputs.shape[1] * inputs.shape[2]
        if scale:
            rows = self.code_in(inputs.flatten(1, 2))
        elif self.config.faithful:
            first = reading.condition[:, None] + self.start_rows
            rows = nn.functional.pad(first, (0, 0, 0, count - 1))
        else:
            rows = reading.condition[:, None] + self.start_rows[:count]
        return rows + self.scale_table.weight[scale]

    def _run(
        self, rows: Tensor, reading: Reading, turns: Tensor, allowed: Tensor | None, past: tuple[Past, ...] | None
    ) -> tuple[Tensor, tuple[Past, ...]]:
        grown = []
        for index, block in enumerate(self._layers()):
            own = None if past is None else past[index]
            steering, keys_values = reading.steering[index], reading.keys_values[index]
            rows, kept = block(rows, steering, keys_values, reading.mask, turns, allowed, own)
            grown.append(kept)
        logits = self.head(modulated(rows, *reading.head))
        return logits.unflatten(-1, (self.config.vocabulary, 2)), tuple(grown)

    def forward(
        self,
        reading: Reading,
        inputs: list[Float[Tensor, "B _ _ D"]],
        layout: TokenLayout,
        latents: Int[Tensor, "B"],
    ) -> Float[Tensor, "B L K 2"]:
        """Teacher-forced logits of all positions; ``inputs`` are those of the second scale on."""
        spec = layout.scales[0]
        start = inputs[0] if inputs else reading.condition
        first = start.new_zeros(len(reading.condition), spec.bins, spec.groups, self.config.code_dim)
        rows = torch.cat([self._rows(reading, scale, part) for scale, part in enumerate([first, *inputs])], 1)
        scales = layout.scale_of_position().to(latents.device)
        allowed = (scales[None, :] <= scales[:, None]) & self._seen(layout, latents)[:, None, None, :]
        return self._run(rows, reading, self.turns(layout), allowed, None)[0]

    def begin(self, text: TextFeatures, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]) -> State:
        """A pyramid of which nothing is drawn yet."""
        self._check_layout(layout)
        seen = self._seen(layout, latent_lengths.to(self.no_text.device))
        return State(self.read(text), layout, self.turns(layout), None if bool(seen.all()) else seen)

    def step(
        self,
        state: State,
        scale: int,
        inputs: Float[Tensor, "B bins groups D"],
        tokens: Int[Tensor, "B bins groups _"] | None = None,
    ) -> tuple[Float[Tensor, "B n K 2"], State]:
        """Logits of one scale's positions, and the state for the next scale.

        The numbers are those of ``forward``: earlier scales enter by their kept keys and values. A scale's own bits
        (``tokens``) are not read: they are independent given what is coarser.
        """
        start, stop = state.layout.starts[scale], state.layout.starts[scale + 1]
        allowed = None if state.seen is None else state.seen[:, None, None, :stop]
        rows = self._rows(state.reading, scale, inputs)
        if allowed is not None:
            allowed = allowed.expand(-1, -1, rows.shape[1], -1)
        logits, past = self._run(rows, state.reading, state.turns[:, start:stop], allowed, state.past)
        return logits, replace(state, past=past)

    def training_loss(
        self,
        codec: Codec,
        latent: Float[Tensor, "B T P D"],
        lengths: Int[Tensor, "B"],
        text: TextFeatures,
        rng: torch.Generator,
        *,
        flip: bool = True,
    ) -> StepLoss:
        """Weighted cross entropy of all bits; section 3.7 of the method notes.

        Flips (unless ``flip`` is off) and text dropout apply in ``eval()`` mode too.
        """
        c = self.config
        layout = codec.layout(latent.shape[1] * codec.layout().stride)
        self._check_layout(layout)
        latents = layout.latents(layout.check(lengths)).to(latent.device)
        if len(text) != len(latent) or len(latents) != len(latent):
            raise InputError(f"{len(latent)} clips, {len(latents)} lengths, {len(text)} sentences; give one a clip.")
        silent = torch.rand(len(text), generator=rng) < c.text_dropout
        with torch.no_grad(), torch.autocast(latent.device.type, enabled=False):
            choose = flipper(c.flips if flip else 0.0, rng)
            made = correct(codec, latent.detach().float(), layout, latents, choose, c.faithful)
        with seeded(rng, latent.device, self.training):
            reading = self.read(self._without_text(text, silent))
            logits = self.forward(reading, made.inputs, layout, latents).float()
        valid = layout.valid_flat(latents)
        loss = bit_loss(logits, made.labels, position_weights(layout, valid, c.faithful))
        right = (logits.detach().argmax(-1) == made.labels).float().mean(-1)
        return StepLoss(loss, {"loss": float(loss.detach()), **_accuracy(right, valid, layout)})

    def _without_text(self, text: TextFeatures, silent: Tensor) -> TextFeatures:
        text = self._fit(text)
        stand_in = self.unconditional(text).tokens
        where = silent.to(text.tokens.device)[:, None, None]
        return TextFeatures(torch.where(where, stand_in, text.tokens), text.mask)


def _accuracy(right: Float[Tensor, "B L"], valid: Tensor, layout: TokenLayout) -> dict[str, float]:
    """Share of right bits over all valid positions and over those of each scale."""
    sizes = [scale.size for scale in layout.scales]
    hits = torch.stack([part.sum() for part in (right * valid).split(sizes, 1)]).tolist()
    counts = torch.stack([part.sum() for part in valid.split(sizes, 1)]).tolist()
    each = {f"accuracy.{k}": hit / max(1, count) for k, (hit, count) in enumerate(zip(hits, counts, strict=True))}
    return {"accuracy": sum(hits) / max(1, sum(counts)), **each}
