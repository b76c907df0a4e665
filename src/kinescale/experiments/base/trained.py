"""The bundles of an experiment's rows: trained once for all rows that share a run, and taken up again after a stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from kinescale import generators, recipes, tokenizers
from kinescale.bundle import Bundle
from kinescale.core.errors import ConfigError, DataError
from kinescale.core.records import json_hash
from kinescale.experiments.base import Experiment, Row, Size
from kinescale.training.config import RunConfig, Stage
from kinescale.training.export import build_bundle
from kinescale.training.overrides import override
from kinescale.training.run import train
from kinescale.training.watch import Watch


@dataclass(frozen=True)
class Options:
    """How an experiment is run.

    Parameters
    ----------
    data : prepared data.
    folder : where runs, rows and tables go.
    bundle : a bundle that stands for every row that trains nothing of its own, such as an imported one.
    minutes : budget of each stage.
    changes : of all runs, by dotted name.
    """

    data: Path
    folder: Path
    size: Size = "published"
    bundle: str | None = None
    minutes: float | None = None
    device: str = "cpu"
    changes: tuple[tuple[str, str], ...] = ()
    which: Literal["last", "best"] = "best"

    def config(self, experiment: Experiment, row: Row) -> RunConfig:
        """The run of a row; ``ConfigError`` for a change that the recipe has no field for."""
        recipe = recipes.get(experiment.recipe(row, self.size))
        if not isinstance(recipe, RunConfig):
            raise ConfigError(f"'{recipe.name}' trains no generator.")
        own = row.changes(recipe) if callable(row.changes) else row.changes
        common: dict[str, Any] = {"estimates_length": False, "device": self.device, **dict(self.changes)}
        if self.minutes is not None:
            common |= {f"{stage}_training.minutes": self.minutes for stage in ("tokenizer", "generator")}
        config = override(recipe, {**common, **own})
        for family, part in ((tokenizers.FAMILY, config.tokenizer), (generators.FAMILY, config.generator)):
            if part is not None:
                family.get(part.name, "Config").parse(part.config, where=f"{family.noun} '{part.name}'")
        return config


def given(row: Row, options: Options) -> bool:
    """Whether the bundle of the options stands for a row."""
    return options.bundle is not None and not row.changes and row.recipe is None


def bundle_of(experiment: Experiment, row: Row, options: Options, watch: Watch, *, generator: bool = True) -> Bundle:
    """The bundle of a row, trained where it is not there yet. ``DataError`` where the time was up."""
    if given(row, options):
        return Bundle.from_pretrained(str(options.bundle), device=options.device)
    folder = folder_of(experiment, row, options, generator=generator)
    config = options.config(experiment, row)
    tokenizer = folder_of(experiment, row, options, generator=False)
    _train(config, options, tokenizer, ("tokenizer",), watch)
    if not generator:
        return build_bundle(tokenizer).to(options.device)
    # the generators of all rows with one tokenizer begin with the same one
    _train(config, options, folder, ("generator",), watch, start=build_bundle(tokenizer))
    best = options.which if (folder / "generator" / "best.safetensors").is_file() else "last"
    return build_bundle(folder, which=cast(Any, best)).to(options.device)


def folder_of(experiment: Experiment, row: Row, options: Options, *, generator: bool) -> Path:
    """The run folder of a row's generator, or of its tokenizer; rows that train alike share it."""
    stage: Stage = "generator" if generator else "tokenizer"
    key = json_hash(options.config(experiment, row).identity(stage))[:12]
    return options.folder / "runs" / f"{stage}-{key}"


def _train(
    config: RunConfig,
    options: Options,
    folder: Path,
    stages: Sequence[Stage],
    watch: Watch,
    *,
    start: Bundle | None = None,
) -> None:
    outcomes = train(config, options.data, folder, stages, watch=watch, start=start)
    for stage, outcome in outcomes.items():
        if not outcome.finished:
            raise DataError(
                f"the {stage} of {folder.name} is at step {outcome.step} of {config.stage(stage).steps}; "
                "the same command goes on."
            )
