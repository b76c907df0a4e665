"""A bulk job: rows cut into shards, made by an engine, and a manifest once all are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from kinescale.core.errors import InputError
from kinescale.core.family import Family
from kinescale.core.files import sha256_file
from kinescale.core.records import Record, write_json
from kinescale.pipelines.bulk.rows import Asked, Options, hash_of, read_rows
from kinescale.pipelines.bulk.shards import Shard

ENGINES = Family("kinescale.pipelines.bulk.engines", "engine")
MANIFEST = "manifest.json"
VERSION = 1


class Settings(Record):
    """What all rows of a job have in common; a row's own values go before.

    ``suffixes``: formats of the files beside the table, such as ``.bvh``; ``shard``: rows of a shard; ``samples`` of
    each row; ``workers``: processes (``ray``: actors), 0: as the engine has it.
    """

    bundle: str = "default"
    device: str = "cpu"
    seconds: float | None = Field(default=None, gt=0)
    default_seconds: float = 4.0
    seed: int = Field(default=0, ge=0)
    samples: int = Field(default=1, ge=1, le=1000)
    options: Options = Options()
    suffixes: tuple[str, ...] = ()
    shard: int = Field(default=256, ge=1, le=100_000)
    workers: int = Field(default=0, ge=0, le=4096)

    def decisive(self) -> dict[str, Any]:
        """The settings that decide what is made."""
        return {key: value for key, value in self.to_json().items() if key not in ("bundle", "device", "workers")}


DEFAULTS = Settings()


@dataclass(frozen=True)
class BulkResult:
    """How a job ended: the manifest's numbers, and how many shards had been there before."""

    rows: int
    made: int
    failed: int
    shards: int
    found: int


def generate_bulk(
    prompts: str | Path,
    out: str | Path,
    settings: Settings = DEFAULTS,
    *,
    engine: str = "local",
    progress: Callable[[int, int], None] | None = None,
) -> BulkResult:
    """Make the motions of all rows of ``prompts`` in the folder ``out``; given again, what is missing of them.

    ``prompts``: Parquet or JSON lines with ``prompt``, and where wanted ``seconds``, ``seed``, ``options``, ``id``; or
    text with a prompt per line. ``progress`` is called with the shards and motions done so far. A row that fails is a
    row of its shard with its sentence.

    Raises ``InputError`` for a file that cannot be read, ``MissingDependencyError`` for an engine that is absent.

    Example
    -------
    >>> from pathlib import Path
    >>> from kinescale.pipelines.bulk import Settings, generate_bulk, read_shard
    >>> _ = Path("prompts.txt").write_text("a person walks\\na person waves\\n")
    >>> generate_bulk("prompts.txt", "made", Settings(seconds=1.0)).made
    2
    >>> [row["prompt"] for row, motion in read_shard(next(Path("made").glob("part-*")))]
    ['a person walks', 'a person waves']
    """
    from kinescale.bundle import read_manifest, resolve

    prompts, out, bundle = Path(prompts), Path(out), resolve(settings.bundle)
    run = ENGINES.get(engine, "run")
    read_manifest(bundle)
    out.mkdir(parents=True, exist_ok=True)
    files = {name: sha256_file(bundle / name) for name in ("config.json", "model.safetensors")}
    known = {"version": VERSION, "bundle": files, **settings.decisive()}
    before = {path.name for path in out.glob("part-*")}
    records: dict[str, dict[str, Any]] = {}
    made = found = 0
    for shard, record in run(_shards(prompts, settings, known), settings, out):
        records[shard] = record
        found, made = found + (shard in before), made + record["made"]
        if progress is not None:
            progress(len(records), made)
    if not records:
        raise InputError(f"{prompts}: there are no prompts in it.")
    totals = {name: sum(record[name] for record in records.values()) for name in ("rows", "made", "failed")}
    content = {"format": "kinescale-bulk", "settings": known, "prompts_sha256": sha256_file(prompts), **totals}
    kept = ("first", "rows", "made", "failed", "digest")
    shards = [{"name": name, **{key: records[name][key] for key in kept}} for name in sorted(records)]
    write_json(out / MANIFEST, {**content, "shards": shards})
    return BulkResult(**totals, shards=len(records), found=found)


def _shards(prompts: Path, settings: Settings, known: dict[str, Any]) -> Iterator[Shard]:
    waiting: list[Asked] = []
    for row in read_rows(prompts):
        waiting.append(row)
        if len(waiting) == settings.shard:
            yield Shard(waiting[0][0], hash_of(waiting, known), waiting)
            waiting = []
    if waiting:
        yield Shard(waiting[0][0], hash_of(waiting, known), waiting)
