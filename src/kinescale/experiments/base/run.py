"""Running an experiment row by row: trained, measured, written; a row that is there is not run again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import kinescale
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.core.errors import DataError, KinescaleError
from kinescale.core.files import atomic_write_text
from kinescale.core.records import json_hash, read_json, write_json
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.evaluation.record import Request
from kinescale.experiments.base import Experiment, Row
from kinescale.experiments.base.measures import MEASURES, Job
from kinescale.experiments.base.report import markdown, plot
from kinescale.experiments.base.trained import Options, bundle_of, folder_of, given
from kinescale.training.log import FILE, read_log
from kinescale.training.watch import Watch

RESULT, TABLE, PLOT = "result.json", "table.md", "plot.svg"

Said = Callable[[str], None]


def reproduce(
    name: str,
    experiment: Experiment,
    options: Options,
    request: Request,
    *,
    evaluator: EvaluatorBundle | None = None,
    watch: Watch | None = None,
    say: Said = lambda line: None,
) -> dict[str, dict[str, Any]]:
    """Run all rows; write ``result.json``, ``table.md`` and ``plot.svg`` into the folder after each of them.

    A row that fails or whose training has not ended has a ``problem`` in place of ``measured``; the others go on. Rows
    are kept in ``rows/``, and run again only when anything that decides them has changed.
    """
    prepared = open_prepared(options.data)
    results: dict[str, dict[str, Any]] = {}
    for row in experiment.rows:
        if row.cited:
            continue
        say(f"{name}: {row.name}")
        results[row.name] = _row(experiment, row, options, request, prepared, evaluator, watch or Watch())
        _write(name, experiment, options, request, prepared, results)
    return results


def _row(
    experiment: Experiment,
    row: Row,
    options: Options,
    request: Request,
    prepared: Prepared,
    evaluator: EvaluatorBundle | None,
    watch: Watch,
) -> dict[str, Any]:
    """A row's record, from its file or measured."""
    path = options.folder / "rows" / f"{re.sub(r'[^a-z0-9]+', '-', row.name.lower()).strip('-')}.json"
    try:
        key = _key(experiment, row, options, request, prepared, evaluator)
        if path.is_file():
            kept = read_json(path, error=DataError)
            if isinstance(kept, dict) and kept.get("key") == key:
                return kept
        generator = experiment.measure != "reconstruction"
        bundle = bundle_of(experiment, row, options, watch, generator=generator)
        log: list[dict[str, Any]] = []
        if generator and not given(row, options):
            log = list(read_log(folder_of(experiment, row, options, generator=True) / "generator" / FILE))
        job = Job(bundle, prepared, evaluator, request, log)
        record = {
            "key": key,
            "bundle": bundle.content_hash,
            "recipe": experiment.recipe(row, options.size) if not given(row, options) else str(options.bundle),
            "measured": MEASURES[experiment.measure](experiment, row, job),
        }
    except KinescaleError as problem:
        return {"problem": str(problem)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record)
    return record


def _key(
    experiment: Experiment,
    row: Row,
    options: Options,
    request: Request,
    prepared: Prepared,
    evaluator: EvaluatorBundle | None,
) -> str:
    """A hash of all that decides a row's numbers."""
    trained: Any = options.bundle if given(row, options) else options.config(experiment, row).identity("generator")
    asked = {"split": request.split, "protocol": request.protocol.to_json(), "repeats": request.repeats}
    asked |= {"limit": request.limit, "seed": request.seed, "multimodality": request.multimodality}
    parts = {
        "measure": experiment.measure,
        "trained": trained,
        "sampling": {name: list(v) if isinstance(v, tuple) else v for name, v in row.sampling.items()},
        "scales": row.scales,
        "rule": row.rule,
        "request": asked,
        "data": prepared.manifest_hash,
        "evaluator": None if evaluator is None else evaluator.content_hash,
        "version": kinescale.__version__,
    }
    return json_hash(parts)


def _write(
    name: str,
    experiment: Experiment,
    options: Options,
    request: Request,
    prepared: Prepared,
    results: dict[str, dict[str, Any]],
) -> None:
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    protocol = request.protocol
    about = [
        f"size '{options.size}', protocol '{protocol.name}' with pools of {protocol.pool}, "
        f"{request.repeats or protocol.repeats} repeats, split '{request.split}'"
        + (f", {request.limit} clips at most" if request.limit else ""),
        f"data {prepared.manifest_hash[:16]}; {request.command}",
    ]
    rows = [
        {"name": row.name, "paper": dict(row.paper), "cited": row.cited, "x": row.x, **results.get(row.name, {})}
        for row in experiment.rows
    ]
    record = {"format": "kinescale-experiment", "name": name, "title": experiment.title, "source": experiment.source}
    write_json(folder / RESULT, {**record, "about": about, "notes": list(experiment.notes), "rows": rows})
    atomic_write_text(folder / TABLE, markdown(experiment, results, about))
    atomic_write_text(folder / PLOT, plot(experiment, results))
