"""What one worker of a bulk job does: it holds the bundle and makes shards, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinescale.core.errors import KinescaleError
from kinescale.pipelines.bulk.rows import Row, checked
from kinescale.pipelines.bulk.shards import Entry, Shard, whole, write_shard

if TYPE_CHECKING:
    from kinescale.motion import Motion
    from kinescale.pipelines.bulk.job import Settings

TOGETHER = 32
"""Rows of equal settings that pass through the text encoder and the sampler in one call; no motion depends on it."""


class Maker:
    """Makes shards into a folder; the bundle is loaded once."""

    def __init__(self, settings: Settings, out: Path):
        from kinescale.pipelines import TextToMotion

        self.settings, self.out = settings, out
        self.pipe = TextToMotion.from_pretrained(settings.bundle, device=settings.device)

    def make(self, shard: Shard) -> dict[str, Any]:
        """The record of the shard, which is made unless it is there and whole."""
        found = whole(self.out / shard.name)
        if found is not None:
            return found
        return write_shard(self.out, shard, self._entries(shard), self.settings.suffixes)

    def _entries(self, shard: Shard) -> list[Entry]:
        """An entry per row and sample, in order."""
        found: dict[tuple[int, int], Entry] = {}
        alike: dict[Row, list[tuple[int, Row]]] = {}
        for number, fields in shard.rows:
            try:
                row = self._complete(checked(fields))
                alike.setdefault(row.but(prompt="a", id="", seed=0), []).append((number, row))
            except KinescaleError as problem:
                told = fields if isinstance(fields, dict) else {}
                asked = {"prompt": str(told.get("prompt", ""))[:2000], "id": str(told.get("id") or ""), "sample": 0}
                found[number, 0] = Entry(number, asked, None, str(problem))
        for rows in alike.values():
            for first in range(0, len(rows), TOGETHER):
                for entry in self._made(rows[first : first + TOGETHER]):
                    found[entry.row, entry.asked["sample"]] = entry
        return [found[key] for key in sorted(found)]

    def _complete(self, row: Row) -> Row:
        """The row with the job's settings where it has none of its own."""
        common = self.settings.options.to_json()
        own = {key: value for key, value in row.options.to_json().items() if value is not None}
        seconds = self.settings.seconds if row.seconds is None else row.seconds
        if seconds is None:
            seconds = min(self.settings.default_seconds, self.pipe.seconds_range[1])
        seed = self.settings.seed if row.seed is None else row.seed
        return row.but(seconds=seconds, seed=seed, options={**common, **own})

    def _made(self, rows: list[tuple[int, Row]]) -> Iterator[Entry]:
        """Entries of rows that differ in prompt and seed alone; where they fail together, one by one."""
        samples = range(self.settings.samples)
        try:
            motions = self._sampled([row for _, row in rows])
        except KinescaleError as problem:
            if len(rows) > 1:
                for one in rows:
                    yield from self._made([one])
                return
            (number, row), *_ = rows
            yield from (Entry(number, _asked(row, sample), None, str(problem)) for sample in samples)
            return
        for at, (number, row) in enumerate(rows):
            for sample in samples:
                yield Entry(number, _asked(row, sample), motions[at * len(samples) + sample])

    def _sampled(self, rows: list[Row]) -> list[Motion]:
        from kinescale.pipelines import FINISH, RAW

        first = rows[0]
        assert first.seconds is not None
        options = first.options
        sampling = {name: getattr(options, name) for name in ("guidance_scale", "temperature", "top_p", "steps")}
        made = self.pipe(
            [row.prompt for row in rows],
            first.seconds,
            list(range(self.settings.samples)),
            [row.seed or 0 for row in rows],
            sampling={name: value for name, value in sampling.items() if value is not None},
            post_process=RAW if options.raw else FINISH,
            candidates=options.candidates,
        )
        return list(made.motions)


def _asked(row: Row, sample: int) -> dict[str, Any]:
    return {"prompt": row.prompt, "id": row.id, "seconds": row.seconds, "seed": row.seed, "sample": sample}
