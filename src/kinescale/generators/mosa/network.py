"""Network of MoSa's generator: block-causal attention over scales, one output layer per scale.

Liu et al. 2025 (MoSa, arXiv 2511.01200), generator section: rotary positions align in clip time, cross-attention to
the words, an embedding of the clip's length.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from kinescale.core.errors import InputError
from kinescale.generators import base
from kinescale.generators.base.text import fitted_text
from kinescale.generators.mosa.config import Config
from kinescale.nn.cross_attention_block import CrossAttentionBlock
from kinescale.nn.multi_head_attention import KeysValues
from kinescale.nn.scale_rotary import scale_phases
from kinescale.nn.sinusoids import sinusoids
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures


@dataclass(frozen=True, eq=False)
class Reading:
    """Activations that depend on text and lengths, computed once for all passes.

    ``sentences``: keys and values of every block; ``mask`` [B, N], or None where all tokens are real;
    ``length`` [B, 1, C]: the embedding of each clip's length.
    """

    sentences: tuple[KeysValues, ...]
    mask: Tensor | None
    length: Tensor


@dataclass(frozen=True, eq=False)
class State:
    """Sampling state: the reading, and keys and values of the rows before the next scale."""

    reading: Reading
    layout: TokenLayout
    latents: Tensor
    rotary_phases: Tensor
    past: tuple[KeysValues, ...] | None = None


class Network(base.ScaleGenerator):
    """Transformer over all scales; ``begin`` and ``step`` are for samplers, ``forward`` is teacher-forced."""

    token_kind = "codes"
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.start_rows = nn.Parameter(torch.empty(c.bins[0] * c.groups[0], c.width))
        self.scale_table = nn.Embedding(len(c.bins), c.width)
        self.length_table = nn.Embedding(c.capacity, c.width)
        self.group_table = nn.Embedding(max(c.groups), c.width) if max(c.groups) > 1 else None
        self.place_table = nn.Embedding(max(c.bins), c.width) if c.positions == "learned" else None
        self.feature_in = nn.Linear(c.code_dim, c.width)
        self.text_in = nn.Linear(c.text_width, c.width)
        self.blocks = nn.ModuleList(CrossAttentionBlock(c.width, c.heads, c.hidden, c.dropout) for _ in range(c.layers))
        self.heads = nn.ModuleList(nn.Linear(c.width, codes) for codes in c.vocabularies)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.start_rows, std=(1.0 / (3.0 * c.width)) ** 0.5)

    def _layers(self) -> list[CrossAttentionBlock]:
        return [block for block in self.blocks if isinstance(block, CrossAttentionBlock)]

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """Zeros: the text projection adds its bias and the length embedding to them."""
        return TextFeatures(torch.zeros_like(text.tokens), text.mask)

    def _fit(self, text: TextFeatures) -> TextFeatures:
        return fitted_text(text, self.config.text_width, self.start_rows.device)

    def _check_layout(self, layout: TokenLayout) -> None:
        c = self.config
        bins, groups = [scale.bins for scale in layout.scales], tuple(scale.groups for scale in layout.scales)
        count = len(groups) if layout.longest else len(c.groups)
        fits = groups == c.groups[:count] and all(0 < mine <= most for mine, most in zip(bins, c.bins[:count]))
        if not fits or layout.capacity > c.capacity:
            raise InputError(
                f"a layout of {bins} bins and {list(groups)} groups over {layout.capacity} latents; this generator "
                f"takes at most {list(c.bins)} bins, {list(c.groups)} groups and {c.capacity} latents."
            )

    def read(self, text: TextFeatures, latents: Int[Tensor, "B"]) -> Reading:
        """Length embeddings, and keys and values of the text for every block."""
        text = self._fit(text)
        if len(latents) != len(text):
            raise InputError(f"{len(latents)} lengths for {len(text)} sentences; give one a clip.")
        length = self.length_table((latents.to(text.tokens.device) - 1).clamp(0, self.config.capacity - 1))[:, None]
        source = self.text_in(text.tokens) + length
        mask = None if bool(text.mask.all()) else text.mask
        return Reading(tuple(block.read(source) for block in self._layers()), mask, length)

    def rotary_phases(self, layout: TokenLayout, latents: Int[Tensor, "B"]) -> Float[Tensor, "2 b 1 L pairs"]:
        """Rotary phases: the first and last bin that a clip fills stand at its ends, in every scale.

        Plain rotary positions count bins; with added positions nothing is rotated.
        """
        device = self.start_rows.device
        if layout.rounding == "all":
            latents = latents[:1]
        places = []
        for k, scale in enumerate(layout.scales):
            last = (layout.valid_bins(latents.to(device), k) - 1).clamp(min=1)
            bins = torch.arange(scale.bins, device=device)[None, :]
            place = (bins / last[:, None]).clamp(max=1.0)
            if self.config.positions != "scale":
                counted = self.config.positions == "rotary"
                place = bins.expand(len(last), -1) / (self.config.width // self.config.heads if counted else torch.inf)
            places.append(place.repeat_interleave(scale.groups, dim=1))
        return scale_phases(torch.cat(places, 1), self.config.width // self.config.heads).unsqueeze(2)

    def _rows(self, reading: Reading, inputs: Tensor | None, scale: int, layout: TokenLayout) -> Tensor:
        """Embedded rows of one scale from F at its resolution; the coarsest starts from learned rows."""
        spec = layout.scales[scale]
        if scale == 0 or inputs is None:
            rows = self.start_rows[: spec.size] + reading.length
        else:
            rows = self.feature_in(inputs.flatten(1, 2))
        rows = rows + self.scale_table.weight[scale]
        if self.place_table is not None:
            rows = rows + self.place_table.weight[: spec.bins].repeat_interleave(spec.groups, dim=0)
        if self.config.positions == "sinusoidal":
            rows = rows + sinusoids(spec.bins, self.config.width).to(rows).repeat_interleave(spec.groups, dim=0)
        if self.group_table is not None:
            rows = rows + self.group_table.weight[: spec.groups].repeat(spec.bins, 1)
        return rows

    def _allowed(self, layout: TokenLayout, latents: Tensor, start: int, stop: int) -> Tensor | None:
        """Attention mask: which of the rows ``start:stop`` may attend which of the rows ``:stop``; None: all of them.

        Bins past a clip's end are attended by themselves alone.
        """
        scales = layout.scale_of_position().to(latents.device)
        one_scale = bool((scales[start:stop] == scales[start]).all())
        if layout.rounding == "all" and one_scale:
            return None
        causal = (scales[None, :stop] <= scales[start:stop, None])[None, None]
        if layout.rounding == "all":
            return causal
        own = torch.eye(stop, dtype=torch.bool, device=latents.device)[start:stop]
        return causal & (layout.valid_flat(latents)[:, None, None, :stop] | own)

    def _run(
        self,
        rows: Tensor,
        reading: Reading,
        rotary_phases: Tensor,
        allowed: Tensor | None,
        past: tuple[KeysValues, ...] | None = None,
    ) -> tuple[Tensor, tuple[KeysValues, ...]]:
        grown = []
        for index, block in enumerate(self._layers()):
            earlier = None if past is None else past[index]
            rows, own = block(rows, reading.sentences[index], reading.mask, rotary_phases, allowed, earlier)
            grown.append(own)
        return rows, tuple(grown)

    def forward(
        self,
        reading: Reading,
        inputs: tuple[Float[Tensor, "B _ _ D"], ...],
        layout: TokenLayout,
        latents: Int[Tensor, "B"],
    ) -> list[Float[Tensor, "B _ _"]]:
        """Teacher-forced logits of every scale; ``inputs``: the sums brought to the second scale and on."""
        rows = [self._rows(reading, None if k == 0 else inputs[k - 1], k, layout) for k in range(len(layout.scales))]
        allowed = self._allowed(layout, latents, 0, layout.positions)
        done, _ = self._run(torch.cat(rows, 1), reading, self.rotary_phases(layout, latents), allowed)
        parts = done.split([scale.size for scale in layout.scales], dim=1)
        return [head(part) for head, part in zip(self.heads, parts, strict=True)]

    def begin(self, text: TextFeatures, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]) -> State:
        """The sampling state before the coarsest scale."""
        self._check_layout(layout)
        latents = latent_lengths.to(self.start_rows.device)
        return State(self.read(text, latents), layout, latents, self.rotary_phases(layout, latents))

    def step(
        self,
        state: State,
        scale: int,
        inputs: Float[Tensor, "B bins groups D"],
        tokens: Int[Tensor, "B bins groups"],
        places: Int[Tensor, "B n"] | None = None,
    ) -> tuple[Float[Tensor, "B positions V"], State]:
        """Logits of one scale, and the state for the next.

        The same numbers as ``forward``: earlier scales enter by their cached keys and values. ``tokens`` is not
        read: a scale is predicted from the coarser ones alone, so a second pass over it would change nothing.
        """
        start, stop = state.layout.starts[scale : scale + 2]
        rows = self._rows(state.reading, inputs, scale, state.layout)
        past = state.past
        if past is not None:
            past = tuple((key[:, :, :start], value[:, :, :start]) for key, value in past)
        allowed = self._allowed(state.layout, state.latents, start, stop)
        rows, grown = self._run(rows, state.reading, state.rotary_phases[..., start:stop, :], allowed, past)
        return self.heads[scale](base.at_places(rows, places)), replace(state, past=grown)
