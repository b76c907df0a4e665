"""One clip after another, going over where both are most alike; no frame is added.

With a prompt the seconds around the place where they meet are resampled for it.
"""

from __future__ import annotations

from dataclasses import replace

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import frames_of, of_both
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.editing.spread import most_alike, spread_seam
from kinescale.pipelines.editing.tasks.base import alike, with_notes
from kinescale.pipelines.editing.tasks.inbetween import join
from kinescale.pipelines.prompt_spans import moved, piece, prompts_meta, prompts_of


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
    """``first`` and then ``second``; what is changed lies within the ``seconds`` around the place where they meet.

    Without a prompt, ``first`` is left within its last ``seconds`` and ``second`` entered within its first ones, where
    both are most alike; the difference is spread over half of the ``seconds`` on either side (``spread``). With a
    prompt the ``seconds`` around the border of both are resampled for it.
    """
    count = frames_of(seconds, first.fps, 0)
    fitting, notes = alike(first, second)
    before, after = count // 2, count - count // 2
    for name, clip, taken in (("first", first, before), ("second", fitting, after)):
        if len(clip) <= taken:
            raise InputError(
                f"{seconds:g} seconds around the border take all of the {name} motion, which lasts "
                f"{clip.duration_s:.2f} seconds; ask for fewer."
            )
    if prompt is not None or len(first) < 3 or len(fitting) < 3:
        clips = piece(first, 0, len(first) - before), piece(fitting, after, len(fitting))
        return with_notes(join(pipeline, clips, count / first.fps, prompt, "then", options), notes)
    cuts = (max(1, len(first) - count), len(first))
    cut, entry = most_alike(first, fitting, cuts, (0, min(count, len(fitting) - 1)))
    made = spread_seam(first, cut, fitting, entry, (before, after))
    entries = [
        *prompts_of(piece(first, 0, cut)),
        *moved(prompts_of(piece(fitting, entry, len(fitting))), cut / first.fps),
    ]
    meta = {**first.meta, **of_both(first, fitting), **prompts_meta(entries, first, fitting)}
    whole = replace(made.motion, meta=meta)
    region = EditRegion(len(whole), (made.span,))
    edited = pipeline.run(whole, region, task="then", options=options, holds="frames")
    return with_notes(
        edited, (*notes, f"the first motion is left at its frame {cut}, the second entered at its frame {entry}")
    )
