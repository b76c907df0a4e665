"""What an importer makes of a system's state dicts: networks, their feature, text encoder and sampler settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kinescale import features
from kinescale.bundle.manifest import Part, variant_of
from kinescale.core.errors import BundleError
from kinescale.core.records import Record
from kinescale.evaluators import Evaluator
from kinescale.features import Feature, Normalizer
from kinescale.features.humanml3d import Config as HumanML3D
from kinescale.features.snapmogen import Config as SnapMoGen
from kinescale.generators import Generator
from kinescale.io.safe_npy import Expected, read_npy
from kinescale.tokenizers import Tokenizer

Given = Mapping[str, Mapping[str, Any]]
"""Part -> fields that the user gave, which win over what the files tell."""

KIT_WIDTH = 251
"""Features a frame of KIT-ML, for which some published settings differ."""

PUBLISHED: tuple[Record, ...] = (HumanML3D(), HumanML3D(variant="kit"), SnapMoGen())
"""Features that published weights read; they are told apart by their width."""


@dataclass(frozen=True, eq=False)
class Assembled:
    """Parts of a bundle, or of an evaluator's folder.

    ``assumed``: a sentence for everything that no file tells.
    """

    feature: Feature
    tokenizer: Tokenizer | None = None
    generator: Generator | None = None
    evaluator: Evaluator | None = None
    text: Part | None = None
    sampling: Part | None = None
    assumed: tuple[str, ...] = ()


def feature_of(width: int) -> Feature:
    """The published feature of so many numbers a frame; ``BundleError`` where there is none."""
    built = {}
    for config in PUBLISHED:
        part = Part.of(config)
        feature = features.FAMILY.get(part.name, "build")(config)
        built[feature.width] = feature
    if width not in built:
        raise BundleError(
            f"the weights read {width} numbers a frame; the published features have {', '.join(map(str, built))}."
        )
    return built[width]


def feature_fields(feature: Feature, config: type[Record]) -> dict[str, Any]:
    """Fields of a tokenizer's config that its feature decides."""
    part = Part(name=variant_of(feature), config=feature.config.to_json())
    known = {
        "feature_blocks": {name: [block.start, block.stop] for name, block in feature.blocks.items()},
        "feature": part.name,
        "feature_config": part.config,
        "skeleton": feature.skeleton.name,
    }
    return {name: value for name, value in known.items() if name in config.model_fields}


def assumptions(
    given: Given, built: Mapping[str, Record | Part | None], fields: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """A line for each of ``fields`` (part -> names) that no file tells: its value, and whether the user gave it."""
    lines = []
    for part, names in fields.items():
        config = built.get(part)
        if config is None:
            continue
        values = config.config if isinstance(config, Part) else config.to_json()
        for name in names:
            source = "given" if name in given.get(part, {}) else "as published"
            lines.append(f"{part}.{name} is {values[name]} ({source})")
    return lines


def part_with(config: Record, given: Mapping[str, Any], where: str) -> Part:
    """A variant's config with the given fields, as a part with all fields."""
    whole = type(config).parse({**config.to_json(), **given}, where=where)
    return Part(name=variant_of(whole), config=whole.to_json())


def read_statistics(files: list[Path]) -> Normalizer:
    """Mean and deviation from ``mean.npy`` and ``std.npy`` (or ``Mean.npy``, ``Std.npy``), or a folder of both.

    A deviation of 0 belongs to a feature that never changes and is taken as 1. Raises ``BundleError`` where one is
    missing, or they do not fit.
    """
    arrays = [array for file in files for array in (sorted(file.glob("*.npy")) if file.is_dir() else [file])]
    found: dict[str, np.ndarray] = {}
    for name in ("mean", "std"):
        fitting = [file for file in arrays if file.stem.lower() == name]
        if len(fitting) != 1:
            raise BundleError(
                f"{len(fitting)} of the named files are {name}.npy; name the mean.npy and the std.npy (or the folder "
                "of both) that the authors normalized with."
            )
        found[name] = read_npy(fitting[0], Expected("f4 f8", (1,), lenient=True)).astype(np.float32)
    mean, std = found["mean"], found["std"]
    if mean.shape != std.shape or not np.isfinite(mean).all() or not np.isfinite(std).all() or (std < 0).any():
        raise BundleError("mean.npy and std.npy do not fit each other, or hold numbers that no statistics have.")
    return Normalizer(torch.from_numpy(mean), torch.from_numpy(np.where(std > 0, std, np.float32(1.0))))
