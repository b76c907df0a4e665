"""Editor: every edit task as a method of one pipeline."""

from __future__ import annotations

from kinescale.pipelines.editing.edit_pipeline import EditPipeline
from kinescale.pipelines.editing.tasks import (
    compose,
    compose_scales,
    edit,
    extend,
    inbetween,
    inpaint,
    loop,
    outpaint,
    prefix,
    rewrite,
    rule,
    suffix,
    then,
)


class Editor(EditPipeline):
    """Edit pipeline with the tasks of ``pipelines.editing.tasks`` as methods.

    What is outside an edit's region stays as it was, to the bit.

    Example
    -------
    >>> from kinescale import Editor, EditOptions, EditRegion, TextToMotion
    >>> editor = Editor.from_pretrained()
    >>> clip = TextToMotion(editor.bundle)("a person walks", seconds=2.0).motions[0]
    >>> region = EditRegion.of(clip, seconds=(0.5, 1.5), parts="right_arm")
    >>> edited = editor.edit(clip, "a person waves", region, options=EditOptions(seed=3))
    >>> edited.motions[0].meta["prompt"]
    'a person walks; a person waves'
    """

    edit = edit.run
    inpaint = inpaint.run
    outpaint = outpaint.run
    prefix = prefix.run
    suffix = suffix.run
    inbetween = inbetween.run
    then = then.run
    extend = extend.run
    loop = loop.run
    compose = compose.run
    compose_scales = compose_scales.run
    rewrite = rewrite.run
    rule = rule.run
