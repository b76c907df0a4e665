"""Some body parts of one clip with the rest of another, by rotations or through the bundle's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.combine import combined, mixed, prompts_of_both, with_sources
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import of_both
from kinescale.pipelines.editing.masks import address
from kinescale.pipelines.editing.tasks.base import alike
from kinescale.pipelines.editing.token_mixing import origins_by_part, origins_by_scale
from kinescale.pipelines.runtime import GENERATOR
from kinescale.rigging.body_parts import ROOT_ROLE, part_names, part_roles
from kinescale.tokenizers import part_wise

TokenMixing = Literal["encoded", "drawn"]
"""How clips meet in tokens: their composition encoded, or each one's own tokens with those sampled that hold both."""


@on_fixed_threads
def run(
    pipeline: EditPipeline,
    first: Motion,
    second: Motion,
    parts: str | Sequence[str],
    *,
    tokens: TokenMixing | None = None,
    prompt: str | None = None,
    options: EditOptions | None = None,
) -> Edited:
    """``parts`` of the first clip, the rest of the second; as long as the shorter.

    Rotations are copied exactly. With ``tokens`` the clips meet in the bundle's tokens: "encoded" puts the composition
    through the tokenizer; "drawn" takes each clip's own tokens, and samples those that hold both, for ``prompt`` or
    without text (MSQ's composition in space).
    """
    if tokens not in (None, *get_args(TokenMixing)):
        raise InputError(f"the way through tokens is '{tokens}'; expected {' or '.join(get_args(TokenMixing))}.")
    fitting, notes = alike(first, second)
    names = part_names(parts)
    exact = combined(first, fitting, names)
    meta = {
        "edited_parts": ",".join(names),
        **of_both(first, second),
        **prompts_of_both(first, fitting, ({"parts": list(names)}, {}), prompt),
    }
    if prompt is not None and tokens != "drawn":
        raise InputError("a prompt is for tokens that are drawn; say so, with --tokens drawn.")
    if tokens is None:
        if options is not None and options != EditOptions(seed=options.seed):
            raise InputError("rotations are taken over as they are; leave out how to draw, or name --tokens.")
        done = exact.with_meta(**meta, edit="compose", generator=GENERATOR)
        return Edited((done,), ((),), ((),), (), ((0, len(exact)),), notes)
    if tokens == "encoded":
        edited = mixed(pipeline, (exact, exact), (exact, exact), origins_by_scale(0), None, options)
        return with_sources(edited, meta, notes)
    roles = part_roles(names)
    if not address(pipeline.bundle.tokenizer.layout(), pipeline.bundle.tokenizer.latent_roles, roles).alone:
        raise InputError(
            f"this bundle has no tokens for {', '.join(names)} alone; {' and '.join(part_wise())} have tokens for "
            "parts, and any bundle encodes what was composed, with --tokens encoded."
        )
    base = (exact, first if ROOT_ROLE in roles else fitting)
    edited = mixed(pipeline, (first, fitting), base, origins_by_part(pipeline.bundle, roles), prompt, options)
    return with_sources(edited, meta, notes)
