"""``manifest.json`` of an export: everything a program needs to run the graphs, in any language."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from kinescale.bundle.manifest import License
from kinescale.core.errors import BundleError, ConfigError
from kinescale.core.files import sha256_file
from kinescale.core.records import Record, read_json
from kinescale.tokens.layout import Scale, TokenLayout

FORMAT = "kinescale-onnx"
MANIFEST_FILE = "manifest.json"
WEIGHTS_FILE = "weights.bin"
MAX_BYTES = 1 << 24


class Graph(Record):
    """One ONNX file and the names of what it takes and, in their order, gives (in the file with ``out.`` before them).

    ``before`` and ``after``: forms of the generator's state that it takes and leaves ("" where it has none); ``drops``:
    tensors of the state that are gone afterwards. Tensors of the state that a graph does not give stay as they are.
    """

    file: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,120}\.onnx$")
    inputs: list[str]
    outputs: list[str]
    before: str = ""
    after: str = ""
    drops: list[str] = Field(default_factory=list)


class ScaleSize(Record):
    """The fields of a ``Scale``."""

    bins: int = Field(ge=1, le=1_000_000)
    groups: int = Field(ge=1, le=10_000)
    factor: int = Field(default=0, ge=0, le=1_000_000)
    members: list[list[int]] = Field(default_factory=list)


class Layout(Record):
    """The graphs for clips of up to ``capacity`` latents, and the fields of their ``TokenLayout``.

    ``begin``: text and lengths to the state; ``steps``, ``commits``: of each scale, one for each form of the state;
    ``rounds`` and ``logits``: scales sampled together, and their graphs (masked generators); ``inputs``: F and lengths
    to the input of each scale; ``adds``: tokens of each scale to what they add to F; ``decode``: F to features.
    """

    scales: list[ScaleSize] = Field(min_length=1)
    capacity: int = Field(ge=1, le=1_000_000)
    stride: int = Field(ge=1, le=10_000)
    rounding: Literal["down", "up", "all"] = "down"
    least: int = 0
    partly: bool = False
    longest: int = 0
    unit: int = 0
    begin: Graph
    steps: dict[str, list[Graph]] = Field(default_factory=dict)
    commits: dict[str, list[Graph]] = Field(default_factory=dict)
    rounds: list[list[int]] = Field(default_factory=list)
    logits: list[Graph] = Field(default_factory=list)
    inputs: list[Graph]
    adds: list[Graph]
    decode: Graph

    def layout(self) -> TokenLayout:
        """The layout as the samplers know it."""
        scales = tuple(Scale(s.bins, s.groups, s.factor, tuple(tuple(m) for m in s.members)) for s in self.scales)
        fields = {name: getattr(self, name) for name in ("rounding", "least", "partly", "longest", "unit")}
        return TokenLayout(scales, self.capacity, self.stride, **fields)


class Manifest(Record):
    """The whole of ``manifest.json``.

    ``bundle``: content hash of the bundle that was exported, whose own record is ``config.json`` beside it; ``rows``:
    sentences of one pass, the clip's and, where guidance is on, the unconditional one; ``text_tokens``, ``text_width``:
    of their features; ``latent``: parts and width of F; ``statistics``: mean and deviation of each feature; ``blocks``:
    name -> first and past-the-last feature; ``files``: name -> SHA-256; ``notes``: choices made.
    """

    MAX_PARSED_ITEMS: ClassVar[int] = 500_000

    format: Literal["kinescale-onnx"] = FORMAT
    format_version: Literal[1] = 1
    kinescale_version: str
    bundle: str
    license: str
    licenses: list[License]
    fps: float
    skeleton: dict[str, Any]
    blocks: dict[str, tuple[int, int]]
    statistics: dict[str, list[float]]
    token_kind: Literal["codes", "bits"]
    generator_kind: Literal["codes", "bits"]
    vocabularies: list[int]
    latent: tuple[int, int]
    text_tokens: int = Field(ge=1, le=100_000)
    text_width: int = Field(ge=1, le=1_000_000)
    rows: int = Field(ge=1, le=2)
    sampler: str
    sampling: dict[str, Any]
    text: Graph | None = None
    unconditional: Graph
    layouts: list[Layout] = Field(min_length=1)
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    notes: list[str] = Field(default_factory=list)
    files: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _every_scale_has_its_graphs(self) -> Manifest:
        for one in self.layouts:
            if len(one.inputs) != len(one.scales) or len(one.adds) != len(one.scales):
                raise ValueError(f"{len(one.scales)} scales, {len(one.inputs)} inputs and {len(one.adds)} adds")
            if len(one.rounds) != len(one.logits):
                raise ValueError(f"{len(one.rounds)} rounds and {len(one.logits)} graphs of logits")
        if {len(row) for row in self.statistics.values()} != {len(self.statistics.get("mean", []))}:
            raise ValueError("the statistics are not one mean and one deviation per feature")
        return self

    @model_validator(mode="after")
    def _files_are_listed(self) -> Manifest:
        unlisted = {graph.file for graph in graphs_of(self)} - self.files.keys()
        if self.files and unlisted:
            raise ValueError(f"the graph {min(unlisted)} is not among the files")
        return self


def graphs_of(manifest: Manifest) -> list[Graph]:
    """Every graph that a manifest names."""
    found = [manifest.unconditional, *([manifest.text] if manifest.text else [])]
    for one in manifest.layouts:
        groups = [*one.steps.values(), *one.commits.values(), one.logits, one.inputs, one.adds]
        found += [one.begin, one.decode, *(graph for group in groups for graph in group)]
    return found


def read_manifest(folder: Path) -> Manifest:
    """The checked manifest of an export, its files compared with their digests.

    Raises ``BundleError`` for a folder that is no export, or files that are absent or were changed.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise BundleError(f"{folder} is no ONNX export: it has no {MANIFEST_FILE}; make one with kinescale export.")
    try:
        manifest = Manifest.parse(read_json(path, error=BundleError), where=str(path))
    except ConfigError as problem:
        raise BundleError(str(problem)) from None
    for name, digest in manifest.files.items():
        if Path(name).name != name or not (folder / name).is_file():
            raise BundleError(f"{folder}: the file '{name}' of its {MANIFEST_FILE} is not there; export again.")
        if sha256_file(folder / name) != digest:
            raise BundleError(f"{folder}: '{name}' does not match its digest in {MANIFEST_FILE}; export again.")
    return manifest
