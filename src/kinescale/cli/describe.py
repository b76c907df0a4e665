"""Describe a motion in words or data, measured from its joints alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from kinescale.cli.base.options import Flag, parse, print_json
from kinescale.cli.base.reading import AS_IT_IS, Source, check_source, read_clip

EXAMPLES = (
    "kinescale describe take.bvh",
    "kinescale describe take.bvh --detail full --json",
)


@dataclass(frozen=True)
class Options:
    """Describe a motion: where it goes, how it turns, steps, jumps, what hands and legs do, and when.

    Needs joints with the roles of both legs; arms and trunk are described where they have roles. "kinescale info FILE"
    shows the roles, and a file for --roles sets them.
    """

    file: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="FILE", help="Motion file to read.")]]
    detail: Literal["brief", "plain", "full"] = "plain"
    """Level of detail: the main events, amounts in words, or every event with figures and times."""
    json: Flag = False
    """Print the measurements as one JSON object; the sentences of all three levels are in it."""
    reading: Source = AS_IT_IS


def run(argv: list[str]) -> int:
    """Parse ``argv``, measure the motion, print a sentence or the data."""
    options = parse(Options, argv, "describe")
    check_source(options.file, options.reading)

    from kinescale.description import DETAILS, describe, sentence

    motion = read_clip(options.file, options.reading)
    found = describe(motion)
    if options.json:
        captions = {detail: sentence(found, detail) for detail in DETAILS}
        print_json({"file": str(options.file), "sentences": captions, **found.to_json()})
    else:
        print(sentence(found, options.detail))
    return 0
