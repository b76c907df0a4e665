"""Keep the beginning of a clip and sample how it goes on."""

from __future__ import annotations

from collections.abc import Sequence

from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.editing.tasks.base import kept_frames
from kinescale.pipelines.editing.tasks.outpaint import keep_only


def run(
    pipeline: EditPipeline,
    motion: Motion,
    seconds: float | int,
    prompt: str | None = None,
    *,
    parts: str | Sequence[str] = (),
    keep_scales: int = 0,
    options: EditOptions | None = None,
) -> Edited:
    """Keep the first ``seconds`` and resample the rest."""
    count = kept_frames(motion, seconds)
    kept = EditRegion.of(motion, frames=(0, count), parts=parts, keep_scales=keep_scales)
    return keep_only(pipeline, motion, kept, prompt, "prefix", options)
