"""Change what a whole clip is about, and keep what the new prompt does not contradict."""

from __future__ import annotations

import dataclasses
from functools import partial

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline, checked
from kinescale.pipelines.editing.fill import Rewriting, fill_tokens
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.runtime import encode_text


@on_fixed_threads
def run(
    pipeline: EditPipeline,
    motion: Motion,
    prompt: str,
    source_prompt: str | None = None,
    *,
    threshold: float | int = 0.1,
    keep_scales: int | None = None,
    options: EditOptions | None = None,
) -> Edited:
    """Resample the finer scales of the whole clip for a new prompt.

    ``keep_scales`` coarse scales are kept (half of them, at most 3, by default). A system of bits also keeps every bit
    of the finer ones that the new prompt makes less likely by at most ``threshold`` than the source prompt did
    (ScaleMoGen, section 4.2).
    """
    if not 0 <= threshold <= 1:
        raise InputError(f"the threshold is {threshold}; expected 0 to 1.")
    early = min(3, pipeline.scales // 2) if keep_scales is None else keep_scales
    region = EditRegion.of(motion, keep_scales=early)
    source, wanted = checked(source_prompt), checked(prompt)
    if pipeline.predicts_bits:
        rewriting = Rewriting(encode_text(pipeline.bundle, [source]), threshold)
        fill = partial(fill_tokens, rewriting=rewriting)
        return pipeline.run(motion, region, wanted, task="rewrite", options=options, fill=fill, holds="prompts")
    edited = pipeline.run(motion, region, wanted, task="rewrite", options=options, holds="prompts")
    note = (
        f"this is a system of codes: the {early} coarsest of {pipeline.scales} scales stay, the others were resampled "
        "for the new prompt; the source prompt and the threshold are for systems of bits"
    )
    return dataclasses.replace(edited, notes=(note, *edited.notes))
