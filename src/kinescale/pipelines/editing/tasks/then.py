"""One clip after another, with the seconds around the place where they meet resampled; no frame is added."""

from __future__ import annotations

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import frames_of
from kinescale.pipelines.editing.tasks.base import alike, with_notes
from kinescale.pipelines.editing.tasks.inbetween import join
from kinescale.pipelines.prompt_spans import piece


@on_fixed_threads
def run(
    pipeline: EditPipeline,
    first: Motion,
    second: Motion,
    seconds: float | int = 1.0,
    prompt: str | None = None,
    *,
    options: EditOptions | None = None,
) -> Edited:
    """``first`` and then ``second``, the ``seconds`` around the border resampled."""
    count = frames_of(seconds, first.fps, 0)
    fitting, notes = alike(first, second)
    before, after = count // 2, count - count // 2
    for name, clip, taken in (("first", first, before), ("second", fitting, after)):
        if len(clip) <= taken:
            raise InputError(
                f"{seconds:g} seconds around the border take all of the {name} motion, which lasts "
                f"{clip.duration_s:.2f} seconds; ask for fewer."
            )
    clips = piece(first, 0, len(first) - before), piece(fitting, after, len(fitting))
    return with_notes(join(pipeline, clips, count / first.fps, prompt, "then", options), notes)
