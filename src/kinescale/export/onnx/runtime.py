"""An exported bundle behind the usual contracts: samplers and pipelines run it like any other, without torch networks.

Sampling itself stays what it is (random numbers, guidance, which tokens are drawn); what would be a pass of a network
is a run of a graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kinescale import features
from kinescale.bundle import Bundle, read_manifest
from kinescale.bundle.bundle import build_text_encoder, parse_part
from kinescale.bundle.manifest import Manifest as BundleManifest
from kinescale.core.errors import BundleError, InputError, MissingDependencyError
from kinescale.core.prompts import check_prompt
from kinescale.export.onnx.manifest import Graph, Layout, Manifest
from kinescale.export.onnx.manifest import read_manifest as read_export
from kinescale.features import Normalizer
from kinescale.nn.threads import thread_count
from kinescale.text import TextEncoder
from kinescale.text.base.exported import TOKENIZER_FILE
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

NO_ENCODER = "an exported bundle generates; it has no encoder. Use the bundle itself to edit or reconstruct."

Arrays = dict[str, np.ndarray]


class Graphs:
    """Runs the graphs of a folder on the CPU; a session is made when a graph is first needed."""

    def __init__(self, folder: Path):
        try:
            import onnxruntime
        except ImportError:
            raise MissingDependencyError("the ONNX runtime is not installed; pip install 'kinescale[onnx]'.") from None
        self.folder, self._runtime = folder, onnxruntime
        self._sessions: dict[tuple[str, int], Any] = {}

    def run(self, graph: Graph, given: Mapping[str, np.ndarray]) -> Arrays:
        """What a graph gives, by name; it takes from ``given`` what it needs."""
        try:
            fed = {name: given[name] for name in graph.inputs}
            made = self._session(graph.file).run(None, fed)
        except KeyError as missing:
            raise BundleError(f"{self.folder}: {graph.file} needs {missing}, which no graph gave.") from None
        return dict(zip(graph.outputs, made, strict=True))

    def _session(self, file: str) -> Any:
        key = file, thread_count()
        if key not in self._sessions:
            options = self._runtime.SessionOptions()
            options.intra_op_num_threads = key[1]
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            try:
                self._sessions[key] = self._runtime.InferenceSession(
                    str(self.folder / file), options, providers=["CPUExecutionProvider"]
                )
            except Exception as problem:
                # the runtime raises its own errors, and plain ones for a file that is no graph
                reason = " ".join(str(problem).split())[:160]
                raise BundleError(f"{self.folder / file} cannot be loaded ({reason}).") from None
        return self._sessions[key]


@dataclass(frozen=True, eq=False)
class State:
    """The generator's state as arrays. ``rows``: those of the request; the graphs may have more."""

    layout: Layout
    arrays: Arrays
    form: str
    rows: int


class OnnxGenerator:
    """A generator of either kind (``generators.base``) whose passes are graphs."""

    def __init__(self, manifest: Manifest, graphs: Graphs):
        self.manifest, self.graphs = manifest, graphs
        self.token_kind = manifest.generator_kind
        self._layouts = {one.layout(): one for one in manifest.layouts}

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """Text features of the unconditional branch, sentence by sentence."""
        rows = []
        for index in range(len(text)):
            one = slice(index, index + 1)
            made = self.graphs.run(self.manifest.unconditional, self._text(text.tokens[one], text.mask[one]))
            rows.append(TextFeatures(_tensor(made["uncond.tokens"]), _tensor(made["uncond.mask"])))
        return TextFeatures.stack(rows)

    def begin(self, text: TextFeatures, layout: TokenLayout, latent_lengths: Tensor) -> State:
        """The state before anything is sampled. Raises ``InputError`` for clips in shared passes."""
        rows, most = len(text), self.manifest.rows
        if rows > most:
            raise InputError(f"{rows} sentences in one pass; the exported graphs take {most}: one clip at a time.")
        if layout not in self._layouts:
            raise InputError("this layout was not exported; export the bundle again with the length it is for.")
        found = self._layouts[layout]
        # a graph has a fixed number of rows: the first one fills up what is not asked for
        index = [*range(rows), *[0] * (most - rows)]
        given = self._text(text.tokens[index], text.mask[index]) | {"latents": _array(latent_lengths[index])}
        return State(found, self.graphs.run(found.begin, given), found.begin.after, rows)

    def step(
        self, state: State, scale: int, inputs: Tensor, tokens: Tensor, places: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """As ``ScaleGenerator.step``."""
        graphs = state.layout.steps.get(str(scale), [])
        made, state = self._changed(graphs, state, f"pass over scale {scale}", inputs, tokens)
        logits = _tensor(made["logits"])[: state.rows]
        return logits if places is None else logits[torch.arange(state.rows)[:, None], places], state

    def commit(self, state: State, scale: int, inputs: Tensor, tokens: Tensor) -> State:
        """As ``ScaleGenerator.commit``."""
        graphs = state.layout.commits.get(str(scale), [])
        return self._changed(graphs, state, f"end of scale {scale}", inputs, tokens)[1] if graphs else state

    def rounds(self, layout: TokenLayout) -> tuple[tuple[int, ...], ...]:
        """As ``MaskedGenerator.rounds``."""
        return tuple(tuple(scales) for scales in self._layouts[layout].rounds)

    def logits(
        self, state: State, scales: tuple[int, ...], tokens: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], State]:
        """As ``MaskedGenerator.logits``."""
        known = [tuple(row) for row in state.layout.rounds]
        if scales not in known:
            raise InputError(f"scales {scales} were not exported together; exported: {known}.")
        given = state.arrays | {f"tokens.{k}": self._filled(row) for k, row in enumerate(tokens)}
        made = self.graphs.run(state.layout.logits[known.index(scales)], given)
        return tuple(_tensor(made[f"logits.{scale}"])[: state.rows] for scale in scales), state

    def _changed(
        self, graphs: Sequence[Graph], state: State, what: str, inputs: Tensor, tokens: Tensor
    ) -> tuple[Arrays, State]:
        graph = next((one for one in graphs if one.before == state.form), None)
        if graph is None:
            raise InputError(
                f"the {what} was not exported in this form; export again with the sampler's settings, or use --runtime "
                "torch."
            )
        given = state.arrays | {"inputs": self._filled(inputs), "tokens": self._filled(tokens)}
        made = self.graphs.run(graph, given)
        kept = {name: value for name, value in state.arrays.items() if name not in graph.drops}
        changed = {name: value for name, value in made.items() if name != "logits"}
        return made, replace(state, arrays=kept | changed, form=graph.after)

    def _filled(self, rows: Tensor) -> np.ndarray:
        missing = self.manifest.rows - len(rows)
        return _array(torch.cat([rows, rows[:1].repeat(missing, *[1] * (rows.ndim - 1))]) if missing > 0 else rows)

    def _text(self, tokens: Tensor, mask: Tensor) -> Arrays:
        """Features with as many places as the graphs have."""
        most = self.manifest.text_tokens
        if bool(mask[:, most:].any()):
            raise InputError(f"a sentence has over {most} text tokens; shorten it.")
        missing = max(0, most - tokens.shape[1])
        tokens = torch.nn.functional.pad(tokens[:, :most], (0, 0, 0, missing))
        mask = torch.nn.functional.pad(mask[:, :most], (0, missing))
        return {"text.tokens": _array(tokens.float()), "text.mask": _array(mask)}


class OnnxCodec(Codec):
    """Sums and inputs of scales by graphs, clip by clip; it does not encode."""

    def __init__(self, manifest: Manifest, graphs: Graphs):
        self.graphs = graphs
        self.token_kind = manifest.token_kind
        self.vocabularies = tuple(manifest.vocabularies)
        self.latent_parts, self.latent_width = manifest.latent
        self.layouts = {one.layout(): one for one in sorted(manifest.layouts, key=lambda one: one.capacity)}
        self.full_layout = list(self.layouts)[-1]

    def layout(self, frames: int | None = None) -> TokenLayout:
        """The smallest exported layout that holds ``frames``; ``InputError`` where none does."""
        if frames is None:
            return self.full_layout
        found = next((one for one in self.layouts if one.max_frames >= frames), None)
        if found is None or frames < found.stride:
            raise InputError(f"clips of {frames} frames; exported were up to {self.full_layout.max_frames}.")
        return found

    def empty(self, layout: TokenLayout, batch: int) -> Tensor:
        """Zeros."""
        return torch.zeros(batch, layout.capacity, self.latent_parts, self.latent_width)

    def contribution(self, tokens: Tensor, scale: int, layout: TokenLayout) -> Tensor:
        """What one scale's tokens add to F."""
        graph = self.layouts[layout].adds[scale]
        rows = [self.graphs.run(graph, {"tokens": _array(row[None])})["added"] for row in tokens]
        return _tensor(np.concatenate(rows))

    def scale_input(
        self, running: Tensor, scale: int, layout: TokenLayout, latent_lengths: Tensor | None = None
    ) -> Tensor:
        """F at the resolution of a scale."""
        graph = self.layouts[layout].inputs[scale]
        lengths = torch.full((len(running),), layout.capacity) if latent_lengths is None else latent_lengths
        pairs = zip(running, lengths, strict=True)
        rows = [self.graphs.run(graph, {"latent": _array(f[None]), "latents": _array(n[None])}) for f, n in pairs]
        return _tensor(np.concatenate([row["inputs"] for row in rows]))

    def quantize_scale(self, residual: Tensor, scale: int, layout: TokenLayout, latent_lengths: Tensor) -> Tensor:
        """Not exported: ``InputError``."""
        raise InputError(NO_ENCODER)


class OnnxTokenizer:
    """The decoding half of a tokenizer."""

    def __init__(self, manifest: Manifest, graphs: Graphs):
        self.codec, self.graphs = OnnxCodec(manifest, graphs), graphs
        self.feature_width = len(manifest.statistics["mean"])

    def layout(self, frames: int | None = None) -> TokenLayout:
        """The smallest exported layout that holds ``frames``."""
        return self.codec.layout(frames)

    def encode(self, features: Tensor, lengths: Tensor) -> Any:
        """Not exported: ``InputError``."""
        raise InputError(NO_ENCODER)

    def decode(self, tokens: TokenMap) -> Tensor:
        """Tokens (all scales or the first k) to features."""
        return self.decode_latent(self.codec.latent_sum(tokens), tokens.latents)

    def decode_latent(self, latent: Tensor, latent_lengths: Tensor) -> Tensor:
        """A summed latent grid to features."""
        graph = next(one for key, one in self.codec.layouts.items() if key.capacity == latent.shape[1]).decode
        pairs = zip(latent, latent_lengths, strict=True)
        rows = [self.graphs.run(graph, {"latent": _array(f[None]), "latents": _array(n[None])}) for f, n in pairs]
        return _tensor(np.concatenate([row["features"] for row in rows]))


class OnnxText(TextEncoder):
    """Token ids by the exported tokenizer, features by the graph."""

    def __init__(self, manifest: Manifest, graphs: Graphs, folder: Path):
        from tokenizers import Tokenizer

        assert manifest.text is not None
        self.graph, self.graphs = manifest.text, graphs
        self.width, self.max_tokens = manifest.text_width, manifest.text_tokens
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self._tokenizer.enable_truncation(max_length=self.max_tokens)
        self._tokenizer.enable_padding(length=self.max_tokens)

    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        """As ``TextEncoder.encode``."""
        rows = []
        for sentence in sentences:
            found = self._tokenizer.encode(check_prompt(sentence))
            ids, mask = np.array([found.ids]), np.array([found.attention_mask])
            hidden = self.graphs.run(self.graph, {"ids": ids, "mask": mask})["features"]
            keep = mask.astype(bool)
            rows.append(TextFeatures(_tensor(hidden * keep[..., None].astype(np.float32)), _tensor(keep)))
        return TextFeatures.stack(rows)


@dataclass(frozen=True, eq=False)
class OnnxBundle(Bundle):
    """An exported bundle. It generates; what needs an encoder, weights or gradients needs the bundle itself."""

    stored: BundleManifest | None = None
    exported: Manifest | None = None
    graphs: Graphs | None = field(default=None)

    def __post_init__(self) -> None:
        """Nothing to check: the parts were checked when they were exported."""

    @cached_property
    def manifest(self) -> BundleManifest:
        """That of the bundle that was exported."""
        assert self.stored is not None
        return self.stored

    @cached_property
    def content_hash(self) -> str:
        """That of the bundle that was exported."""
        assert self.exported is not None
        return self.exported.bundle

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The exported one, or for encoders without a graph the bundle's own."""
        assert self.exported is not None and self.graphs is not None and self.text is not None
        if self.exported.text is None:
            return build_text_encoder(self.text, offline=self.offline)
        return OnnxText(self.exported, self.graphs, self.graphs.folder)

    @property
    def parameters(self) -> dict[str, int]:
        """None: the weights are in the graphs."""
        return {}

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")


def load_bundle(folder: Path) -> OnnxBundle:
    """The bundle in a folder that ``export`` wrote. Raises ``BundleError`` where it is none, or was changed."""
    exported, stored = read_export(folder), read_manifest(folder)
    graphs = Graphs(folder)
    config = parse_part(features.FAMILY, stored.feature)
    generator: Any = OnnxGenerator(exported, graphs)
    tokenizer: Any = OnnxTokenizer(exported, graphs)
    return OnnxBundle(
        feature=features.FAMILY.get(stored.feature.name, "build")(config),
        normalizer=Normalizer(*(torch.tensor(exported.statistics[name]) for name in ("mean", "std"))),
        tokenizer=tokenizer,
        generator=generator,
        text=stored.text,
        sampling=stored.sampling,
        candidates=stored.candidates,
        licenses=tuple(stored.licenses),
        provenance=stored.provenance,
        title=stored.title,
        stored=stored,
        exported=exported,
        graphs=graphs,
    )


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().numpy())


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array)
