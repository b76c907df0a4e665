"""Conversion of motion files between formats, skeletons and frame rates; a motion's feature vectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from kinescale import features, skeletons
from kinescale.core.errors import InputError
from kinescale.formats import read_motion, write_motion
from kinescale.formats.base import needs_of
from kinescale.motion.canonicalize import canonicalize
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample
from kinescale.motion.retarget import retarget
from kinescale.pipelines.runtime import onto_feature


def convert(
    source: str | Path,
    target: str | Path,
    *,
    skeleton: str | None = None,
    fps: float | int | None = None,
    force: bool = False,
    reading: Mapping[str, Any] | None = None,
    writing: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Convert a motion file; the target's suffix chooses the format. Returns notes on what changed unasked.

    Parameters
    ----------
    skeleton : name of the skeleton to retarget to; the source's own by default.
    fps : frame rate of the target; the source's own by default.
    force : replace an existing file.
    reading, writing : options of ``read_motion`` and ``write_motion``.

    Example
    -------
    >>> from kinescale import TextToMotion, convert, read_motion, write_motion
    >>> write_motion(TextToMotion.from_pretrained()("a person walks", 1.0).motions[0], "walk.bvh", force=True)
    >>> convert("walk.bvh", "walk.npz", fps=10.0, force=True)
    ()
    >>> read_motion("walk.npz").fps
    10.0
    """
    motion = read_motion(source, **(reading or {}))
    made, notes = fitted(motion, Path(target), skeleton=skeleton, fps=fps, writing=writing)
    write_motion(made, target, force=force, **(writing or {}))
    return notes


def fitted(
    motion: Motion,
    target: Path,
    *,
    skeleton: str | None = None,
    fps: float | int | None = None,
    writing: Mapping[str, Any] | None = None,
) -> tuple[Motion, tuple[str, ...]]:
    """The motion as the target file needs it, and a note for each change that was not requested."""
    made, notes = motion, []
    if skeleton is not None:
        made = retarget(made, skeletons.get(skeleton))
    needs = needs_of(made, target, **(writing or {}))
    if needs.skeleton is not None:
        if skeleton is not None:
            raise InputError(
                f"{target.name} cannot hold skeleton '{skeleton}'; leave --skeleton out and it becomes "
                f"'{needs.skeleton.name}'."
            )
        notes.append(f"put from skeleton '{made.skeleton.name}' on '{needs.skeleton.name}', which the file needs")
        made = retarget(made, needs.skeleton)
    if fps is not None:
        made = resample(made, fps)
    elif needs.fps is not None and needs.fps != made.fps:
        notes.append(f"resampled from {made.fps:g} to {needs.fps:g} fps, which readers of the file take it to have")
        made = resample(made, needs.fps)
    return made, (*notes, *needs.notes)


def motion_features(motion: Motion, feature: str = "humanml3d") -> Float[Tensor, "T F"]:
    """Feature vectors of a motion, in the feature's own frame: on the floor, at the origin, facing +Z at the start.

    ``feature``: a name of the ``features`` family with its default settings.

    Example
    -------
    >>> from kinescale import TextToMotion, motion_features
    >>> motion = TextToMotion.from_pretrained()("a person walks", 1.0).motions[0]
    >>> motion_features(motion).shape
    torch.Size([19, 263])
    """
    built = features.FAMILY.get(feature, "build")(features.FAMILY.get(feature, "Config")())
    return built.from_motion(canonicalize(onto_feature(motion, built)))
