"""The coarse scales of one clip with the fine scales of another, decoded together (MSQ)."""

from __future__ import annotations

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.combine import mixed, prompts_of_both, with_sources
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import of_both
from kinescale.pipelines.editing.tasks.base import alike
from kinescale.pipelines.editing.token_mixing import origins_by_scale


@on_fixed_threads
def run(
    pipeline: EditPipeline,
    first: Motion,
    second: Motion,
    coarse: int,
    *,
    options: EditOptions | None = None,
) -> Edited:
    """The first clip's ``coarse`` coarsest scales with the second one's finer ones."""
    if not 1 <= coarse < pipeline.scales:
        raise InputError(
            f"{coarse} coarse scales of the first motion; this bundle has {pipeline.scales}, expected 1 to "
            f"{pipeline.scales - 1}."
        )
    fitting, notes = alike(first, second)
    edited = mixed(pipeline, (first, fitting), (first, first), origins_by_scale(coarse), None, options)
    prompts = prompts_of_both(first, fitting, ({"scales": "coarse"}, {"scales": "fine"}), None)
    return with_sources(edited, {"edit_keep_scales": coarse, **of_both(first, second), **prompts}, notes)
