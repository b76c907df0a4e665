"""MSQ's generator: masked modeling of all scales and streams at once, bidirectional, conditioned on text.

Wang et al. 2025 (MSQ, arXiv 2508.08991), of which "a generative masked model" over the tokens is all that is published
to read; the network and its training are a reconstruction from MoMask and its successors (``docs/msq.md``). It takes
any tokenizer of codes: scales with the same number of groups are taken to be of the same streams.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.generators import base
from kinescale.generators.base import StepLoss
from kinescale.generators.base.text import check_counts, fitted_text
from kinescale.generators.msq.network import AttentionSets, Block, axial_sets, time_code
from kinescale.generators.msq.training import Masking, choose, covers, labels_of, show, stream_ids
from kinescale.nn import global_batch
from kinescale.nn.seeded import seeded
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING

SAMPLER = "masked"


class Config(Record):
    """Sizes and rates; the fields from ``vocabularies`` to ``capacity`` are the tokenizer's.

    ``vocabularies``: codes of each scale; ``bins`` and ``groups`` of each scale, ``capacity`` in latents; ``in_turns``:
    axial attention, over streams at equal positions, then over the positions of a stream, instead of over all tokens
    (cheaper; needs scales that meet in a stream or in a bin length). ``masking``: see ``training.Masking``.
    """

    vocabularies: tuple[int, ...] = (1000,) * 6
    bins: tuple[int, ...] = (6, 12, 12, 24, 24, 49)
    groups: tuple[int, ...] = (1, 1, 2, 2, 6, 6)
    capacity: int = Field(default=49, ge=1)
    width: int = Field(default=384, ge=2)
    layers: int = Field(default=8, ge=1)
    heads: int = Field(default=6, ge=1)
    hidden: int = Field(default=1024, ge=1)
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    in_turns: bool = False
    text_width: int = Field(default=512, ge=1)
    text_tokens: int = Field(default=77, ge=1)
    text_dropout: float = Field(default=0.1, ge=0.0, le=1.0)
    masking: Masking = Masking()

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        counts = {len(self.vocabularies), len(self.bins), len(self.groups)}
        if len(counts) != 1 or not self.bins or min(*self.vocabularies, *self.bins, *self.groups, 2) < 1:
            raise ValueError(
                f"vocabularies {self.vocabularies}, bins {self.bins} and groups {self.groups}; expected one of each "
                "a scale"
            )
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width {self.width} over {self.heads} heads; expected an even whole number")
        return self


@dataclass(frozen=True, eq=False)
class State:
    """Sampling state: keys and values of the text, once for all passes, and the attention sets."""

    layout: TokenLayout
    keys_values: tuple[tuple[Tensor, Tensor], ...]
    mask: Tensor
    sets_of_axes: tuple[AttentionSets, ...]


class Generator(base.MaskedGenerator):
    """Masked transformer; ``unconditional``, ``begin``, ``rounds`` and ``logits`` are for samplers.

    Tables and output layers belong to streams: scales share them where they have the same groups and codes.
    """

    token_kind = "codes"
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        kinds = sorted(set(zip(c.groups, c.vocabularies, strict=True)))
        self.kind_of = tuple(kinds.index(kind) for kind in zip(c.groups, c.vocabularies, strict=True))
        self.tables = nn.ParameterList(nn.Parameter(torch.empty(g, v, c.width)) for g, v in kinds)
        self.outputs = nn.ParameterList(nn.Parameter(torch.empty(g, v, c.width)) for g, v in kinds)
        self.output_biases = nn.ParameterList(nn.Parameter(torch.zeros(g, v)) for g, v in kinds)
        self.mask_vector = nn.Parameter(torch.empty(c.width))
        self.padding_vector = nn.Parameter(torch.empty(c.width))
        self.no_text = nn.Parameter(torch.empty(c.text_width))
        self.firsts = stream_ids(c.groups)
        streams = max(first + count for first, count in zip(self.firsts, c.groups, strict=True))
        self.stream_table = nn.Embedding(streams, c.width)
        self.scale_table = nn.Embedding(len(c.bins), c.width)
        self.text_in = nn.Linear(c.text_width, c.width)
        self.blocks = nn.ModuleList(Block(c.width, c.heads, c.hidden, c.dropout, c.in_turns) for _ in range(c.layers))
        self.last_norm = nn.LayerNorm(c.width)
        self._initialize()

    @torch.no_grad()
    def _initialize(self) -> None:
        """Normal with deviation 0.02 (BERT, MoMask); words in their own scale."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for parameter in [*self.tables, *self.outputs, self.mask_vector, self.padding_vector]:
            nn.init.normal_(parameter, std=0.02)
        nn.init.normal_(self.no_text, std=self.config.text_width**-0.5)
        nn.init.normal_(self.text_in.weight, std=self.config.text_width**-0.5)

    # For samplers

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """The learned unconditional text features: one token per sentence."""
        text = self._fit(text)
        tokens = self.no_text.expand(len(text), 1, -1)
        return TextFeatures(tokens, torch.ones(len(text), 1, dtype=torch.bool, device=tokens.device))

    def rounds(self, layout: TokenLayout) -> tuple[tuple[int, ...], ...]:
        """One round: all scales are sampled together."""
        return (tuple(range(len(layout.scales))),)

    def begin(self, text: TextFeatures, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]) -> State:
        """The sampling state before the coarsest scale."""
        self._check_layout(layout)
        text = self._fit(text)
        if len(text) != len(latent_lengths):
            raise InputError(f"{len(latent_lengths)} clips and {len(text)} sentences; give one a clip.")
        source = self.text_in(text.tokens)
        device = self.no_text.device
        valid = layout.valid_flat(latent_lengths.to(device))
        sets_of_axes = (AttentionSets.of(valid),)
        if self.config.in_turns:
            sets_of_axes = tuple(
                AttentionSets.of(valid, tuple(members.to(device) for members in turn)) for turn in axial_sets(layout)
            )
        return State(layout, tuple(block.text.keys_values(source) for block in self._layers()), text.mask, sets_of_axes)

    def logits(
        self, state: State, scales: tuple[int, ...], tokens: tuple[Int[Tensor, "B _ _"], ...]
    ) -> tuple[tuple[Float[Tensor, "B _ _ _"], ...], State]:
        """Logits [B, bins, groups, V] of some scales, given all tokens so far: codes, ``MASKED`` or ``PADDING``."""
        rows = self._rows(state, tokens)
        found = []
        for scale in scales:
            start, spec = state.layout.starts[scale], state.layout.scales[scale]
            here = rows[:, start : start + spec.size].unflatten(1, (spec.bins, spec.groups))
            kind = self.kind_of[scale]
            found.append(torch.einsum("btgc,gvc->btgv", here, self.outputs[kind]) + self.output_biases[kind])
        return tuple(found), state

    # Training

    def training_loss(
        self,
        codec: Codec,
        latent: Float[Tensor, "B T P D"],
        lengths: Int[Tensor, "B"],
        text: TextFeatures,
        rng: torch.Generator,
    ) -> StepLoss:
        """Cross entropy of the chosen tokens; masking and text dropout apply in ``eval()`` mode too."""
        c = self.config
        layout = codec.layout(latent.shape[1] * codec.layout().stride)
        self._check_layout(layout)
        latents = layout.latents(layout.check(lengths))
        check_counts(latent, latents, text)
        with torch.no_grad():
            labels = labels_of(codec, latent.detach(), layout, latents)
            chosen = choose(layout, latents, c.masking, rng)
            codes = torch.tensor(c.vocabularies)[layout.scale_of_position()].to(labels.device)
            shown = show(labels, chosen, codes, c.masking, rng)
        silent = global_batch.rand((len(text),), rng) < c.text_dropout
        with seeded(rng, latent.device, self.training):
            state = self.begin(self._without_text(text, silent), layout, latents)
            rows = self._rows(state, self._split(shown, layout))
            losses, right = self._scores(rows, labels, chosen, layout)
        loss = global_batch.total(losses.sum()) / global_batch.count(len(losses), losses).clamp(min=1)
        return StepLoss(loss, {"loss": float(loss.detach()), **_accuracies(right, chosen, layout)})

    def _scores(
        self, rows: Tensor, labels: Tensor, chosen: Tensor, layout: TokenLayout
    ) -> tuple[Float[Tensor, "n"], Bool[Tensor, "B L"]]:
        """Cross entropy of each chosen token, and whether its label is the likeliest code."""
        losses, right = [], torch.zeros_like(chosen)
        for scale, (start, spec) in enumerate(zip(layout.starts, layout.scales, strict=False)):
            kind = self.kind_of[scale]
            for group in range(spec.groups):
                here = torch.arange(start + group, start + spec.size, spec.groups, device=rows.device)
                asked = chosen[:, here]
                logits = functional.linear(
                    rows[:, here][asked], self.outputs[kind][group], self.output_biases[kind][group]
                ).float()
                wanted = labels[:, here][asked]
                losses.append(functional.cross_entropy(logits, wanted, reduction="none"))
                hit = torch.zeros_like(asked)
                hit[asked] = logits.detach().argmax(-1) == wanted
                right[:, here] = hit
        return torch.cat(losses), right

    # Inside

    def _layers(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

    def _rows(self, state: State, tokens: tuple[Tensor, ...]) -> Float[Tensor, "B L C"]:
        """All positions after the last norm."""
        x = self._embed(tokens, state.layout)
        for block, keys_values in zip(self._layers(), state.keys_values, strict=True):
            x = block(x, state.sets_of_axes, keys_values, state.mask)
        return self.last_norm(x)

    def _embed(self, tokens: tuple[Tensor, ...], layout: TokenLayout) -> Float[Tensor, "B L C"]:
        rows, places = [], []
        for scale, row in enumerate(tokens):
            table = self.tables[self.kind_of[scale]]
            streams = torch.arange(row.shape[2], device=row.device)
            found = functional.embedding(row.clamp(min=0) + streams * table.shape[1], table.flatten(0, 1))
            found = torch.where((row == MASKED).unsqueeze(-1), self.mask_vector, found)
            found = torch.where((row == PADDING).unsqueeze(-1), self.padding_vector, found)
            found = found + self.stream_table(streams + self.firsts[scale]) + self.scale_table.weight[scale]
            rows.append(found.flatten(1, 2))
        places = covers(layout).mean(1).to(self.no_text.device)
        return torch.cat(rows, 1) + time_code(places, self.config.width)

    def _split(self, flat: Tensor, layout: TokenLayout) -> tuple[Tensor, ...]:
        parts = flat.split([scale.size for scale in layout.scales], dim=1)
        return tuple(p.unflatten(1, (s.bins, s.groups)) for p, s in zip(parts, layout.scales, strict=True))

    def _without_text(self, text: TextFeatures, silent: Bool[Tensor, "B"]) -> TextFeatures:
        text = self._fit(text)
        where = silent.to(text.tokens.device)
        tokens = torch.where(where[:, None, None], self.no_text, text.tokens)
        alone = torch.arange(text.mask.shape[1], device=where.device) == 0
        return TextFeatures(tokens, torch.where(where[:, None], alone, text.mask))

    def _fit(self, text: TextFeatures) -> TextFeatures:
        c = self.config
        return fitted_text(text, c.text_width, self.no_text.device, c.text_tokens)

    def _check_layout(self, layout: TokenLayout) -> None:
        c = self.config
        bins, groups = [scale.bins for scale in layout.scales], [scale.groups for scale in layout.scales]
        fits = len(bins) == len(c.bins) and all(mine <= most for mine, most in zip(bins, c.bins, strict=True))
        if not fits or groups != list(c.groups) or layout.capacity > c.capacity or min(bins) < 1:
            raise InputError(
                f"a layout of {bins} bins and {groups} groups over {layout.capacity} latents; this generator takes up "
                f"to {list(c.bins)} bins and {list(c.groups)} groups over {c.capacity}."
            )


def _accuracies(right: Tensor, chosen: Tensor, layout: TokenLayout) -> dict[str, float]:
    scales = layout.scale_of_position().to(chosen.device).expand_as(chosen)[chosen]
    hits = right[chosen].float()
    count = global_batch.total(torch.bincount(scales, minlength=len(layout.scales))).clamp(min=1)
    share = global_batch.total(torch.bincount(scales, weights=hits, minlength=len(layout.scales))) / count
    logs = {"accuracy": float(global_batch.mean(hits))}
    return logs | {f"accuracy.{k}": value for k, value in enumerate(share.tolist())}
