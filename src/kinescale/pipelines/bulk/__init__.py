"""Bulk generation: a file of prompts to a folder of shards, each whole or absent, on one of several engines.

A shard is a folder ``part-FIRST-HASH``: ``motions.parquet`` with a row per motion, ``files/`` in the formats asked for,
and ``shard.json`` with the digests of both. HASH is of all that decides its content (bundle, settings, rows), and the
folder gets its name only once it is whole: a job that was killed anywhere, and is given again, makes what is missing
and ends with the same bytes.
"""

from kinescale.pipelines.bulk.job import BulkResult, Settings, generate_bulk
from kinescale.pipelines.bulk.shards import read_shard

__all__ = ["BulkResult", "Settings", "generate_bulk", "read_shard"]
