"""MoScale's generator: all positions of a scale at once, from the text, coarser scales and what is known of it.

Zheng et al. 2026 (MoScale, arXiv 2604.03799), generator section: block-causal attention over scales, cross-scale
refinement (coarse tokens are corrupted in training, finer ones learn to repair them) and in-scale refinement
(positions are masked at random, so that a sampler may draw a scale in several steps). The defaults are the published
network, with its initialisation mended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.generators import base
from kinescale.generators._masking import Masking, mask_tokens
from kinescale.generators._moscale_training import refine
from kinescale.generators.base import StepLoss
from kinescale.nn.adaln import AdaptiveBlock, Modulation, modulated
from kinescale.nn.rotary import neighbour_turns
from kinescale.nn.seeded import seeded
from kinescale.nn.self_attention import Past
from kinescale.nn.text_pooling import TextPooling
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING

SAMPLER = "next_scale"


class Config(Record):
    """Sizes and rates; ``vocabulary``, ``code_dim``, ``scales`` and ``capacity`` are the tokenizer's.

    ``latent_dim``: width of condition, prefix and input streams; ``head_latent_dim``: width of the blocks;
    ``corruption``: highest share of a scale's tokens replaced in training; of the masked positions' tokens a share
    ``masked_share`` is hidden, ``random_share`` replaced, the rest shown; ``token_noise``: highest share of all other
    shown tokens replaced; ``stochastic_depth``: branch drop rate a 24-block network would reach.

    ``faithful``: as the reference - padded positions are attended, take part in the masking draw, only the full layout
    is taken, and two initial gains are left as they were. ``round_cross_attention``: see ``nn.cross_attention``.
    """

    vocabulary: int = Field(512, ge=2)
    code_dim: int = Field(512, ge=1)
    scales: tuple[int, ...] = (8, 4, 2, 1)
    capacity: int = Field(49, ge=1)
    latent_dim: int = Field(384, ge=1)
    head_latent_dim: int = Field(768, ge=1)
    heads: int = Field(8, ge=1)
    layers: int = Field(16, ge=1)
    mlp_ratio: int = Field(4, ge=1)
    text_width: int = Field(768, ge=1)
    text_tokens: int = Field(20, ge=1)
    prefix_pool_heads: int = Field(3, ge=1)
    dropout: float = Field(0.1, ge=0.0, lt=1.0)
    stochastic_depth: float = Field(0.1, ge=0.0, lt=1.0)
    corruption: float = Field(0.6, ge=0.0, le=1.0)
    masked_share: float = Field(0.8, ge=0.0, le=1.0)
    random_share: float = Field(0.1, ge=0.0, le=1.0)
    token_noise: float = Field(0.1, ge=0.0, le=1.0)
    text_dropout: float = Field(0.1, ge=0.0, le=1.0)
    faithful: bool = False
    round_cross_attention: bool = False

    @property
    def row_lengths(self) -> tuple[int, ...]:
        """Positions of each scale in the full layout."""
        return tuple(self.capacity // s for s in self.scales)

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if not self.scales or min(self.scales) < 1 or max(self.scales) > self.capacity:
            raise ValueError(f"scales are {self.scales}; expected one or more factors from 1 to {self.capacity}")
        if self.head_latent_dim % self.heads or (self.head_latent_dim // self.heads) % 2:
            raise ValueError(f"head_latent_dim {self.head_latent_dim} over {self.heads} heads; expected an even width")
        if self.latent_dim % self.prefix_pool_heads:
            raise ValueError(
                f"latent_dim {self.latent_dim} over {self.prefix_pool_heads} prefix_pool_heads is not whole"
            )
        if self.masked_share + self.random_share > 1.0:
            raise ValueError("masked_share and random_share add to more than 1; lower one")
        return self


@dataclass(frozen=True, eq=False)
class Reading:
    """What the network takes from the text, once for all passes.

    ``prefix`` [B, first row, W]: stream A of the coarsest scale; ``condition`` [B, W]: its maximum;
    ``steering`` and ``keys_values``: per block; ``head``: scale and shift of the last norm; ``mask`` [B, N].
    """

    prefix: Tensor
    condition: Tensor
    steering: tuple[tuple[Tensor, ...], ...]
    keys_values: tuple[tuple[Tensor, Tensor], ...]
    head: tuple[Tensor, ...]
    mask: Tensor


@dataclass(frozen=True, eq=False)
class State:
    """A pyramid being drawn: the reading, and keys and values of the rows before ``start``.

    ``pending``: embedded rows of the scale settled last; the next pass takes them along and appends them to the past.
    """

    reading: Reading
    layout: TokenLayout
    latents: Tensor
    turns: Tensor
    past: tuple[Past, ...] | None = None
    start: int = 0
    pending: Tensor | None = None


class Generator(base.Generator):
    """The network; ``begin``, ``step`` and ``settle`` are what its sampler uses, ``forward`` is teacher-forced."""

    token_kind = "codes"
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.vocabulary = c.vocabulary
        self.token_table = nn.Parameter(torch.empty(c.vocabulary, c.code_dim))
        self.mask_vector = nn.Parameter(torch.empty(c.code_dim))
        self.padding_vector = nn.Parameter(torch.empty(c.code_dim))
        self.no_text = nn.Parameter(torch.empty(c.text_tokens, c.text_width))
        self.start_rows = nn.Parameter(torch.empty(c.row_lengths[0], c.head_latent_dim))
        self.scale_table = nn.Embedding(len(c.scales), c.head_latent_dim)
        self.feature_in = nn.Linear(c.code_dim, c.latent_dim)
        self.token_in = nn.Linear(c.code_dim, c.latent_dim)
        self.join = nn.Linear(2 * c.latent_dim, c.head_latent_dim)
        self.text_norm = nn.RMSNorm(c.text_width, eps=1e-6)
        self.prefix = TextPooling(
            c.row_lengths[0], c.latent_dim, c.text_width, c.prefix_pool_heads, c.round_cross_attention
        )
        self.text_in = nn.Sequential(
            nn.Linear(c.text_width, c.latent_dim), nn.GELU(approximate="tanh"), nn.Linear(c.latent_dim, c.latent_dim)
        )
        deepest = c.stochastic_depth * c.layers / 24
        self.blocks = nn.ModuleList(
            AdaptiveBlock(
                c.head_latent_dim,
                c.heads,
                c.latent_dim,
                c.mlp_ratio,
                c.dropout,
                deepest * index / max(1, c.layers - 1),
                c.round_cross_attention,
            )
            for index in range(c.layers)
        )
        self.head_modulation = Modulation(c.latent_dim, c.head_latent_dim, 2)
        self.head = nn.Linear(c.head_latent_dim, c.vocabulary)
        self._initialise()

    def _layers(self) -> list[AdaptiveBlock]:
        return [block for block in self.blocks if isinstance(block, AdaptiveBlock)]

    @torch.no_grad()
    def _initialise(self) -> None:
        """Section 3.6 of the method notes."""
        c = self.config
        std = (1.0 / (3.0 * c.latent_dim)) ** 0.5
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.trunc_normal_(module.weight, std=std)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for parameter in (self.token_table, self.start_rows, self.prefix.queries):
            nn.init.trunc_normal_(parameter, std=std)
        nn.init.trunc_normal_(self.no_text, std=1.2 / c.text_width**0.5)
        for vector in (self.mask_vector, self.padding_vector):
            nn.init.trunc_normal_(vector, std=(1.0 / (3.0 * c.code_dim)) ** 0.5)
        # The reference takes the gates' width for latent_dim, which leaves the second gate at ordinary size, and
        # misses the text attention's output by its name.
        gates = 2 * (c.latent_dim if c.faithful else c.head_latent_dim)
        for block in self._layers():
            outputs = [block.attention.out, block.shrink, *([] if c.faithful else [block.text.out])]
            for layer in outputs:
                layer.weight.div_((2.0 * c.layers) ** 0.5)
            block.modulation.linear.weight[:gates].mul_(1e-5)
            block.modulation.linear.weight[gates:].mul_(0.5)
        self.head.weight.mul_(0.02)
        self.head_modulation.linear.weight.mul_(0.5)

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
        rows, full = [scale.bins for scale in layout.scales], c.row_lengths
        fits = len(rows) == len(full) and all(0 < mine <= most for mine, most in zip(rows, full, strict=True))
        whole = layout.capacity == c.capacity or (not c.faithful and layout.capacity < c.capacity)
        if not fits or not whole or any(scale.groups != 1 for scale in layout.scales):
            raise InputError(
                f"a layout of rows {rows} of {layout.capacity} latents; this generator takes {list(full)}."
            )

    def read(self, text: TextFeatures) -> Reading:
        """Prefix, condition vector, and what every block needs of them."""
        text = self._fit(text)
        tokens = self.text_norm(text.tokens)
        prefix = self.prefix(tokens, text.mask)
        condition = prefix.amax(1)
        source = self.text_in(tokens)
        return Reading(
            prefix,
            condition,
            tuple(block.modulation(condition) for block in self._layers()),
            tuple(block.text.keys_values(source) for block in self._layers()),
            self.head_modulation(condition),
            text.mask,
        )

    def turns(self, layout: TokenLayout) -> Float[Tensor, "2 L pairs"]:
        """Rotary angles: bin i of L bins stands at ``round(i * T' / L)`` of the layout's T' latents."""
        places = [
            min(round(i * layout.capacity / scale.bins), layout.capacity - 1)
            for scale in layout.scales
            for i in range(scale.bins)
        ]
        positions = torch.tensor(places, device=self.no_text.device)
        return neighbour_turns(positions, self.config.head_latent_dim // self.config.heads)

    def feature_stream(
        self, reading: Reading, inputs: list[Float[Tensor, "B _ 1 D"]], layout: TokenLayout
    ) -> Float[Tensor, "B L W"]:
        """Stream A of all scales: the prefix, then the projected sums; ``inputs`` are those of the second scale on."""
        rows = torch.cat([row.squeeze(2) for row in inputs], 1) if inputs else None
        prefix = reading.prefix[:, : layout.scales[0].bins]
        return prefix if rows is None else torch.cat([prefix, self.feature_in(rows)], dim=1)

    def _embed(self, stream: Tensor, tokens: Tensor, scales: Tensor) -> Tensor:
        """Rows for the blocks from stream A, tokens [B, L] and the scale of each position [L]; scale 0 comes first."""
        known = functional.embedding(tokens.clamp(min=0), self.token_table)
        known = torch.where((tokens == MASKED).unsqueeze(-1), self.mask_vector, known)
        known = torch.where((tokens == PADDING).unsqueeze(-1), self.padding_vector, known)
        rows = self.join(torch.cat([stream, self.token_in(known)], dim=-1)) + self.scale_table(scales)
        first = int((scales == 0).sum())
        if first == 0:
            return rows
        return rows + functional.pad(self.start_rows[:first], (0, 0, 0, rows.shape[1] - first))

    def _allowed(self, layout: TokenLayout, latents: Tensor, start: int, stop: int) -> Tensor:
        """Which of the rows ``start:stop`` may attend which of the rows ``:stop``."""
        scales = layout.scale_of_position().to(latents.device)
        causal = scales[None, :stop] <= scales[start:stop, None]
        if self.config.faithful:
            return causal
        own = torch.eye(stop, dtype=torch.bool, device=latents.device)[start:stop]
        filled = layout.valid_flat(latents)[:, None, None, :stop]
        return causal & (filled | own)

    def _run(
        self, rows: Tensor, reading: Reading, turns: Tensor, allowed: Tensor | None, past: tuple[Past, ...] | None
    ):
        grown = []
        for index, block in enumerate(self._layers()):
            rows, own = block(
                rows,
                reading.steering[index],
                reading.keys_values[index],
                reading.mask,
                turns,
                allowed,
                None if past is None else past[index],
            )
            grown.append(own)
        return rows, tuple(grown)

    def forward(
        self,
        reading: Reading,
        inputs: list[Float[Tensor, "B _ 1 D"]],
        tokens: Int[Tensor, "B L"],
        layout: TokenLayout,
        latents: Int[Tensor, "B"],
        chosen: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "... V"]:
        """Teacher-forced logits of all positions [B, L, V], or of the ``chosen`` ones alone [n, V].

        ``tokens`` holds codes, ``MASKED`` or ``PADDING``; ``inputs`` the pooled sums of the second scale on.
        """
        scales = layout.scale_of_position().to(tokens.device)
        rows = self._embed(self.feature_stream(reading, inputs, layout), tokens, scales)
        allowed = self._allowed(layout, latents, 0, layout.positions)
        rows, _ = self._run(rows, reading, self.turns(layout), allowed, None)
        rows = modulated(rows, *reading.head)
        return self.head(rows if chosen is None else rows[chosen])

    def begin(self, text: TextFeatures, layout: TokenLayout, latents: Int[Tensor, "B"]) -> State:
        """A pyramid of which nothing is drawn yet."""
        self._check_layout(layout)
        return State(self.read(text), layout, latents.to(self.no_text.device), self.turns(layout))

    def _scale_rows(self, state: State, scale: int, inputs: Tensor, tokens: Tensor) -> Tensor:
        if scale == 0:
            stream = state.reading.prefix[:, : state.layout.scales[0].bins]
        else:
            stream = self.feature_in(inputs.squeeze(2))
        return self._embed(stream, tokens.squeeze(2), torch.full_like(tokens[0, :, 0], scale))

    def step(
        self,
        state: State,
        scale: int,
        inputs: Float[Tensor, "B bins 1 D"],
        tokens: Int[Tensor, "B bins 1"],
    ) -> tuple[Float[Tensor, "B bins V"], State]:
        """Logits of one scale's positions given its tokens so far, and the state for the next pass.

        The numbers are those of ``forward``: earlier scales enter by their kept keys and values.
        """
        rows = self._scale_rows(state, scale, inputs, tokens)
        taken = 0 if state.pending is None else state.pending.shape[1]
        if state.pending is not None:
            rows = torch.cat([state.pending, rows], dim=1)
        stop = state.layout.starts[scale + 1]
        unmasked = self.config.faithful and taken == 0
        allowed = None if unmasked else self._allowed(state.layout, state.latents, state.start, stop)
        turns = state.turns[:, state.start : stop]
        rows, grown = self._run(rows, state.reading, turns, allowed, state.past)
        if taken:
            start = state.start + taken
            past = tuple((key[:, :, :start], value[:, :, :start]) for key, value in grown)
            state = replace(state, past=past, start=start, pending=None)
        return self.head(modulated(rows[:, taken:], *state.reading.head)), state

    def settle(
        self, state: State, scale: int, inputs: Float[Tensor, "B bins 1 D"], tokens: Int[Tensor, "B bins 1"]
    ) -> State:
        """The state once a scale's tokens are final."""
        return replace(state, pending=self._scale_rows(state, scale, inputs, tokens))

    def training_loss(
        self,
        codec: Codec,
        latent: Float[Tensor, "B T P D"],
        lengths: Int[Tensor, "B"],
        text: TextFeatures,
        rng: torch.Generator,
        *,
        corrupt: bool = True,
    ) -> StepLoss:
        """Cross entropy of the masked positions' labels; section 3.6 of the method notes.

        Corruption (unless ``corrupt`` is off), masking and text dropout apply in ``eval()`` mode too.
        """
        c = self.config
        layout = codec.layout(latent.shape[1] * codec.layout().stride)
        self._check_layout(layout)
        latents = layout.latents(layout.check(lengths))
        if len(text) != len(latent) or len(latents) != len(latent):
            raise InputError(f"{len(latent)} clips, {len(latents)} lengths, {len(text)} sentences; give one a clip.")
        with torch.no_grad():
            corrupted = _corruptor(c.corruption if corrupt else 0.0, c.vocabulary, layout, latents, rng)
            refined = refine(codec, latent.detach(), layout, latents, corrupted)
            rates = Masking(c.vocabulary, c.masked_share, c.random_share, c.token_noise, padding_too=c.faithful)
            valid = layout.valid_flat(latents)
            tokens, chosen = mask_tokens(refined.labels, valid, rates, rng)
        silent = torch.rand(len(text), generator=rng) < c.text_dropout
        with seeded(rng, latent.device, self.training):
            reading = self.read(self._without_text(text, silent))
            logits = self.forward(reading, refined.inputs, tokens, layout, latents, chosen).float()
        labels = refined.labels[chosen]
        loss = functional.cross_entropy(logits, labels, reduction="sum") / max(1, len(labels))
        return StepLoss(loss, _logs(loss, logits, labels, layout, chosen))

    def _without_text(self, text: TextFeatures, silent: Tensor) -> TextFeatures:
        text = self._fit(text)
        stand_in = self.unconditional(text).tokens
        where = silent.to(text.tokens.device)[:, None, None]
        return TextFeatures(torch.where(where, stand_in, text.tokens), text.mask)


def _corruptor(
    most: float, vocabulary: int, layout: TokenLayout, latents: Tensor, rng: torch.Generator
) -> Callable[[Tensor, int], Tensor]:
    """Replace a share, drawn once a scale from 0 to ``most``, of the valid tokens by other codes."""

    def corrupt(tokens: Tensor, scale: int) -> Tensor:
        rate = torch.rand((), generator=rng) * most
        hit = (torch.rand(tokens.shape, generator=rng) < rate).to(tokens.device) & layout.valid(latents, scale)
        shift = torch.randint(1, vocabulary, tokens.shape, generator=rng).to(tokens.device)
        return torch.where(hit, (tokens + shift) % vocabulary, tokens)

    return corrupt


def _logs(loss: Tensor, logits: Tensor, labels: Tensor, layout: TokenLayout, chosen: Tensor) -> dict[str, float]:
    right = (logits.detach().argmax(-1) == labels).float()
    scales = layout.scale_of_position().to(chosen.device).expand_as(chosen)[chosen]
    count = torch.bincount(scales, minlength=len(layout.scales)).clamp(min=1)
    share = torch.bincount(scales, weights=right, minlength=len(layout.scales)) / count
    logs = {"loss": float(loss.detach()), "accuracy": float(right.sum()) / max(1, len(right))}
    return logs | {f"accuracy.{k}": value for k, value in enumerate(share.tolist())}
