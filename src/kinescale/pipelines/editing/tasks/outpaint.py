"""Keep frames of a clip and resample what is before, between and after them."""

from __future__ import annotations

import dataclasses

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.region import EditRegion, outside


@on_fixed_threads
def run(
    pipeline: EditPipeline,
    motion: Motion,
    region: EditRegion,
    prompt: str | None = None,
    *,
    options: EditOptions | None = None,
) -> Edited:
    """Resample the frames that are in none of the spans of ``region``, in its parts."""
    return keep_only(pipeline, motion, region, prompt, "outpaint", options)


def keep_only(
    pipeline: EditPipeline,
    motion: Motion,
    region: EditRegion,
    prompt: str | None,
    task: str,
    options: EditOptions | None,
) -> Edited:
    """Resample everything outside the spans of ``region``."""
    rest = outside(region.spans, region.length)
    if not rest:
        raise InputError(f"the frames {region.listed} are the whole clip; nothing is left to resample.")
    return pipeline.run(motion, dataclasses.replace(region, spans=rest), prompt, task=task, options=options)
