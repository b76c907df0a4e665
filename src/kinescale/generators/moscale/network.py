"""Network of MoScale's generator: block-causal attention over scales, logits of one scale per pass.

MoScale (arXiv 2604.03799), section 3 of its method notes. The defaults are the published network, with its
initialization mended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.generators import base
from kinescale.generators.base.text import fitted_text
from kinescale.generators.moscale.config import Config
from kinescale.nn.adaln import AdaptiveBlock, Modulation, modulated
from kinescale.nn.rotary import interleaved_phases
from kinescale.nn.self_attention import Past
from kinescale.nn.text_pooling import TextPooling
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING

LACKING = -1e4
"""Logit of codes that a scale's codebook does not have."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Text-dependent activations, computed once for all passes.

    ``prefix`` [B, positions, W]: stream A of the coarsest scale; ``condition`` [B, W]: its maximum;
    ``modulation`` and ``keys_values``: per block; ``head``: scale and shift of the last norm; ``mask`` [B, N], None
    where all tokens are real.
    """

    prefix: Tensor
    condition: Tensor
    modulation: tuple[tuple[Tensor, ...], ...]
    keys_values: tuple[tuple[Tensor, Tensor], ...]
    head: tuple[Tensor, ...]
    mask: Tensor | None


@dataclass(frozen=True, eq=False)
class State:
    """Sampling state: the reading, and keys and values of the rows before ``start``.

    ``position_embeddings`` [L, C]: of scales and groups; ``places`` [L]: codebook of each position; ``whole``: whether
    the clips fill all positions; ``pending``: embedded rows of the scale committed last, which the next pass computes
    too and appends to the cache ``past``.
    """

    reading: Reading
    layout: TokenLayout
    latents: Tensor
    rotary_phases: Tensor
    position_embeddings: Tensor
    places: Tensor
    whole: bool = False
    past: tuple[Past, ...] | None = None
    start: int = 0
    pending: Tensor | None = None


class Network(base.ScaleGenerator):
    """Transformer over all scales; ``begin``, ``step`` and ``commit`` are for samplers, ``forward`` is
    teacher-forced."""

    token_kind = "codes"
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.vocabulary = c.vocabulary
        tables = (sum(c.streams),) if c.tied else ()
        self.token_table = nn.Parameter(torch.empty(*tables, c.vocabulary, c.code_dim))
        self.mask_vector = nn.Parameter(torch.empty(c.code_dim))
        self.padding_vector = nn.Parameter(torch.empty(c.code_dim))
        self.no_text = nn.Parameter(torch.empty(c.text_tokens, c.text_width))
        starts = c.row_lengths[0] * c.streams[0]
        self.start_rows = nn.Parameter(torch.empty(starts, c.head_latent_dim))
        self.scale_table = nn.Embedding(len(c.scales), c.head_latent_dim)
        # A row for each group of each scale: groups of different scales are different parts of the body.
        parted = max(c.streams) > 1
        self.group_table = nn.Embedding(sum(c.streams), c.head_latent_dim) if parted else None
        self.feature_in = nn.Linear(c.code_dim, c.latent_dim)
        self.token_in = nn.Linear(c.code_dim, c.latent_dim)
        self.join = nn.Linear(2 * c.latent_dim, c.head_latent_dim)
        self.text_norm = nn.RMSNorm(c.text_width, eps=1e-6)
        self.prefix = TextPooling(starts, c.latent_dim, c.text_width, c.prefix_pool_heads, c.round_cross_attention)
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
        if c.tied:
            self.head_in = nn.Parameter(torch.empty(*tables, c.code_dim, c.head_latent_dim))
            self.head_bias = nn.Parameter(torch.zeros(*tables, c.vocabulary))
        else:
            self.head = nn.Linear(c.head_latent_dim, c.vocabulary)
        self._initialize()

    def _layers(self) -> list[AdaptiveBlock]:
        return [block for block in self.blocks if isinstance(block, AdaptiveBlock)]

    @torch.no_grad()
    def _initialize(self) -> None:
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
        if c.tied:
            nn.init.trunc_normal_(self.head_in, std=0.02 * std)
        else:
            self.head.weight.mul_(0.02)
        self.head_modulation.linear.weight.mul_(0.5)

    @torch.no_grad()
    def adopt(self, codec: Codec) -> None:
        """With ``tied``: token vectors from the codec's codes, each codebook at unit size, so that codes that decode
        alike start alike."""
        if not self.config.tied:
            return
        layout = codec.layout(None)
        first = 0
        for scale, spec in enumerate(layout.scales):
            row = torch.arange(self.config.codes[scale])[:, None, None].expand(-1, spec.bins, spec.groups)
            codes = codec.contribution(row.to(self.token_table.device), scale, layout)[:, layout.capacity // 2]
            for group, members in enumerate(spec.members or [(g,) for g in range(spec.groups)]):
                mine = codes[:, members[0]]
                self.token_table[first + group, : len(mine)] = mine / mine.square().mean().sqrt().clamp(min=1e-9)
            first += spec.groups

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """The learned unconditional text features, as many tokens as each sentence of ``text`` has."""
        text = self._fit(text)
        tokens = self.no_text[None, : text.tokens.shape[1]].expand(len(text), -1, -1)
        return TextFeatures(tokens.to(text.tokens.dtype), text.mask)

    def _fit(self, text: TextFeatures) -> TextFeatures:
        return fitted_text(text, self.config.text_width, self.no_text.device, self.config.text_tokens)

    def _check_layout(self, layout: TokenLayout) -> None:
        c = self.config
        rows, full = [scale.bins for scale in layout.scales], c.row_lengths
        fits = len(rows) == len(full) and all(0 < mine <= most for mine, most in zip(rows, full, strict=True))
        whole = layout.capacity == c.capacity or (not c.faithful and layout.capacity < c.capacity)
        groups = tuple(scale.groups for scale in layout.scales)
        if not fits or not whole or groups != c.streams:
            raise InputError(
                f"a layout of rows {rows} by {list(groups)} of {layout.capacity} latents; this generator takes "
                f"{list(full)} by {list(c.streams)}."
            )

    def read(self, text: TextFeatures) -> Reading:
        """Prefix, condition vector, and modulation, keys and values of every block."""
        text = self._fit(text)
        tokens = self.text_norm(text.tokens)
        mask = None if bool(text.mask.all()) else text.mask
        prefix = self.prefix(tokens, mask)
        condition = prefix.amax(1)
        source = self.text_in(tokens)
        return Reading(
            prefix,
            condition,
            tuple(block.modulation(condition) for block in self._layers()),
            tuple(block.text.keys_values(source) for block in self._layers()),
            self.head_modulation(condition),
            mask,
        )

    def rotary_phases(self, layout: TokenLayout) -> Float[Tensor, "2 L pairs"]:
        """Rotary phases, the same for all groups of a bin: those of its first latent.

        Bin i of L stands at ``round(i * T' / L)`` of T' latents, and at ``i * factor`` in layouts that count bins
        filled in part: there L is rounded up or down, and a clip's positions must not depend on its batch.
        """
        places = []
        partial = layout.rounding == "up" or layout.least > 0
        for scale in layout.scales:
            even = self.config.faithful or not scale.factor or not partial
            for i in range(scale.bins):
                place = round(i * layout.capacity / scale.bins) if even else i * scale.factor
                places += [min(place, layout.capacity - 1)] * scale.groups
        positions = torch.tensor(places, device=self.no_text.device)
        return interleaved_phases(positions, self.config.head_latent_dim // self.config.heads)

    def _position_embeddings(self, layout: TokenLayout) -> Float[Tensor, "L C"]:
        """Learned embedding of each position's scale and, where there are several, its group."""
        device = self.no_text.device
        position_embeddings = self.scale_table(layout.scale_of_position().to(device))
        return (
            position_embeddings
            if self.group_table is None
            else position_embeddings + self.group_table(self._codebook_indices(layout))
        )

    def _codebook_indices(self, layout: TokenLayout) -> Int[Tensor, "L"]:
        """Index of every position's codebook, one per scale and group."""
        first, places = 0, []
        for scale in layout.scales:
            places.append(torch.arange(first, first + scale.groups).repeat(scale.bins))
            first += scale.groups
        return torch.cat(places).to(self.no_text.device)

    def feature_stream(
        self, reading: Reading, inputs: list[Float[Tensor, "B _ _ D"]], layout: TokenLayout
    ) -> Float[Tensor, "B L W"]:
        """Stream A of all scales: the prefix, then the projected sums; ``inputs`` are those of the second scale on."""
        rows = torch.cat([row.flatten(1, 2) for row in inputs], 1) if inputs else None
        prefix = reading.prefix[:, : layout.scales[0].size]
        return prefix if rows is None else torch.cat([prefix, self.feature_in(rows)], dim=1)

    def _embed(self, stream: Tensor, tokens: Tensor, position_embeddings: Tensor, places: Tensor, first: int) -> Tensor:
        """Rows for the blocks from stream A, tokens [B, n], position embeddings and codebook indices ``places`` [n];
        the ``first`` ones are of the first scale."""
        index = tokens.clamp(min=0)
        if self.config.tied:
            index = index + places * self.vocabulary
        known = functional.embedding(index, self.token_table.flatten(0, -2))
        known = torch.where((tokens == MASKED).unsqueeze(-1), self.mask_vector, known)
        known = torch.where((tokens == PADDING).unsqueeze(-1), self.padding_vector, known)
        rows = self.join(torch.cat([stream, self.token_in(known)], dim=-1)) + position_embeddings
        if first == 0:
            return rows
        return rows + functional.pad(self.start_rows[:first], (0, 0, 0, rows.shape[1] - first))

    def _allowed(self, layout: TokenLayout, latents: Tensor, start: int, stop: int) -> Tensor:
        """Attention mask: which of the rows ``start:stop`` may attend which of the rows ``:stop``."""
        scales = layout.scale_of_position().to(latents.device)
        causal = scales[None, :stop] <= scales[start:stop, None]
        if self.config.faithful:
            return causal
        own = torch.eye(stop, dtype=torch.bool, device=latents.device)[start:stop]
        filled = layout.valid_flat(latents)[:, None, None, :stop]
        return causal & (filled | own)

    def _run(
        self,
        rows: Tensor,
        reading: Reading,
        rotary_phases: Tensor,
        allowed: Tensor | None,
        past: tuple[Past, ...] | None,
    ):
        grown = []
        for index, block in enumerate(self._layers()):
            rows, own = block(
                rows,
                reading.modulation[index],
                reading.keys_values[index],
                reading.mask,
                rotary_phases,
                allowed,
                None if past is None else past[index],
            )
            grown.append(own)
        return rows, tuple(grown)

    def forward(
        self,
        reading: Reading,
        inputs: list[Float[Tensor, "B _ _ D"]],
        tokens: Int[Tensor, "B L"],
        layout: TokenLayout,
        latents: Int[Tensor, "B"],
        chosen: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "... V"]:
        """Teacher-forced logits of all positions [B, L, V], or of the ``chosen`` ones alone [n, V].

        ``tokens`` holds codes, ``MASKED`` or ``PADDING``; ``inputs`` the pooled sums of the second scale on.
        """
        stream = self.feature_stream(reading, inputs, layout)
        places = self._codebook_indices(layout)
        rows = self._embed(stream, tokens, self._position_embeddings(layout), places, layout.scales[0].size)
        allowed = self._allowed(layout, latents, 0, layout.positions)
        rows, _ = self._run(rows, reading, self.rotary_phases(layout), allowed, None)
        rows = modulated(rows, *reading.head)
        places = places.expand_as(tokens)
        logits = self._logits(rows, places) if chosen is None else self._logits(rows[chosen], places[chosen])
        scales = layout.scale_of_position().to(tokens.device).expand_as(tokens)
        return self._own(logits, scales if chosen is None else scales[chosen])

    def _logits(self, rows: Float[Tensor, "*b C"], places: Int[Tensor, "*b"]) -> Float[Tensor, "*b V"]:
        """Scores of all codes; with ``tied`` of those of each position's own codebook."""
        if not self.config.tied:
            return self.head(rows)
        flat, numbers = rows.flatten(0, -2), places.flatten()
        logits = flat.new_zeros(len(flat), self.vocabulary, dtype=torch.float32)
        for place in numbers.unique().tolist():
            here = (numbers == place).nonzero()[:, 0]
            found = flat[here] @ self.head_in[place].T @ self.token_table[place].T + self.head_bias[place]
            logits = logits.index_copy(0, here, found.float())
        return logits.unflatten(0, rows.shape[:-1])

    def _scale_logits(
        self, rows: Float[Tensor, "B n C"], scale: int, books: Int[Tensor, "B n"], *, whole: bool
    ) -> Float[Tensor, "B n V"]:
        """As ``_logits`` for rows of one scale (``whole``: all of its positions), without looking at ``books`` where
        their order is known."""
        groups = self.config.streams[scale]
        if not self.config.tied or not (whole or groups == 1):
            return self._logits(rows, books)
        first = sum(self.config.streams[:scale])
        parts = [
            rows[:, group::groups] @ self.head_in[book].T @ self.token_table[book].T + self.head_bias[book]
            for group, book in enumerate(range(first, first + groups))
        ]
        return (parts[0] if groups == 1 else torch.stack(parts, 2).flatten(1, 2)).float()

    def _own(self, logits: Tensor, scales: Tensor) -> Tensor:
        """Logits with those of codes that a position's scale lacks far below all others."""
        c = self.config
        if min(c.codes) == c.vocabulary:
            return logits
        most = torch.tensor(c.codes, device=logits.device)[scales]
        lacking = torch.arange(c.vocabulary, device=logits.device) >= most.unsqueeze(-1)
        # finite, since guidance takes differences of logits
        return logits.masked_fill(lacking, LACKING)

    def begin(self, text: TextFeatures, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]) -> State:
        """The sampling state before the coarsest scale."""
        self._check_layout(layout)
        latents = latent_lengths.to(self.no_text.device)
        return State(
            self.read(text),
            layout,
            latents,
            self.rotary_phases(layout),
            self._position_embeddings(layout),
            self._codebook_indices(layout),
            bool(layout.valid_flat(latents).all()),
        )

    def _scale_rows(self, state: State, scale: int, inputs: Tensor, tokens: Tensor) -> Tensor:
        if scale == 0:
            stream = state.reading.prefix[:, : state.layout.scales[0].size]
        else:
            stream = self.feature_in(inputs.flatten(1, 2))
        start, stop = state.layout.starts[scale : scale + 2]
        position_embeddings, places = state.position_embeddings[start:stop], state.places[start:stop]
        return self._embed(stream, tokens.flatten(1, 2), position_embeddings, places, 0 if scale else stop)

    def step(
        self,
        state: State,
        scale: int,
        inputs: Float[Tensor, "B bins groups D"],
        tokens: Int[Tensor, "B bins groups"],
        places: Int[Tensor, "B n"] | None = None,
    ) -> tuple[Float[Tensor, "B positions V"], State]:
        """Logits of one scale's positions (of ``places`` alone, where given) given its tokens so far, and the state for
        the next pass.

        The same numbers as ``forward``: earlier scales enter by their cached keys and values.
        """
        rows = self._scale_rows(state, scale, inputs, tokens)
        taken = 0 if state.pending is None else state.pending.shape[1]
        if state.pending is not None:
            rows = torch.cat([state.pending, rows], dim=1)
        stop = state.layout.starts[scale + 1]
        unmasked = (self.config.faithful or state.whole) and taken == 0
        allowed = None if unmasked else self._allowed(state.layout, state.latents, state.start, stop)
        rotary_phases = state.rotary_phases[:, state.start : stop]
        rows, grown = self._run(rows, state.reading, rotary_phases, allowed, state.past)
        if taken:
            start = state.start + taken
            past = tuple((key[:, :, :start], value[:, :, :start]) for key, value in grown)
            state = replace(state, past=past, start=start, pending=None)
        last = modulated(base.at_places(rows[:, taken:], places), *state.reading.head)
        books = state.places[state.layout.starts[scale] : stop].expand(len(rows), -1)
        logits = self._scale_logits(last, scale, base.at_places(books, places), whole=places is None)
        return self._own(logits, torch.tensor(scale, device=logits.device)), state

    def commit(
        self, state: State, scale: int, inputs: Float[Tensor, "B bins groups D"], tokens: Int[Tensor, "B bins groups"]
    ) -> State:
        """The state once a scale's tokens are final."""
        return replace(state, pending=self._scale_rows(state, scale, inputs, tokens))
