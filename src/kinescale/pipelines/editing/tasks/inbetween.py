"""Join two clips by seconds that are sampled between them."""

from __future__ import annotations

from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import joined
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.editing.tasks.base import alike, with_notes


@on_fixed_threads
def run(
    pipeline: EditPipeline,
    first: Motion,
    second: Motion,
    seconds: float | int,
    prompt: str | None = None,
    *,
    options: EditOptions | None = None,
) -> Edited:
    """``first``, then ``seconds`` that are sampled, then ``second``, moved to where it continues the motion.

    ``second`` is brought to the skeleton and frame rate of ``first`` where they differ.
    """
    return join(pipeline, (first, second), seconds, prompt, "inbetween", options)


def join(
    pipeline: EditPipeline,
    clips: tuple[Motion, Motion],
    seconds: float | int,
    prompt: str | None,
    task: str,
    options: EditOptions | None,
) -> Edited:
    """Two clips with ``seconds`` between them sampled."""
    first, second = clips
    fitting, notes = alike(first, second)
    whole, span = joined(first, fitting, seconds)
    edited = pipeline.run(whole, EditRegion(len(whole), (span,)), prompt, task=task, options=options)
    return with_notes(edited, notes)
