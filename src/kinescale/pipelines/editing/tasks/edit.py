"""Resample frames or body parts of a clip for a prompt; the rest stays exactly as it is."""

from __future__ import annotations

from collections.abc import Sequence

from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.editing.tasks.base import resample


def run(
    pipeline: EditPipeline,
    motion: Motion,
    prompt: str | Sequence[str],
    region: EditRegion | None = None,
    *,
    options: EditOptions | None = None,
) -> Edited:
    """Resample ``region`` (the whole clip by default) for a prompt, or for one prompt per span.

    Example
    -------
    >>> from kinescale import Editor, EditRegion, TextToMotion
    >>> editor = Editor.from_pretrained()
    >>> clip = TextToMotion(editor.bundle)("a person walks", seconds=2.0).motions[0]
    >>> edited = editor.edit(clip, "a person waves", EditRegion.of(clip, frames=(10, 30), parts="right_arm"))
    >>> edited.motions[0].meta["edited_parts"]
    'right_arm'
    """
    return resample(pipeline, motion, region or EditRegion.of(motion), prompt, "edit", options)
