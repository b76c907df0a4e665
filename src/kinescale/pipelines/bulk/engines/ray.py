"""Ray Data: actors that hold the bundle, on a cluster or on this machine (``pip install 'kinescale[ray]'``).

The prompts, the bundle and the output folder have to be where every node of the cluster finds them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kinescale.core.errors import MissingDependencyError
from kinescale.core.json_input import parse_json
from kinescale.pipelines.bulk.job import Settings
from kinescale.pipelines.bulk.maker import Maker
from kinescale.pipelines.bulk.shards import Shard

WAVE = 1024
"""Shards that are handed over at once, so that a long list of prompts never is in memory as a whole."""


def run(shards: Iterator[Shard], settings: Settings, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Make the shards by ``map_batches`` with one shard per batch, wave by wave."""
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingDependencyError(
            "the engine 'ray' needs Ray; install it with: pip install 'kinescale[ray]', or take --engine local."
        ) from None
    import json

    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    has_gpu = settings.device == "auto" and ray.cluster_resources().get("GPU", 0) > 0
    gpus = int(has_gpu or settings.device.startswith("cuda"))
    while wave := [shard for _, shard in zip(range(WAVE), shards)]:
        items = [{"shard": json.dumps([shard.first, shard.digest, shard.rows])} for shard in wave]
        blocks = ray.data.from_items(items, override_num_blocks=len(items))
        made = blocks.map_batches(
            _Actor,
            fn_constructor_args=(settings.to_json(), str(out.resolve())),
            batch_size=1,
            concurrency=max(1, settings.workers),
            num_gpus=gpus,
        )
        for row in made.iter_rows():
            yield str(row["name"]), parse_json(row["record"])


class _Actor:
    """One actor: it holds the bundle and makes a shard per batch."""

    def __init__(self, settings: dict[str, Any], out: str):
        self.maker = Maker(Settings.parse(settings), Path(out))

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        import json

        made = []
        for text in batch["shard"]:
            first, digest, rows = parse_json(str(text))
            shard = Shard(first, digest, [(number, fields) for number, fields in rows])
            made.append((shard.name, json.dumps(self.maker.make(shard))))
        return {"name": [name for name, _ in made], "record": [record for _, record in made]}
