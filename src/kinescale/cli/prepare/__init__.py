"""Prepare a published motion corpus for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from kinescale.cli.base.options import MaybeFloat, MaybeInt, MaybePath, MaybeText, Out, check_fps, parse
from kinescale.cli.prepare import compose as _prepare_compose

EXAMPLES = (
    "kinescale prepare bandai_namco Bandai-Namco.zip -o data/prepared",
    "kinescale prepare folder mine -o data/prepared --measured 2",
    "kinescale prepare amass AMASS -o HumanML3D --as humanml3d --body-model AMASS/body_models",
    "kinescale prepare --compose data/prepared -o data/prepared --clips 4000",
)

LEAST_WINDOW = 16
"""Frames of the shortest window."""


@dataclass(frozen=True)
class Options:
    """Read a corpus in its published layout and write it ready for training: one skeleton, 30 fps, captions, splits.

    An interrupted run goes on where it stopped; a damaged file is left out with a line in report.json. With --compose,
    prepared folders are composed into more clips instead: see kinescale prepare --compose --help.
    """

    corpus: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="CORPUS")]]
    """Which corpus: accad, amass, bandai_namco, cmu, hdm05, humanml3d, kaykit, kit, mesh2motion, motionx, snapmogen, or
    folder for your own files."""
    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="SOURCE")]]
    """Its folder as published, or a .tar(.gz|.xz) or .zip of it."""
    out: Out
    """Folder for prepared data; the corpus gets a folder of its own below it."""
    workers: int = 0
    """Processes; 0 takes one per core."""
    captions: MaybeInt = None
    """Captions of each clip, where the corpus has none of its own: 18, a third of which state measurements."""
    measured: int = 0
    """Measured captions of the motion to add: 0 to 3, from brief to full."""
    window: MaybeInt = None
    """Length in frames of overlapping windows that longer takes are cut into, 0 for no cutting; by default 256 for
    corpora captioned from labels, and no cutting for published captions or your own."""
    split: MaybeText = None
    """Put all of it into one split: train, val or test. By default the published one, else by a hash of the name."""
    statistics: MaybePath = None
    """Folder with mean.npy and std.npy (an evaluator's, say) to keep in place of those published with the features."""
    skeleton: MaybeText = None
    """Skeleton to bring the motions to; by default the one the corpus was published on, else humanml22."""
    fps: MaybeFloat = None
    """Frames per second; by default the rate of the published features, else 30."""
    body_model: MaybePath = None
    """For amass: your SMPL-H or SMPL-X model files, a folder or one .npz; SOURCE/body_models when not given."""
    as_: Annotated[str, tyro.conf.arg(name="as", metavar="FORM")] = "rotations"
    """For amass: rotations, prepared for training, or humanml3d, HumanML3D's published folder (joints, 263 features and
    mirror images by its index.csv), which kinescale prepare humanml3d reads."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, prepare, print a summary."""
    import os

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if _prepare_compose.FLAG in argv:
        return _prepare_compose.run([word for word in argv if word != _prepare_compose.FLAG])
    options = parse(Options, argv, "prepare")
    _check(options)
    if options.as_ in _other_forms(options.corpus):
        return _published_folder(options)
    from kinescale.data.prepare import Settings, prepare

    settings = Settings.of(
        options.corpus,
        captions_per_clip=options.captions,
        measured=options.measured,
        window_frames=options.window,
        split=options.split,
        skeleton=options.skeleton,
        fps=options.fps,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(f"prepare {options.corpus}", total=None)
        report = prepare(
            options.corpus,
            options.source,
            options.out,
            settings=settings,
            workers=options.workers or os.cpu_count() or 1,
            statistics=options.statistics,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
            body_models=options.body_model,
        )
    print(f"{report.folder}: {report.written} clips, {report.minutes:.1f} minutes, {report.reused_parts} parts reused")
    _left_out(report.skipped, report.folder)
    return 0


def _other_forms(corpus: str) -> tuple[str, ...]:
    """What a corpus can be made into beside prepared data."""
    from kinescale.data.datasets import FAMILY

    return FAMILY.literal(corpus, "OTHER_FORMS") or ()


def _published_folder(options: Options) -> int:
    """HumanML3D's folder from AMASS."""
    import os

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from kinescale.data.prepare.humanml3d_folder import make_humanml3d

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("HumanML3D from AMASS", total=None)
        report = make_humanml3d(
            options.source,
            options.out,
            body_models=options.body_model,
            workers=options.workers or os.cpu_count() or 1,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    print(f"{report.folder}: {report.written} clips and their mirror images, {report.reused_parts} parts reused")
    _left_out(report.skipped, report.folder)
    return 0


def _left_out(skipped: tuple[tuple[str, str], ...], folder: Path) -> None:
    for clip, reason in skipped[:20]:
        print(f"left out {clip}: {reason}")
    if len(skipped) > 20:
        print(f"... and {len(skipped) - 20} more, all in {folder / 'report.json'}")


def _check(options: Options) -> None:
    """``InputError`` or ``UnknownNameError`` for what cannot be, before anything is read."""
    from kinescale.core.errors import InputError
    from kinescale.core.family import Family
    from kinescale.data.datasets import FAMILY

    FAMILY.check(options.corpus)
    forms = _other_forms(options.corpus)
    if not forms and (options.body_model is not None or options.as_ != Options.as_):
        raise InputError(f"--body-model and --as are for corpora of bodies, as amass is; '{options.corpus}' is none.")
    if options.as_ not in (Options.as_, *forms):
        raise InputError(f"--as is '{options.as_}'; expected {' or '.join((Options.as_, *forms))}.")
    if options.body_model is not None and not options.body_model.exists():
        raise InputError(f"{options.body_model}: there is no such file or folder; name your body models.")
    if not options.source.exists():
        raise InputError(f"{options.source}: there is no such folder or archive; give the corpus as published.")
    if options.captions is not None and options.captions < 1:
        raise InputError(f"--captions {options.captions}; expected at least 1.")
    if options.window is not None and (options.window < 0 or 0 < options.window < LEAST_WINDOW):
        raise InputError(f"--window {options.window}; expected 0, or at least {LEAST_WINDOW} frames.")
    if options.split not in (None, "train", "val", "test"):
        raise InputError(f"--split {options.split}; expected train, val or test.")
    if not 0 <= options.measured <= 3:
        raise InputError(f"--measured {options.measured}; expected 0 to 3.")
    if options.skeleton is not None:
        Family("kinescale.skeletons", "skeleton").check(options.skeleton)
    check_fps(options.fps)
