"""Export a trained system to another runtime, such as ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from kinescale.cli.base.options import Flag, Out, parse, print_json
from kinescale.core.errors import InputError
from kinescale.core.family import Family

EXAMPLES = (
    "kinescale export default --to onnx -o default-onnx",
    "kinescale export runs/mine --to onnx -o mine-onnx --seconds 2,4,8 --weights fp16",
)

TARGETS = Family("kinescale.export", "export target")
MAX_LENGTHS = 64


@dataclass(frozen=True)
class Options:
    """Write a bundle as files that another runtime runs: graphs, weights, and a manifest with all else.

    "kinescale generate --runtime onnx --bundle DIR" makes motions from them, with the same tokens as the bundle.
    """

    bundle: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="BUNDLE")]]
    """Trained system: default, a bundle's folder or a training run's folder."""
    out: Out
    """Folder to write."""
    to: str = "onnx"
    """Runtime to export to."""
    seconds: str = "2,4"
    """Lengths of motion to export, each with the graphs of the layout that holds it; the bundle's longest is always
    among them."""
    weights: Literal["fp32", "fp16", "int8", "auto"] = "fp32"
    """Precision of the weights: fp16 for browsers; int8 measures what it costs; auto takes int8 where the processor has
    instructions for it and it pays."""
    force: Flag = False
    """Replace an earlier export."""
    json: Flag = False
    """Print one JSON object instead of lines."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, export, and list what was written."""
    from kinescale.bundle import read_manifest, resolve

    options = parse(Options, argv, "export")
    TARGETS.check(options.to)
    seconds = _lengths(options.seconds)
    read_manifest(resolve(options.bundle))

    from kinescale.bundle import Bundle

    target = TARGETS.load(options.to)
    config = target.Config(seconds=seconds, weights=options.weights, force=options.force)
    report = target.export(Bundle.from_pretrained(options.bundle), Path(options.out), config)
    if options.json:
        print_json({"folder": str(report.folder), "files": report.files, "notes": list(report.notes)})
        return 0
    total = sum(report.files.values())
    print(f"{report.folder}: {len(report.files)} files, {total / 1e6:.1f} MB")
    for note in report.notes:
        print(f"note: {note}")
    return 0


def _lengths(text: str) -> tuple[float, ...]:
    """``"2,4"`` as seconds; ``InputError`` for anything else."""
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        found = ()
    if not 1 <= len(found) <= MAX_LENGTHS or not all(0.0 < length <= 3600.0 for length in found):
        raise InputError(f"--seconds is '{text[:80]}'; expected lengths in seconds with commas, such as 2,4.")
    return found
