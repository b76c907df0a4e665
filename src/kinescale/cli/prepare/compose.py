"""``prepare --compose``: more labeled clips out of those that are prepared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from kinescale.cli.base.options import Out, parse

FLAG = "--compose"


@dataclass(frozen=True)
class Options:
    """Compose new clips from prepared ones: acts in sequence, at once, repeated, at another speed, on a bent path.

    Each clip is captioned by its measurements, and kept only where its physics is no worse than the recordings'.
    An interrupted run continues where it stopped; report.json counts rejected attempts, by kind and reason.
    """

    compose: tyro.conf.Positional[tuple[Path, ...]]
    """Prepared folders to compose from."""
    out: Out
    """Folder for prepared data; the clips get a folder of their own below it, composed or composed-val."""
    clips: int = 2000
    """Number of clips; a few that fail after several attempts are left out."""
    seed: int = 0
    """The same seed, sources and number give the same clip, whatever the number of workers."""
    split: str = "train"
    """Split of the sources, and of what is made of them: train, val or test."""
    workers: int = 0
    """Processes; 0 takes one per core."""
    captions: int = 12
    """Captions of each clip, at most."""
    kinds: tuple[str, ...] = ()
    """Kinds to make, all by default: then, while, repeat, pace, turn, distance, hold, single."""


def run(argv: list[str]) -> int:
    """Parse ``argv`` (without the flag), compose, print a summary."""
    import os

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from kinescale.core.errors import InputError

    options = parse(Options, argv, f"prepare {FLAG}")
    for source in options.compose:
        if not source.exists():
            raise InputError(f"{source}: there is no such folder; give folders made by kinescale prepare.")
    if not options.compose:
        raise InputError("prepare --compose needs prepared folders: prepare --compose data/prepared --out data.")
    if options.split not in ("train", "val", "test"):
        raise InputError(f"--split {options.split}; expected train, val or test.")
    from kinescale.data.compose import Settings, compose

    changes = {"kinds": options.kinds} if options.kinds else {}
    settings = Settings.parse(
        {"clips": options.clips, "seed": options.seed, "split": options.split, "captions_per_clip": options.captions}
        | changes,
        where="prepare --compose",
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("compose", total=None)
        report = compose(
            options.compose,
            options.out,
            settings=settings,
            workers=options.workers or os.cpu_count() or 1,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(report.by_kind.items()))
    print(f"{report.folder}: {report.written} clips, {report.minutes:.1f} minutes, {report.reused_parts} parts reused")
    print(f"by kind: {kinds}")
    given_up = sum(reasons.get("given up", 0) for reasons in report.discarded.values())
    attempts = sum(sum(reasons.values()) for reasons in report.discarded.values()) - given_up
    print(f"{attempts} attempts discarded, {given_up} clips given up; by kind and reason in report.json")
    return 0
