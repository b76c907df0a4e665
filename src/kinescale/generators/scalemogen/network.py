"""Network of ScaleMoGen's generator: block-causal cosine attention over scales, a two-way classifier for every bit.

ScaleMoGen (arXiv 2605.11704), section 3 of its method notes, in the manner of Infinity (Han et al. 2024); rotary
positions on the plane of time and body parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from kinescale.core.errors import InputError
from kinescale.generators import base
from kinescale.generators.base.text import fitted_text
from kinescale.generators.scalemogen.config import Config
from kinescale.nn.adaln import Modulation, modulated
from kinescale.nn.attention_pooling import AttentionPooling
from kinescale.nn.cosine_attention import FIRST_SHARPNESS, Past
from kinescale.nn.cosine_block import PARTS, CosineBlock
from kinescale.nn.grid_rotary import grid_phases
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures

SCALE_ROWS = 15
"""Rows of the table of scales, at least; the published weights have so many."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Text-dependent activations, computed once for all passes.

    ``condition`` [B, C]; ``modulation`` and ``keys_values``: per block; ``head``: scale and shift of the last norm;
    ``mask`` [B, N].
    """

    condition: Tensor
    modulation: tuple[tuple[Tensor, ...], ...]
    keys_values: tuple[tuple[Tensor, Tensor], ...]
    head: tuple[Tensor, ...]
    mask: Tensor


@dataclass(frozen=True, eq=False)
class State:
    """Sampling state: the reading, and keys and values of all scales before the next.

    ``seen`` [B, L]: attention mask over positions; None where all may be attended.
    """

    reading: Reading
    layout: TokenLayout
    rotary_phases: Tensor
    seen: Tensor | None
    past: tuple[Past, ...] | None = None


class Network(base.ScaleGenerator):
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
        """The learned unconditional text features, as many tokens as each sentence of ``text`` has."""
        text = self._fit(text)
        tokens = self.no_text[None, : text.tokens.shape[1]].expand(len(text), -1, -1)
        return TextFeatures(tokens.to(text.tokens.dtype), text.mask)

    def _fit(self, text: TextFeatures) -> TextFeatures:
        return fitted_text(text, self.config.text_width, self.no_text.device, self.config.text_tokens)

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
        """Condition vector, and modulation, keys and values of every block."""
        text = self._fit(text)
        tokens = self.text_norm(text.tokens)
        condition = self.pooling(tokens, text.mask)
        shared = self.modulation(condition)
        source = self.text_in(tokens)
        return Reading(
            condition,
            tuple(block.modulation(shared) for block in self._layers()),
            tuple(block.text.keys_values(source) for block in self._layers()),
            self.head_modulation(condition),
            text.mask,
        )

    def rotary_phases(self, layout: TokenLayout) -> Float[Tensor, "2 L pairs"]:
        """Rotary phases: every position at its place on the finest grid of time and parts.

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
        return grid_phases(torch.tensor(times, device=device), torch.tensor(joints, device=device), c.width // c.heads)

    def _seen(self, layout: TokenLayout, latents: Tensor) -> Tensor:
        """Attention mask over positions [B, L]: filled ones; if faithful, of the coarsest scale the first alone."""
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
        self,
        rows: Tensor,
        reading: Reading,
        rotary_phases: Tensor,
        allowed: Tensor | None,
        past: tuple[Past, ...] | None,
    ) -> tuple[Tensor, tuple[Past, ...]]:
        grown = []
        for index, block in enumerate(self._layers()):
            own = None if past is None else past[index]
            modulation, keys_values = reading.modulation[index], reading.keys_values[index]
            rows, kept = block(rows, modulation, keys_values, reading.mask, rotary_phases, allowed, own)
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
        return self._run(rows, reading, self.rotary_phases(layout), allowed, None)[0]

    def begin(self, text: TextFeatures, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]) -> State:
        """The sampling state before the coarsest scale."""
        self._check_layout(layout)
        seen = self._seen(layout, latent_lengths.to(self.no_text.device))
        return State(self.read(text), layout, self.rotary_phases(layout), None if bool(seen.all()) else seen)

    def step(
        self,
        state: State,
        scale: int,
        inputs: Float[Tensor, "B bins groups D"],
        tokens: Int[Tensor, "B bins groups _"] | None = None,
        places: Int[Tensor, "B n"] | None = None,
    ) -> tuple[Float[Tensor, "B n K 2"], State]:
        """Logits of one scale's positions, and the state for the next scale.

        The same numbers as ``forward``: earlier scales enter by their cached keys and values. A scale's own bits
        (``tokens``) are not read: they are independent given what is coarser.
        """
        start, stop = state.layout.starts[scale], state.layout.starts[scale + 1]
        allowed = None if state.seen is None else state.seen[:, None, None, :stop]
        rows = self._rows(state.reading, scale, inputs)
        if allowed is not None:
            allowed = allowed.expand(-1, -1, rows.shape[1], -1)
        logits, past = self._run(rows, state.reading, state.rotary_phases[:, start:stop], allowed, state.past)
        return base.at_places(logits, places), replace(state, past=past)
