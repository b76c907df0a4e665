"""Many prompts from a file to a folder: ``kinescale generate --prompts FILE -o FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kinescale.cli.base.delivery import is_stdout
from kinescale.cli.base.notes import note
from kinescale.cli.base.options import check_positive, print_json
from kinescale.core.errors import InputError

if TYPE_CHECKING:
    from kinescale.cli.generate import Options

TABLES = (".parquet", ".jsonl")


def is_bulk(options: Options) -> bool:
    """Whether prompts go to a folder; ``InputError`` for a table of them that is to go to one file."""
    if options.prompts is None or is_stdout(options.out):
        return False
    folder = options.out.is_dir() or not options.out.suffix
    if not folder and options.prompts.suffix.lower() in TABLES:
        raise InputError(f"{options.prompts.name} has rows of their own settings; give a folder to write to with -o.")
    return folder


def run_bulk(options: Options, steps: tuple[int, ...] | None) -> int:
    """Make the motions of all prompts; exit code 1 where none could be made."""
    from kinescale.pipelines.bulk import Settings, generate_bulk

    check_positive(options.seconds, "--seconds")
    assert options.prompts is not None
    for name in ("skeleton", "fps", "watch", "scales", "guidance"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is not for a folder of motions; leave it out.")
    given = {name: getattr(options, name) for name in ("guidance_scale", "temperature", "top_p", "candidates")}
    settings = Settings.parse(
        {
            "bundle": options.bundle,
            "device": options.device,
            "seconds": options.seconds,
            "seed": options.seed,
            "samples": options.samples,
            "options": {**given, "steps": steps, "raw": options.raw or None},
            "suffixes": suffixes(options.formats),
            "shard": options.shard,
            "workers": options.workers,
        },
        where="options",
    )

    def progress(shards: int, made: int) -> None:
        print(f"{shards} shards, {made} motions", file=sys.stderr, flush=True)

    done = generate_bulk(options.prompts, options.out, settings, engine=options.engine, progress=progress)
    if options.json:
        print_json({"folder": str(options.out), **vars(done)})
    else:
        print(f"{options.out}: {done.made} motions of {done.rows} rows in {done.shards} shards")
        if done.found:
            print(f"{done.found} shards were there before and are kept")
    if done.failed:
        note(f"note: {done.failed} motions could not be made; the column 'error' says why")
    return 0 if done.made else 1


def suffixes(text: str) -> tuple[str, ...]:
    """``"bvh,glb"`` as suffixes of formats that can be written; ``InputError`` for another."""
    from kinescale.formats.base.lookup import format_by_suffix

    found = tuple(dict.fromkeys(f".{word.strip().lstrip('.')}" for word in text.split(",") if word.strip()))
    for suffix in found:
        format_by_suffix(Path(f"motion{suffix}"), "write")
    return found
