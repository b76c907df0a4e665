"""Two clips in one body: by copying rotations, or by mixing their tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import check_alike
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.editing.stretch import stretch_of
from kinescale.pipelines.editing.token_mixing import Origins, fill_mixed
from kinescale.pipelines.prompt_spans import cut, prompts_meta, prompts_of
from kinescale.rigging.body_parts import ROOT_ROLE, part_joints, part_names, part_roles
from kinescale.tokens.layout import TokenLayout


def combined(first: Motion, second: Motion, parts: Sequence[str]) -> Motion:
    """``parts`` of the first clip, all else of the second, as long as the shorter of them.

    Local rotations are taken over to the bit; the path over the ground comes from the clip that the root is taken
    from. Raises ``InputError`` for parts that are none or the whole body, and for clips on different skeletons or at
    different frame rates.
    """
    names = part_names(parts)
    roles = part_roles(names)
    if not names or roles == part_roles(()):
        raise InputError("the parts to take from the first clip are none or all; name some, such as upper_body.")
    check_alike(first, second)
    frames = min(len(first), len(second))
    one, other = first.slice(0, frames), second.slice(0, frames)
    joints = list(part_joints(first.skeleton, roles, names))
    rotations = other.rotations.to(one.rotations.dtype).clone()
    rotations[:, joints] = one.rotations[:, joints]
    root = one.root if ROOT_ROLE in roles else other.root.to(one.root.dtype)
    return one.replace(root=root.clone(), rotations=rotations)


def mixed(
    pipeline: EditPipeline,
    pair: tuple[Motion, Motion],
    base: tuple[Motion, Motion],
    origins: Callable[[TokenLayout], Origins],
    prompt: str | None,
    options: EditOptions | None,
) -> Edited:
    """Both clips mixed in one pyramid, as long as the shorter.

    ``base`` gives the joints that the bundle does not know, and the place on the ground.
    """
    frames = min(len(clip) for clip in pair)
    first, second, exact, ground = (clip.slice(0, frames) for clip in (*pair, *base))
    rotations = exact.rotations.clone()
    rotations[:, 0] = ground.rotations[:, 0].to(rotations.dtype)
    region = EditRegion(frames, ((0, frames),))
    pipeline.check(first, region)
    options = dataclasses.replace(options or EditOptions(), blend=0.0)
    with torch.no_grad():
        other = stretch_of(pipeline.bundle, second, region.spans)
    fill = partial(fill_mixed, second=other.features, origins=origins)
    edited = pipeline.run(
        first,
        region,
        prompt,
        task="compose",
        options=options,
        fill=fill,
        base=exact.replace(root=ground.root, rotations=rotations),
        holds="prompts",
    )
    return dataclasses.replace(edited, blends=((),) * len(edited.motions))


def prompts_of_both(
    first: Motion, second: Motion, shares: tuple[dict[str, Any], dict[str, Any]], prompt: str | None
) -> dict[str, Any]:
    """The prompts of both clips as far as both last, each with what parts or scales are that clip's."""
    seconds = min(len(first), len(second)) / first.fps
    entries = [
        {**entry, **share}
        for clip, share in zip((first, second), shares, strict=True)
        for entry in cut(prompts_of(clip), 0.0, seconds)
    ]
    if prompt is not None:
        entries.append({"prompt": prompt, "seconds": [0.0, round(seconds, 4)], "edit": "compose"})
    return prompts_meta(entries, first, second)


def with_sources(edited: Edited, meta: dict[str, Any], notes: Sequence[str]) -> Edited:
    """The result with ``meta`` of both clips; the license of the bundle's training data is kept beside theirs."""
    motions = []
    for motion in edited.motions:
        licenses = [str(motion.meta.get("license") or ""), meta.get("license", "")]
        every = dict.fromkeys(part for one in licenses if one for part in one.split("; "))
        motions.append(motion.with_meta(**{**meta, "license": "; ".join(every)}))
    return dataclasses.replace(edited, motions=tuple(motions), notes=(*notes, *edited.notes))
