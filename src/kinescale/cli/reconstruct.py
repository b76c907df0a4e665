"""Put a motion through the tokenizer and back, with all scales or the coarsest few."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from kinescale.cli.base.device import Device, check_device, pick_device
from kinescale.cli.base.options import (
    Flag,
    MaybeInt,
    Out,
    check_output,
    parse,
    print_json,
)
from kinescale.cli.base.reading import AS_IT_IS, Source, check_source, read_clip
from kinescale.core.errors import InputError

EXAMPLES = (
    "kinescale reconstruct clip.bvh -o tokens.bvh",
    "kinescale reconstruct clip.bvh -o coarse.bvh --scales 2",
)


@dataclass(frozen=True)
class Options:
    """Show what a bundle's tokens keep of a motion.

    The motion is brought to the bundle's skeleton and frame rate first; the error compares with that.
    """

    clip: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="CLIP")]]
    """Motion file to read."""
    out: Out
    """File to write; its suffix chooses the format."""
    bundle: str = "default"
    """Trained system: a bundle's folder, a training run's folder, or the one that comes with the package."""
    device: Device = "cpu"
    scales: MaybeInt = None
    """Only the coarsest so many scales."""
    force: Flag = False
    """Replace an existing file."""
    json: Flag = False
    """Print one JSON object instead of lines."""
    reading: Source = AS_IT_IS


def run(argv: list[str]) -> int:
    """Parse ``argv``, reconstruct, write, say how far the joints moved."""
    from kinescale.bundle import read_manifest, resolve

    options = parse(Options, argv, "reconstruct")
    check_source(options.clip, options.reading)
    check_output(options.out, options.force)
    if options.scales is not None and options.scales < 1:
        raise InputError(f"--scales is {options.scales}; expected at least 1.")
    check_device(options.device)
    read_manifest(resolve(options.bundle))

    from kinescale.bundle import Bundle
    from kinescale.formats import write_motion
    from kinescale.pipelines import mean_joint_error, onto_feature, reconstruct

    source = read_clip(options.clip, options.reading)
    bundle = Bundle.from_pretrained(options.bundle, device=pick_device(options.device))
    made = reconstruct(bundle, source, options.scales)
    reference = onto_feature(source, bundle.feature)
    pose_mm = 1000 * mean_joint_error(made, reference, root_relative=True)
    world_mm = 1000 * mean_joint_error(made, reference)
    write_motion(made, options.out, force=options.force)
    if options.json:
        print_json(
            {
                "file": str(options.out),
                "frames": len(made),
                "fps": made.fps,
                "scales": options.scales or len(bundle.tokenizer.layout().scales),
                "mean_joint_error_mm": pose_mm,
                "mean_joint_error_world_mm": world_mm,
            }
        )
        return 0
    print(f"{options.out}: {made.duration_s:.2f} s of motion")
    print(f"mean joint error {pose_mm:.1f} mm (root taken away), {world_mm:.1f} mm in the world")
    return 0
