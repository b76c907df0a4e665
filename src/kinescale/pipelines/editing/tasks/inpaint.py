"""Resample frames of a clip so that they fit what is around them; needs no prompt."""

from __future__ import annotations

from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.editing.tasks.base import Prompts, resample


def run(
    pipeline: EditPipeline,
    motion: Motion,
    region: EditRegion,
    prompt: Prompts = None,
    *,
    options: EditOptions | None = None,
) -> Edited:
    """Resample ``region``, without text, for one prompt, or for one per span."""
    return resample(pipeline, motion, region, prompt, "inpaint", options)
