"""Engines of bulk jobs. A variant offers ``run(shards, settings, out)``, which yields each shard's name and record."""
