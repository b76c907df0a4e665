"""Continue a clip by some seconds after its end, or before its beginning; the clip itself is kept."""

from __future__ import annotations

from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import extended
from kinescale.pipelines.editing.region import EditRegion


@on_fixed_threads
def run(
    pipeline: EditPipeline,
    motion: Motion,
    seconds: float | int,
    prompt: str | None = None,
    *,
    before: bool = False,
    options: EditOptions | None = None,
) -> Edited:
    """The clip with ``seconds`` more after it (or before it).

    Example
    -------
    >>> from kinescale import Editor, TextToMotion
    >>> editor = Editor.from_pretrained()
    >>> clip = TextToMotion(editor.bundle)("a person walks", seconds=1.0).motions[0]
    >>> len(editor.extend(clip, 1.0, "a person waves").motions[0])
    60
    """
    whole, span = extended(motion, seconds, before=before)
    return pipeline.run(whole, EditRegion(len(whole), (span,)), prompt, task="extend", options=options)
