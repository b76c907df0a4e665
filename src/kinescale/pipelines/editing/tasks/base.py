"""What edit tasks share: resampling with one prompt or one per span, and bringing a second clip to the first."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from kinescale.core.errors import InputError
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample_cubic
from kinescale.motion.retarget import retarget
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.runtime import sample_indices

SAME_M = 1e-3
"""Meters by which two files may round the bones of one skeleton differently."""

Prompts = str | Sequence[str] | None
"""A sentence for the whole region, one per span in the order of time, or none."""


def resample(
    pipeline: EditPipeline,
    motion: Motion,
    region: EditRegion,
    prompt: Prompts,
    task: str,
    options: EditOptions | None,
) -> Edited:
    """The region resampled for one prompt, or span by span for one prompt each, the earliest span first."""
    if prompt is None or isinstance(prompt, str):
        return pipeline.run(motion, region, prompt, task=task, options=options)
    if len(prompt) == 1:
        return pipeline.run(motion, region, prompt[0], task=task, options=options)
    if len(prompt) != len(region.spans):
        raise InputError(
            f"{len(prompt)} prompts for {len(region.spans)} separate stretches of frames; give one for all, or one for "
            "each, with frames between those of two prompts."
        )
    options = options or EditOptions()
    samples = []
    for sample in sample_indices(options.samples):
        clip, made = motion, []
        for number, (span, text) in enumerate(zip(region.spans, prompt, strict=True)):
            one = dataclasses.replace(options, samples=[sample], seed=derive_seed(options.seed, "span", number))
            part = dataclasses.replace(region, spans=(span,))
            made.append(pipeline.run(clip, part, text, task=task, options=one))
            clip = made[-1].motions[0]
        samples.append((clip.with_meta(seed=options.seed, edited_frames=region.listed), made))
    notes = dict.fromkeys(note for _, made in samples[:1] for edited in made for note in edited.notes)
    return Edited(
        tuple(clip for clip, _ in samples),
        tuple(tuple(done for edited in made for done in edited.blends[0]) for _, made in samples),
        tuple(tuple(tokens for edited in made for tokens in edited.tokens[0]) for _, made in samples),
        tuple(mask for edited in samples[0][1] for mask in edited.kept),
        region.spans,
        tuple(notes),
    )


def alike(first: Motion, second: Motion) -> tuple[Motion, tuple[str, ...]]:
    """The second motion on the skeleton and at the frame rate of the first, and notes of what that took.

    Offsets that differ by a file's rounding count as equal.
    """
    one, other = first.skeleton, second.skeleton
    rounded = one.joints == other.joints and one.parents == other.parents
    fitting = second
    if rounded and np.allclose(one.offsets, other.offsets, atol=SAME_M):
        fitting = fitting.replace(skeleton=one)
    fitting = retarget(fitting, one)
    notes = []
    if not torch.equal(fitting.rotations[:1], second.rotations[:1]):
        notes.append("the second motion was brought to the first one's skeleton")
    if fitting.fps != first.fps:
        frames = max(1, int((len(fitting) - 1) * first.fps / fitting.fps + 1e-6) + 1)
        fitting = resample_cubic(fitting, first.fps, frames)
        notes.append(f"the second motion was brought to {first.fps:g} fps")
    return fitting, tuple(notes)


def with_notes(edited: Edited, notes: Sequence[str]) -> Edited:
    """The result with notes before its own."""
    return dataclasses.replace(edited, notes=(*notes, *edited.notes))


def kept_frames(motion: Motion, seconds: float | int) -> int:
    """Frames of ``seconds`` of a clip that are kept: some, and not all."""
    frames = round(seconds * motion.fps) if 0 < seconds <= motion.duration_s else 0
    if not 0 < frames < len(motion):
        raise InputError(
            f"{seconds:g} seconds of a clip of {motion.duration_s:.2f} seconds are to be kept; expected more than 0 "
            "and less than all."
        )
    return frames
