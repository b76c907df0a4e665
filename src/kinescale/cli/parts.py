"""List the parts of the body that can be named, their joints on a skeleton, and which scales of a bundle hold them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from kinescale.cli.base.options import Flag, MaybeText, parse, print_json
from kinescale.cli.base.reading import AS_IT_IS, Source, check_source, read_clip
from kinescale.core.errors import InputError, SkeletonError

EXAMPLES = (
    "kinescale parts",
    "kinescale parts clip.bvh --bundle default",
)

STANDARD = "humanml22"


@dataclass(frozen=True)
class Options:
    """List the names that --parts takes, with the joints they mean on a clip's skeleton.

    Every single role, such as left_wrist, is a part as well. With --bundle, each part is followed by the scales that
    have tokens for it alone.
    """

    clip: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Motion file whose skeleton is shown; that of the standard skeleton when not given."""
    bundle: MaybeText = None
    """Trained system whose scales are shown: default, a bundle's folder or a training run's folder."""
    json: Flag = False
    """Print one JSON object instead of lines."""
    reading: Source = AS_IT_IS


def run(argv: list[str]) -> int:
    """Parse ``argv``, look the parts up, print them."""
    options = parse(Options, argv, "parts")
    if len(options.clip) > 1:
        raise InputError(f"{len(options.clip)} motion files; name one, or none for the standard skeleton.")
    for path in options.clip:
        check_source(path, options.reading)
    if options.bundle is not None:
        from kinescale.bundle import read_manifest, resolve

        read_manifest(resolve(options.bundle))

    from kinescale import skeletons
    from kinescale.rigging.body_parts import PARTS, part_joints

    skeleton = read_clip(options.clip[0], options.reading).skeleton if options.clip else skeletons.get(STANDARD)
    held = {} if options.bundle is None else _held(options.bundle)
    parts: dict[str, dict[str, Any]] = {}
    for name, roles in PARTS.items():
        try:
            joints = [skeleton.joints[joint] for joint in part_joints(skeleton, roles)]
        except SkeletonError:
            joints = []
        parts[name] = {"joints": joints} | ({"scales": held[name]} if held else {})
    if not any(part["joints"] for part in parts.values()):
        raise SkeletonError(
            f"skeleton '{skeleton.name}' has no roles, so no parts; say with --roles FILE.json which joint plays which."
        )
    if options.json:
        print_json({"skeleton": skeleton.name, "parts": parts})
        return 0
    _print(skeleton.name, parts, options.bundle)
    return 0


def _held(name: str) -> dict[str, list[int]]:
    """The scales of a bundle with tokens for each part alone."""
    from kinescale.bundle import Bundle
    from kinescale.pipelines.editing.masks import address
    from kinescale.rigging.body_parts import PARTS

    tokenizer = Bundle.from_pretrained(name).tokenizer
    layout = tokenizer.layout()
    return {
        part: list(address(layout, tokenizer.latent_roles, frozenset(roles)).scales) for part, roles in PARTS.items()
    }


def _print(skeleton: str, parts: dict[str, dict[str, Any]], bundle: str | None) -> None:
    width = max(map(len, parts))
    print(f"skeleton {skeleton}")
    some = any(part.get("scales") for name, part in parts.items() if name != "body")
    for name, part in parts.items():
        joints = ", ".join(part["joints"]) or "none here"
        print(f"  {name:<{width}}  {'all joints' if name == 'body' and part['joints'] else joints}")
        if some and name != "body":
            scales = ", ".join(str(scale) for scale in part["scales"])
            print(f"  {'':<{width}}  {f'tokens of its own at scales {scales}' if scales else 'no tokens of its own'}")
    if bundle is not None and not some:
        from kinescale.tokenizers import part_wise

        print(f"this bundle's tokens hold the whole body; {' and '.join(part_wise())} have tokens for parts")
