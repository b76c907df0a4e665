"""onnx: graphs of fixed shapes with one file of weights and a manifest, for ONNX Runtime in Python, C++ or a browser.

One set of graphs for each length (layout) asked for: lengths that stay open have been exported wrongly without a word
(pytorch issue 152018), and fixed shapes are what accelerators run fastest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field

import kinescale
from kinescale.bundle.hub import check_target, new_folder
from kinescale.bundle.manifest import CONFIG_FILE
from kinescale.core.errors import BundleError, InputError, MissingDependencyError
from kinescale.core.files import sha256_file
from kinescale.core.records import Record, write_json
from kinescale.export.base import Report
from kinescale.nn.threads import on_fixed_threads

if TYPE_CHECKING:
    from kinescale.bundle import Bundle


class Config(Record):
    """``seconds``: lengths to export; each takes the layout that holds it, and the longest is always among them.

    ``weights``: ``fp32``; ``fp16``, half the bytes, for browsers (arithmetic stays in single precision); ``int8``, the
    generator's products in eight bits; ``auto``: ``int8`` where the processor has instructions for it and it is faster
    without changing tokens, else ``fp32``; the report says which and why.
    """

    seconds: tuple[float, ...] = (2.0, 4.0)
    weights: Literal["fp32", "fp16", "int8", "auto"] = "fp32"
    force: bool = Field(default=False)


@on_fixed_threads
def export(bundle: Bundle, folder: str | Path, config: Config) -> Report:
    """Write the graphs of a bundle that generates.

    Raises ``InputError`` for a folder that holds something else, ``BundleError`` for a bundle without a generator,
    ``MissingDependencyError`` without the packages of the ``onnx`` extra.

    Example
    -------
    >>> settings = Config(seconds=(4.0,), weights="fp16")
    >>> export(Bundle.from_pretrained(), "walker-onnx", settings)  # doctest: +SKIP
    """
    target = Path(folder)
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        raise MissingDependencyError("exporting needs ONNX; pip install 'kinescale[onnx]'.") from None
    if bundle.generator is None:
        raise BundleError("this bundle has no generator; only what makes motions is exported.")
    check_target(target, config.force)
    from kinescale.export.onnx.choice import chosen_weights

    weights, notes = chosen_weights(bundle, config.weights)
    try:
        with new_folder(target) as temporary:
            _write(bundle, temporary, config, weights, notes)
    except OSError as problem:
        raise InputError(f"cannot write {target} ({problem.strerror or problem}); choose another place.") from None
    files = {path.name: path.stat().st_size for path in sorted(target.iterdir())}
    return Report(target, files, tuple(notes))


def load(folder: str | Path) -> Bundle:
    """The exported bundle in ``folder``, for the pipelines: ``TextToMotion(load("walker-onnx"))``."""
    from kinescale.export.onnx.runtime import load_bundle

    return load_bundle(Path(folder))


def layouts(bundle: Bundle, seconds: tuple[float, ...]) -> list[Any]:
    """The layouts that hold clips of these lengths, and the longest; ``InputError`` for a length out of range."""
    fps, stride, most = bundle.feature.fps, bundle.stride, bundle.max_frames
    found = {}
    for length in (*seconds, most / fps):
        frames = round(length * fps)
        if not stride <= frames <= most:
            raise InputError(f"{length:g} seconds; this bundle makes {stride / fps:.2f} to {most / fps:.2f} seconds.")
        layout = bundle.tokenizer.layout(-(-frames // stride) * stride)
        found[layout.capacity] = layout
    return [found[capacity] for capacity in sorted(found)]


@torch.no_grad()
def _write(bundle: Bundle, folder: Path, config: Config, weights: str, notes: list[str]) -> None:
    from kinescale.export.onnx import graphs as g
    from kinescale.export.onnx.manifest import MANIFEST_FILE, WEIGHTS_FILE, Manifest
    from kinescale.export.onnx.weight_file import WeightFile
    from kinescale.text.base.exported import TOKENIZER_FILE

    encoder, generator = bundle.text_encoder, bundle.generator
    tokens = min(encoder.max_tokens, getattr(generator.config, "text_tokens", encoder.max_tokens))  # type: ignore
    sampling = bundle.manifest.sampling
    assert sampling is not None and generator is not None
    scales = bundle.sampler()[1].to_json().get("guidance_scale", 1.0)
    rows = 2 if any(scale != 1.0 for scale in (scales if isinstance(scales, list) else [scales])) else 1
    writer = g.Writer(folder, WeightFile(folder / WEIGHTS_FILE, half=weights == "fp16"), int8=weights == "int8")
    sets = [g.LayoutGraphs(bundle, layout, writer, rows, tokens).write() for layout in layouts(bundle, config.seconds)]
    exported = encoder.exported()
    if exported is not None:
        (folder / TOKENIZER_FILE).write_bytes(exported.tokenizer)
    skeleton, codec = bundle.feature.skeleton, bundle.tokenizer.codec
    manifest = Manifest(
        kinescale_version=kinescale.__version__,
        bundle=bundle.content_hash,
        license=bundle.license,
        licenses=list(bundle.licenses),
        fps=bundle.feature.fps,
        skeleton={
            "joints": list(skeleton.joints),
            "parents": list(skeleton.parents),
            "offsets_m": skeleton.offsets.tolist(),
        },
        blocks={name: (part.start, part.stop) for name, part in bundle.feature.blocks.items()},
        statistics={"mean": bundle.normalizer.mean.tolist(), "std": bundle.normalizer.std.tolist()},
        token_kind=codec.token_kind,  # type: ignore[arg-type]
        generator_kind=generator.token_kind,  # type: ignore[arg-type]
        vocabularies=list(codec.vocabularies),
        latent=(codec.latent_parts, codec.latent_width),
        text_tokens=tokens,
        text_width=encoder.width,
        rows=rows,
        sampler=sampling.name,
        sampling=bundle.sampler()[1].to_json(),
        text=g.text_graph(encoder, writer),
        unconditional=g.unconditional_graph(bundle, writer, tokens),
        layouts=sets,
        precision=weights,  # type: ignore[arg-type]
        notes=notes,
    )
    write_json(folder / CONFIG_FILE, bundle.manifest.to_json())
    files = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
    write_json(folder / MANIFEST_FILE, manifest.but(files=files).to_json())
