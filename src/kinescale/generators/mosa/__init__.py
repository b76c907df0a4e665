"""MoSa's generator: one whole scale a pass, from the text and the coarser scales, a head for each scale (SAR).

Liu et al. 2025 (MoSa, arXiv 2511.01200), generator section: block-causal attention over scales whose rotary positions
align in clip time, attention to the words, an embedding of the clip's length. The defaults are the published network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.generators import base
from kinescale.generators.base import StepLoss
from kinescale.generators.mosa.training import keeping, teach
from kinescale.nn.scale_rotary import spread_turns
from kinescale.nn.seeded import seeded
from kinescale.nn.text_first import TextFirstBlock
from kinescale.nn.turning_attention import KeysValues
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import PADDING

SAMPLER = "scale_wise"


class Config(Record):
    """Sizes and rates; ``vocabularies``, ``code_dim``, ``bins``, ``groups`` and ``capacity`` are the tokenizer's.

    ``hidden``: width inside the feed-forward layer; ``keep``: share of the tokens that stay in the inputs while
    training, the others become random codes; ``text_dropout``: share of the clips trained without their text.
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


@dataclass(frozen=True, eq=False)
class Reading:
    """What the network takes from text and lengths, once for all passes.

    ``sentences``: keys and values of every block; ``mask`` [B, N], or None where all tokens are real;
    ``length`` [B, 1, C]: the embedding of each clip's length.
    """

    sentences: tuple[KeysValues, ...]
    mask: Tensor | None
    length: Tensor


@dataclass(frozen=True, eq=False)
class State:
    """A pyramid being drawn: the reading, and keys and values of the rows before a scale's own."""

    reading: Reading
    layout: TokenLayout
    latents: Tensor
    turns: Tensor
    past: tuple[KeysValues, ...] | None = None


class Generator(base.ScaleGenerator):
    """The network; ``begin`` and ``step`` are what its sampler uses, ``forward`` is teacher-forced."""

    token_kind = "codes"
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.start_rows = nn.Parameter(torch.empty(c.bins[0] * c.groups[0], c.width))
        self.scale_table = nn.Embedding(len(c.bins), c.width)
        self.length_table = nn.Embedding(c.capacity, c.width)
        self.group_table = nn.Embedding(max(c.groups), c.width) if max(c.groups) > 1 else None
        self.feature_in = nn.Linear(c.code_dim, c.width)
        self.text_in = nn.Linear(c.text_width, c.width)
        self.blocks = nn.ModuleList(TextFirstBlock(c.width, c.heads, c.hidden, c.dropout) for _ in range(c.layers))
        self.heads = nn.ModuleList(nn.Linear(c.width, codes) for codes in c.vocabularies)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.start_rows, std=(1.0 / (3.0 * c.width)) ** 0.5)

    def _layers(self) -> list[TextFirstBlock]:
        return [block for block in self.blocks if isinstance(block, TextFirstBlock)]

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """Zeros: the layer that reads the text adds its bias and the length to them."""
        return TextFeatures(torch.zeros_like(text.tokens), text.mask)

    def _fit(self, text: TextFeatures) -> TextFeatures:
        if text.width != self.config.text_width:
            raise InputError(
                f"text features are {text.width} wide; this generator was built for {self.config.text_width}."
            )
        if len(text) == 0 or not bool(text.mask.any(1).all()):
            raise InputError("a sentence has no text tokens; give one sentence a clip.")
        return text.to(self.start_rows.device)

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
        """The words and the lengths, and what every block needs of them."""
        text = self._fit(text)
        if len(latents) != len(text):
            raise InputError(f"{len(latents)} lengths for {len(text)} sentences; give one a clip.")
        length = self.length_table((latents.to(text.tokens.device) - 1).clamp(0, self.config.capacity - 1))[:, None]
        source = self.text_in(text.tokens) + length
        mask = None if bool(text.mask.all()) else text.mask
        return Reading(tuple(block.read(source) for block in self._layers()), mask, length)

    def turns(self, layout: TokenLayout, latents: Int[Tensor, "B"]) -> Float[Tensor, "2 b 1 L pairs"]:
        """Rotary angles: the first and last bin that a clip fills stand at its ends, in every scale."""
        device = self.start_rows.device
        if layout.rounding == "all":
            latents = latents[:1]
        places = []
        for k, scale in enumerate(layout.scales):
            last = (layout.valid_bins(latents.to(device), k) - 1).clamp(min=1)
            place = torch.arange(scale.bins, device=device)[None, :] / last[:, None]
            places.append(place.clamp(max=1.0).repeat_interleave(scale.groups, dim=1))
        return spread_turns(torch.cat(places, 1), self.config.width // self.config.heads).unsqueeze(2)

    def _rows(self, reading: Reading, inputs: Tensor | None, scale: int, layout: TokenLayout) -> Tensor:
        """Embedded rows of one scale from F at its resolution; the coarsest starts from learned rows."""
        spec = layout.scales[scale]
        if scale == 0 or inputs is None:
            rows = self.start_rows[: spec.size] + reading.length
        else:
            rows = self.feature_in(inputs.flatten(1, 2))
        rows = rows + self.scale_table.weight[scale]
        if self.group_table is not None:
            rows = rows + self.group_table.weight[: spec.groups].repeat(spec.bins, 1)
        return rows

    def _allowed(self, layout: TokenLayout, latents: Tensor, start: int, stop: int) -> Tensor | None:
        """Which of the rows ``start:stop`` may attend which of the rows ``:stop``; None: all of them.

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
        turns: Tensor,
        allowed: Tensor | None,
        past: tuple[KeysValues, ...] | None = None,
    ) -> tuple[Tensor, tuple[KeysValues, ...]]:
        grown = []
        for index, block in enumerate(self._layers()):
            earlier = None if past is None else past[index]
            rows, own = block(rows, reading.sentences[index], reading.mask, turns, allowed, earlier)
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
        done, _ = self._run(torch.cat(rows, 1), reading, self.turns(layout, latents), allowed)
        parts = done.split([scale.size for scale in layout.scales], dim=1)
        return [head(part) for head, part in zip(self.heads, parts, strict=True)]

    def begin(self, text: TextFeatures, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]) -> State:
        """A pyramid of which nothing is drawn yet."""
        self._check_layout(layout)
        latents = latent_lengths.to(self.start_rows.device)
        return State(self.read(text, latents), layout, latents, self.turns(layout, latents))

    def step(
        self,
        state: State,
        scale: int,
        inputs: Float[Tensor, "B bins groups D"],
        tokens: Int[Tensor, "B bins groups"],
    ) -> tuple[Float[Tensor, "B positions V"], State]:
        """Logits of one scale, and the state for the next.

        The numbers are those of ``forward``: earlier scales enter by their kept keys and values. ``tokens`` is not
        read: a scale is predicted from the coarser ones alone, so a second pass over it would change nothing.
        """
        start, stop = state.layout.starts[scale : scale + 2]
        rows = self._rows(state.reading, inputs, scale, state.layout)
        past = state.past
        if past is not None:
            past = tuple((key[:, :, :start], value[:, :, :start]) for key, value in past)
        allowed = self._allowed(state.layout, state.latents, start, stop)
        rows, grown = self._run(rows, state.reading, state.turns[..., start:stop, :], allowed, past)
        return self.heads[scale](rows), replace(state, past=grown)

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
        """Mean cross entropy of all scales but the last, plus that of the last; section 3 of the method notes.

        Random codes (unless ``corrupt`` is off) and text dropout apply in ``eval()`` mode too.
        """
        c = self.config
        layout = codec.layout(latent.shape[1] * codec.layout().stride)
        self._check_layout(layout)
        latents = layout.latents(layout.check(lengths)).to(latent.device)
        if len(text) != len(latent) or len(latents) != len(latent):
            raise InputError(f"{len(latent)} clips, {len(latents)} lengths, {len(text)} sentences; give one a clip.")
        with torch.no_grad():
            swap = keeping(c.keep, c.vocabularies, rng) if corrupt else None
            lesson = teach(codec, latent.detach(), layout, latents, swap)
        silent = torch.rand(len(text), generator=rng) < c.text_dropout
        heard = (~silent).to(text.tokens)[:, None, None]
        with seeded(rng, latent.device, self.training):
            reading = self.read(TextFeatures(text.tokens * heard, text.mask), latents)
            logits = self.forward(reading, lesson.inputs, layout, latents)
        return _scored(logits, lesson.labels)


def _scored(logits: list[Tensor], labels: tuple[Tensor, ...]) -> StepLoss:
    """The loss, and for the log the share of labels that are the best code, in all and per scale."""
    sums, right, counts = [], [], []
    for row, label in zip(logits, labels, strict=True):
        flat, wanted = row.float().flatten(0, 1), label.flatten()
        sums.append(functional.cross_entropy(flat, wanted, ignore_index=PADDING, reduction="sum"))
        right.append((flat.detach().argmax(-1) == wanted).sum())
        counts.append((wanted >= 0).sum())
    each, number = torch.stack(sums), torch.stack(counts)
    fine = each[-1] / number[-1].clamp(min=1)
    loss = each[:-1].sum() / number[:-1].sum().clamp(min=1) + fine
    hits, places = torch.stack(right).tolist(), number.tolist()
    logs = {"loss": float(loss.detach()), "loss.last": float(fine.detach())}
    logs["accuracy"] = sum(hits) / max(1, sum(places))
    return StepLoss(loss, logs | {f"accuracy.{k}": hit / max(1, n) for k, (hit, n) in enumerate(zip(hits, places))})
