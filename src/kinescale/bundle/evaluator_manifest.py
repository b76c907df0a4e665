"""The ``config.json`` of an evaluator's folder: its parts by name, licenses, where the weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from kinescale.bundle.manifest import CONFIG_FILE, LICENSES, License, Part, Provenance, check_bounds
from kinescale.core.errors import BundleError, ConfigError
from kinescale.core.records import Record, read_json, shown

FORMAT = "kinescale-evaluator"


class EvaluatorManifest(Record):
    """The whole of the folder's ``config.json``."""

    EARLIER_NAMES: ClassVar[dict[str, str]] = LICENSES

    format: Literal["kinescale-evaluator"] = FORMAT
    format_version: Literal[1] = 1
    kinescale_version: str = ""
    title: str = Field(default="", max_length=200)
    feature: Part
    evaluator: Part
    text: Part | None = None
    licenses: list[License] = Field(default_factory=list)
    provenance: Provenance = Field(default_factory=Provenance)
    weights_sha256: str = ""


def is_evaluator(folder: Path) -> bool:
    """Whether a folder's ``config.json`` says that it holds an evaluator."""
    path = folder / CONFIG_FILE
    data = read_json(path, error=BundleError) if path.is_file() else None
    return isinstance(data, dict) and data.get("format") == FORMAT


def read_evaluator_manifest(folder: Path) -> EvaluatorManifest:
    """The checked ``config.json``; ``BundleError`` when it is absent or not an evaluator's."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise BundleError(f"{folder} is not an evaluator: it has no {CONFIG_FILE}; name a folder that has.")
    data = read_json(path, error=BundleError)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        got = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise BundleError(f"{path}: is not a Kinescale evaluator (format {shown(got)!r}); expected '{FORMAT}'.")
    try:
        manifest = EvaluatorManifest.parse(data, where=str(path))
    except ConfigError as problem:
        raise BundleError(str(problem)) from None
    for name in ("feature", "evaluator", "text"):
        part: Part | None = getattr(manifest, name)
        if part is not None:
            check_bounds(part.config, f"{path}: {name}")
    return manifest
