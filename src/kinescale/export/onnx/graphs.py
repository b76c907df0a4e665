"""The graphs of a bundle: text, beginning, steps and commits of each scale, sums, decoding; one set for each layout.

What a sampler calls is called here on an example, and every call becomes a graph. Calls differ by the form of the state
too (the first pass over a scale also computes the scale before it), so a scale has a graph for each form it meets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kinescale.bundle import Bundle
from kinescale.export.onnx.manifest import Graph, Layout, ScaleSize
from kinescale.export.onnx.quantization import quantized
from kinescale.export.onnx.state import form, leaves, with_leaves
from kinescale.export.onnx.tracing import Function, trace
from kinescale.export.onnx.weight_file import WeightFile
from kinescale.generators.base import MaskedGenerator
from kinescale.text import TextEncoder
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING


@dataclasses.dataclass(frozen=True, eq=False)
class Writer:
    """Writes graphs into ``folder``; ``int8``: those of the generator's steps with weights of eight bits."""

    folder: Path
    weights: WeightFile
    int8: bool = False

    def write(
        self, name: str, owner: nn.Module, function: Function, example: Mapping[str, Tensor], **fields: Any
    ) -> Graph:
        """Trace and write one graph."""
        model, outputs = trace(owner, function, example)
        if self.int8 and ("-step" in name or "-logits" in name):
            model = quantized(model)
        self.weights.move(model)
        path = self.folder / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        inputs = [one.name for one in model.graph.input]
        return Graph(file=path.name, inputs=inputs, outputs=list(outputs), **fields)


def text_graph(encoder: TextEncoder, writer: Writer) -> Graph | None:
    """Token ids and mask to features, for encoders whose network can be traced."""
    parts = encoder.exported()
    if parts is None:
        return None
    most = encoder.max_tokens
    ids = torch.arange(most)[None] + 1000
    mask = (torch.arange(most) < max(1, most // 2)).long()[None]

    def encode(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"features": parts.forward(tensors["ids"], tensors["mask"])}

    return writer.write("text", nn.Identity(), encode, {"ids": ids, "mask": mask})


@dataclasses.dataclass(frozen=True, eq=False)
class LayoutGraphs:
    """The graphs of one layout. ``rows``: sentences of one pass; ``text_tokens``: places of each."""

    bundle: Bundle
    layout: TokenLayout
    writer: Writer
    rows: int
    text_tokens: int

    @property
    def generator(self) -> Any:
        """The bundle's generator; what is traced is its samplers' contract."""
        return self.bundle.generator

    @property
    def latents(self) -> Tensor:
        """[1]: a clip that does not fill the layout, where there is one, so that masks are traced."""
        most = self.layout.capacity
        shorter = most - 1
        partial = shorter >= 1 and self.bundle.tokenizer.layout(shorter * self.layout.stride) == self.layout
        return torch.tensor([shorter if partial else most])

    def name(self, what: str) -> str:
        """File name of a graph, without its suffix."""
        return f"t{self.layout.capacity:04d}-{what}"

    def write(self) -> Layout:
        """All of them."""
        begin, state = self._begin()
        made = self._masked(state) if isinstance(self.generator, MaskedGenerator) else self._scales(state)
        fields = {field.name: getattr(self.layout, field.name) for field in dataclasses.fields(self.layout)}
        scales = [ScaleSize(**dataclasses.asdict(scale)) for scale in self.layout.scales]
        return Layout(**{**fields, "scales": scales}, begin=begin, **made, **self._codec())

    def text(self) -> dict[str, Tensor]:
        """Example features of ``rows`` sentences, the last places masked."""
        width = self.generator.config.text_width
        tokens = torch.randn(1, self.text_tokens, width, generator=torch.Generator().manual_seed(0))
        mask = (torch.arange(self.text_tokens) < max(1, self.text_tokens // 2))[None]
        clip = TextFeatures(tokens, mask)
        both = TextFeatures.stack([clip, self.generator.unconditional(clip)][: self.rows])
        return {"text.tokens": both.tokens, "text.mask": both.mask}

    def _begin(self) -> tuple[Graph, Any]:
        example = {**self.text(), "latents": self.latents.repeat(self.rows)}

        def begin(tensors: dict[str, Tensor]) -> Any:
            text = TextFeatures(tensors["text.tokens"], tensors["text.mask"])
            return self.generator.begin(text, self.layout, tensors["latents"])

        state = begin(example)
        graph = self.writer.write(
            self.name("begin"), self.generator, lambda t: leaves(begin(t)), example, after=form(leaves(state))
        )
        return graph, state

    def _scales(self, state: Any) -> dict[str, Any]:
        """Steps and commits in the order in which a sampler makes them."""
        codec, layout, latents = self.bundle.codec, self.layout, self.latents
        # a sampler that passes over a scale several times says so by a method
        passes: Any = getattr(self.bundle.sampler()[1], "passes", lambda scale: 1)
        running = codec.empty(layout, 1)
        steps: dict[str, list[Graph]] = {}
        commits: dict[str, list[Graph]] = {}
        for scale in range(len(layout.scales)):
            inputs = codec.scale_input(running, scale, layout, latents).repeat(self.rows, 1, 1, 1)
            valid = layout.valid(latents, scale)
            tokens = torch.full(valid.shape, MASKED).masked_fill(~valid, PADDING)
            if codec.token_kind == "bits":
                tokens = tokens[..., None].repeat(1, 1, 1, codec.latent_width)
            for _ in range(min(2, passes(scale))):
                graphs = steps.setdefault(str(scale), [])
                if form(leaves(state)) not in {graph.before for graph in graphs}:
                    graphs.append(self._step(state, scale, inputs, self._rows(tokens), len(graphs)))
                logits, state = self.generator.step(state, scale, inputs, self._rows(tokens))
            drawn = self._drawn(logits[:1], valid)
            if scale + 1 < len(layout.scales):
                committed = self.generator.commit(state, scale, inputs, self._rows(drawn))
                if committed is not state:
                    commits[str(scale)] = [self._commit(state, scale, inputs, self._rows(drawn))]
                state = committed
            running = running + codec.contribution(drawn, scale, layout)
        return {"steps": steps, "commits": commits}

    def one_step(self) -> tuple[Graph, dict[str, Tensor], str]:
        """A first pass (over the coarsest scale, or of the last round), its example, and the name of its logits."""
        _, state = self._begin()
        codec, layout, latents = self.bundle.codec, self.layout, self.latents
        if isinstance(self.generator, MaskedGenerator):
            made = self._masked(state)["logits"][-1]
            rows = [layout.valid(latents, scale) for scale in range(len(layout.scales))]
            blank = {f"tokens.{k}": torch.full(row.shape, MASKED) for k, row in enumerate(rows)}
            return made, {**leaves(state), **blank}, made.outputs[-1]
        inputs = codec.scale_input(codec.empty(layout, 1), 0, layout, latents)
        valid = layout.valid(latents, 0)
        tokens = torch.full(valid.shape, MASKED)
        if codec.token_kind == "bits":
            tokens = tokens[..., None].repeat(1, 1, 1, codec.latent_width)
        made = self._step(state, 0, inputs, tokens, 0)
        return made, {**leaves(state), "inputs": inputs, "tokens": tokens}, "logits"

    def _rows(self, tokens: Tensor) -> Tensor:
        return tokens.repeat(self.rows, *[1] * (tokens.ndim - 1))

    def _drawn(self, logits: Tensor, valid: Tensor) -> Tensor:
        """The best tokens; in bits where the codec has them."""
        best = logits.argmax(-1).view(*valid.shape, *([-1] if logits.ndim == 4 else []))
        return best.masked_fill(~(valid[..., None] if best.ndim == 4 else valid), PADDING)

    def _step(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor, number: int) -> Graph:
        def step(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            logits, new = self.generator.step(with_leaves(state, tensors), scale, tensors["inputs"], tensors["tokens"])
            return {"logits": logits, **leaves(new)}

        return self._changing(self.name(f"step{scale}{'abcdefgh'[number]}"), step, state, inputs, tokens)

    def _commit(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> Graph:
        def commit(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            before = with_leaves(state, tensors)
            return leaves(self.generator.commit(before, scale, tensors["inputs"], tensors["tokens"]))

        return self._changing(self.name(f"commit{scale}"), commit, state, inputs, tokens)

    def _changing(self, name: str, function: Function, state: Any, inputs: Tensor, tokens: Tensor) -> Graph:
        """A graph that changes the state."""
        before = leaves(state)
        example = {**before, "inputs": inputs, "tokens": tokens}
        after = {key: value for key, value in function(example).items() if key != "logits"}
        drops = sorted(before.keys() - after.keys())
        fields = {"before": form(before), "after": form(after), "drops": drops}
        return self.writer.write(name, self.generator, function, example, **fields)

    def _masked(self, state: Any) -> dict[str, Any]:
        """The graph of each round of a masked generator."""
        rounds = self.generator.rounds(self.layout)
        rows = [self.layout.valid(self.latents, scale) for scale in range(len(self.layout.scales))]
        blank = [self._rows(torch.full(valid.shape, MASKED).masked_fill(~valid, PADDING)) for valid in rows]
        example = {**leaves(state), **{f"tokens.{scale}": row for scale, row in enumerate(blank)}}
        graphs = []
        for number, scales in enumerate(rounds):

            def logits(tensors: dict[str, Tensor], scales: tuple[int, ...] = scales) -> dict[str, Tensor]:
                tokens = tuple(tensors[f"tokens.{scale}"] for scale in range(len(rows)))
                found, _ = self.generator.logits(with_leaves(state, tensors), scales, tokens)
                return {f"logits.{scale}": row for scale, row in zip(scales, found, strict=True)}

            known = form(leaves(state))
            name = self.name(f"logits{number}")
            graphs.append(self.writer.write(name, self.generator, logits, example, before=known, after=known))
        return {"rounds": [list(scales) for scales in rounds], "logits": graphs}

    def _codec(self) -> dict[str, Any]:
        """Sums and decoding, one clip at a time, with the tokenizer's own tokens."""
        codec, layout, tokenizer = self.bundle.tokenizer.codec, self.layout, self.bundle.tokenizer
        running = torch.randn(codec.empty(layout, 1).shape, generator=torch.Generator().manual_seed(1))
        inputs, adds = [], []
        for scale in range(len(layout.scales)):

            def bring(tensors: dict[str, Tensor], scale: int = scale) -> dict[str, Tensor]:
                return {"inputs": codec.scale_input(tensors["latent"], scale, layout, tensors["latents"]).clone()}

            def add(tensors: dict[str, Tensor], scale: int = scale) -> dict[str, Tensor]:
                return {"added": codec.contribution(tensors["tokens"], scale, layout).clone()}

            example = {"latent": running, "latents": self.latents}
            inputs.append(self.writer.write(self.name(f"input{scale}"), tokenizer, bring, example))
            valid = layout.valid(self.latents, scale)
            tokens = torch.zeros(valid.shape, dtype=torch.int64).masked_fill(~valid, PADDING)
            if codec.token_kind == "bits":
                tokens = tokens[..., None].repeat(1, 1, 1, codec.vocabularies[scale])
            adds.append(self.writer.write(self.name(f"add{scale}"), tokenizer, add, {"tokens": tokens}))

        def decode(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"features": tokenizer.decode_latent(tensors["latent"], tensors["latents"])}

        example = {"latent": running, "latents": self.latents}
        return {
            "inputs": inputs,
            "adds": adds,
            "decode": self.writer.write(self.name("decode"), tokenizer, decode, example),
        }


def unconditional_graph(bundle: Bundle, writer: Writer, text_tokens: int) -> Graph:
    """Text features to those of the unconditional branch."""
    generator: Any = bundle.generator
    width = generator.config.text_width
    tokens = torch.randn(1, text_tokens, width, generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(text_tokens) < max(1, text_tokens // 2))[None]

    def unconditional(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        made = generator.unconditional(TextFeatures(tensors["text.tokens"], tensors["text.mask"]))
        # clones: what is handed on must be given out under its new name
        return {"uncond.tokens": made.tokens.clone(), "uncond.mask": made.mask.clone()}

    return writer.write("unconditional", generator, unconditional, {"text.tokens": tokens, "text.mask": mask})
