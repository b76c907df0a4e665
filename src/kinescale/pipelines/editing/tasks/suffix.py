"""Keep the end of a clip and sample how it gets there."""

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
    """Keep the last ``seconds`` and resample what is before them."""
    count = kept_frames(motion, seconds)
    kept = EditRegion.of(motion, frames=(len(motion) - count, len(motion)), parts=parts, keep_scales=keep_scales)
    return keep_only(pipeline, motion, kept, prompt, "suffix", options)
