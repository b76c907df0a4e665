"""Say what a motion file or a bundle holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from kinescale.cli.base.options import Flag, parse, print_json
from kinescale.cli.base.reading import AS_IT_IS, Reading, Source, check_source, given, read_quietly
from kinescale.core.errors import InputError

EXAMPLES = (
    "kinescale info take.bvh",
    "kinescale info default",
    "kinescale info runs/mine --json",
)


@dataclass(frozen=True)
class Options:
    """Describe a motion file, a bundle by its folder ("default": the one that comes with the package), or an evaluator
    by its folder: what it is made of, where its weights come from, and what of imported ones was assumed."""

    what: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="FILE_OR_BUNDLE")]]
    """Motion file, bundle folder or training run folder."""
    json: Flag = False
    """Print one JSON object instead of lines."""
    reading: Source = AS_IT_IS


def run(argv: list[str]) -> int:
    """Parse ``argv`` and describe what it names."""
    from kinescale.bundle import DEFAULT

    options = parse(Options, argv, "info")
    path = Path(options.what)
    if options.what == DEFAULT or path.is_dir():
        if given(options.reading):
            raise InputError(
                f"--roles and the other options of reading are for motion files; {options.what} is a bundle."
            )
        about, tree = _bundle(options.what), []
    else:
        about, tree = _motion(path, options.reading)
    if options.json:
        print_json(about)
        return 0
    # parents are shown as a tree
    shown = [line for name, value in about.items() if name != "parents" for line in _lines(name, value)]
    for line in [*shown, *(["tree:", *tree] if tree else [])]:
        # a file's names must not steer the terminal
        print("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line))
    return 0


def _motion(path: Path, reading: Reading) -> tuple[dict[str, Any], list[str]]:
    """The record of a motion file, and its joints as a tree."""
    check_source(path, reading)

    from kinescale.cli.base.about_skeleton import about_skeleton
    from kinescale.formats.base import animations_of

    motion, notes = read_quietly(path, reading)
    skeleton = motion.skeleton
    positions = motion.positions()
    heights = positions[..., 1].amax(1) - positions[..., 1].amin(1)
    report = about_skeleton(motion, path, reading.roles, notes)
    about = {
        "kind": "motion",
        "file": str(path),
        **({"animations": names} if len(names := animations_of(path)) > 1 else {}),
        "frames": len(motion),
        "fps": motion.fps,
        "seconds": round(motion.duration_s, 4),
        "skeleton": skeleton.name,
        "joints": len(skeleton),
        **report.entries,
        "tallest_pose_m": round(float(heights.max()), 3),
        "root_path_m": round(float(motion.root[:, [0, 2]].diff(dim=0).norm(dim=-1).sum()), 3),
        "license": motion.meta.get("license", "not recorded"),
        "meta": {key: value for key, value in motion.meta.items() if key != "license"},
    }
    return about, report.tree


def _bundle(name: str) -> dict[str, Any]:
    # no torch here: the config and the weights' header say it all
    from kinescale.bundle import Manifest, read_manifest, resolve
    from kinescale.bundle.evaluator_manifest import is_evaluator, read_evaluator_manifest
    from kinescale.bundle.header import read_shapes, sizes
    from kinescale.bundle.manifest import WEIGHTS_FILE

    folder = resolve(name)
    manifest = read_evaluator_manifest(folder) if is_evaluator(folder) else read_manifest(folder)
    weights = folder / WEIGHTS_FILE
    numbers = sizes(read_shapes(weights))
    kind = "bundle" if isinstance(manifest, Manifest) else "evaluator"
    about: dict[str, Any] = {"kind": kind, "folder": str(folder), "title": manifest.title}
    for field in ("feature", "tokenizer", "generator", "evaluator", "text", "sampling"):
        part = getattr(manifest, field, None)
        if part is not None:
            about[field] = {"name": part.name, **part.config}
            if field in numbers:
                about[f"{field}_numbers"] = numbers[field]
    if isinstance(manifest, Manifest) and manifest.length is not None:
        about["length"] = f"estimated from the sentence, up to {manifest.length.capacity} latent steps"
    about["weights_mb"] = round(weights.stat().st_size / 1e6, 2)
    about["licenses"] = [license.to_json() for license in manifest.licenses]
    made = manifest.provenance.to_json()
    # what it knows stands apart; thousands of words would hide the rest
    actions, words = made.pop("actions"), made.pop("words")
    about["knows"] = {"actions": actions, "words": len(words)} if actions else "not recorded"
    for name, mark in (("imported", ": "), ("assumed", " is ")):
        lines = [line.partition(mark) for line in made.pop(name)]
        if lines:
            about[name] = {what: rest for what, _, rest in lines}
    about["provenance"] = {key: value for key, value in made.items() if value}
    about["made_with"] = f"kinescale {manifest.kinescale_version}"
    return about


def _lines(name: str, value: Any, indent: str = "") -> list[str]:
    """``name: value`` with mappings and lists of mappings on lines of their own."""
    label = f"{indent}{name.replace('_', ' ')}"
    if isinstance(value, dict):
        inner = [line for key, item in value.items() for line in _lines(str(key), item, indent + "  ")]
        return [f"{label}:", *inner] if inner else [f"{label}: none"]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        inner = [line for i, item in enumerate(value) for line in _lines(str(i + 1), item, indent + "  ")]
        return [f"{label}:", *inner]
    if isinstance(value, list):
        return [f"{label}: {', '.join(str(item) for item in value) or 'none'}"]
    if value is None:
        return [f"{label}: none"]
    return [f"{label}: {value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"{label}: {value}"]
