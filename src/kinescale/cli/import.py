"""Make a bundle of a published system from its authors' checkpoint files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from kinescale.cli.base.options import Flag, MaybeText, Out, parse, print_json
from kinescale.core.errors import InputError

EXAMPLES = (
    "kinescale import moscale hrvqvae/net_best_fid.tar moscale/net_best_fid.tar meta/mean.npy meta/std.npy "
    "--text t5-v1_1-base -o moscale-published",
    "kinescale import guo2022 text_mot_match/model/finest.tar Comp_v6_KLD005/meta --text glove -o guo-evaluator",
)


@dataclass(frozen=True)
class Options:
    """Read the files that the authors' trainers saved, whatever their order, with the mean.npy and std.npy that they
    normalized with, and write a bundle that generate, edit, evaluate and info take; for an evaluator, a folder that
    evaluate --evaluator takes. Nothing in a file is executed. Sizes are read off the tensors; what they do not tell is
    taken as published, and can be given by its dotted name, e.g. --generator.heads 4 --tokenizer.schedule 3.
    """

    system: tyro.conf.Positional[str]
    """Whose files they are: moscale, scalemogen, mosa, momask, guo2022 or snapmogen_evaluator."""
    files: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILES")]]
    """Checkpoints, and mean.npy with std.npy or the folder of both."""
    out: Out
    """Folder to write."""
    text: MaybeText = None
    """Folder (or hub name) of the text encoder: T5 or CLIP, or the word table of guo2022; the published name when not
    given."""
    license: MaybeText = None
    """Terms of the weights, as the authors state them; they follow the motions made."""
    title: MaybeText = None
    """Title of the bundle."""
    feature_bias: float = 1.0
    """Divide the deviations of root and contacts by this, where mean.npy and std.npy are the data set's own and the
    system was trained with such a bias (momask and mosa: 5). Files that their trainers saved have it already."""
    force: Flag = False
    """Replace an older bundle in OUT."""
    json: Flag = False
    """Print one JSON object instead of lines."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, read the files, write the folder, say what was read and what was assumed."""
    from kinescale.cli.train import split_overrides

    rest, changes = split_overrides(argv)
    options = parse(Options, rest, "import")
    given = _given(changes)
    _check(options)

    from kinescale.bundle.importing import import_system

    made = import_system(
        options.system,
        options.files,
        text=options.text or "",
        license=options.license or "",
        title=options.title or "",
        feature_bias=options.feature_bias,
        given=given,
    )
    if options.text is not None and made.text is not None:
        # named weights are tried now, the published name when it is used
        _ = made.text_encoder
    folder = made.save_pretrained(options.out, force=options.force)
    known = made.provenance
    if options.json:
        print_json({"folder": str(folder), "imported": known.imported, "assumed": known.assumed})
        return 0
    for what, lines in (("read", known.imported), ("assumed", known.assumed)):
        for line in lines:
            print(f"{what} {line}")
    print(f"{folder}: {made.title}")
    return 0


def _check(options: Options) -> None:
    from kinescale.bundle.imports import FAMILY

    FAMILY.check(options.system)
    if not 1.0 <= options.feature_bias <= 1000.0:
        raise InputError(f"--feature-bias is {options.feature_bias:g}; expected 1 to 1000.")
    for file in options.files:
        if not file.expanduser().exists():
            raise InputError(f"{file}: there is no such file; name the authors' checkpoints and statistics.")


def _given(changes: dict[str, str]) -> dict[str, dict[str, Any]]:
    from kinescale.training.overrides import parse_value

    given: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        part, _, field = name.partition(".")
        given.setdefault(part, {})[field] = parse_value(value)
    return given
