"""Edit a clip as the authors of the bundle's system do, for comparison: decoded anew, nothing outside kept exactly."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from kinescale.core.errors import InputError
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline, checked
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.editing.rules import FAMILY
from kinescale.pipelines.editing.rules.base import Asked, Networks, Ruled
from kinescale.pipelines.editing.stretch import Stretch, stretch_of
from kinescale.pipelines.post_process import postprocess
from kinescale.pipelines.prompt_spans import prompts_meta, resampled
from kinescale.pipelines.runtime import bundle_meta, encode_text, from_bundle, sample_indices, sampling_meta

CHANGED = ("edit", "candidate", "drawn_as", "mirrored", "assembled_from", "adjusted")
"""What in a motion's ``meta`` says that it is not the first draw of its seed."""


@on_fixed_threads
def run(  # noqa: PLR0913
    pipeline: EditPipeline,
    motion: Motion,
    prompt: str | None = None,
    region: EditRegion | None = None,
    *,
    rule: str,
    seconds: float | int | None = None,
    source_prompt: str | None = None,
    negative_prompt: str | None = None,
    threshold: float | int = 0.1,
    greedy: bool = False,
    options: EditOptions | None = None,
) -> Edited:
    """Edit by a published rule (``pipelines.editing.rules``).

    Parameters
    ----------
    region : what is resampled. ``None``: the whole clip, or, with ``seconds``, what follows it.
    rule : "moscale", "mosa" or "scalemogen"; it must be that of the bundle's sampler.
    seconds : length of the result, where the rule extends a clip.
    source_prompt : what the clip is about; by default the prompt that it was generated from.
    negative_prompt : takes the place of the unconditional input of classifier-free guidance.
    threshold : ScaleMoGen's, for bits outside the region.
    greedy : always the likeliest token.

    Raises ``InputError`` for a rule of another system, a region that the rule does not have, or a clip that is longer
    than the bundle's longest.
    """
    options, module = options or EditOptions(), FAMILY.load(rule)
    if not 0 <= threshold <= 1:
        raise InputError(f"the threshold is {threshold}; expected 0 to 1.")
    networks = _networks(pipeline, rule, options, negative_prompt, module.GREEDY if greedy else {})
    bundle = pipeline.bundle
    place = region or EditRegion.of(motion)
    pipeline.check(motion, place)
    stretch = stretch_of(bundle, motion, place.spans, level=options.level)
    frames = _frames(pipeline, motion, stretch, seconds)
    source = checked(source_prompt) or _generated_from(pipeline, motion)
    asked = partial(
        Asked,
        networks=networks,
        features=bundle.normalizer.apply(stretch.features).to(bundle.device),
        frames=frames,
        spans=stretch.spans if region is not None or frames == len(stretch.features) else (),
        parts=_latent_parts(pipeline, place),
        keep_scales=place.keep_scales or None,
        threshold=float(threshold),
        text=encode_text(bundle, [checked(prompt)]),
        source_text=encode_text(bundle, [source]),
        source_rng=_source_rng(pipeline, motion),
    )
    motions, made = [], []
    for i in sample_indices(options.samples):
        with torch.no_grad():
            made.append(module.apply(asked(rng=partial(_generator, derive_seed(options.seed, "sample", i)))))
        known = {"edit": f"rule_{rule}", "seed": options.seed, "sample": i}
        clip, report = _back(pipeline, motion, made[-1], frames, options)
        meta = _meta(pipeline, motion, place, prompt, known) | sampling_meta(
            bundle, networks.config, options.post_process
        )
        motions.append(clip.with_meta(**meta, **report))
    note = f"the published rule '{rule}' decodes the whole clip anew, from the origin: nothing is kept exactly"
    return Edited(
        tuple(motions),
        tuple(() for _ in motions),
        tuple((bundle.plain(one.sampled.tokens),) for one in made),
        (tuple(mask.cpu() for mask in made[0].given),),
        place.spans,
        (note, *made[0].notes),
    )


def _networks(
    pipeline: EditPipeline, rule: str, options: EditOptions, negative: str | None, greedy: dict[str, Any]
) -> Networks:
    """The bundle's networks and settings; ``InputError`` where the rule is another system's."""
    bundle, wanted = pipeline.bundle, FAMILY.get(rule, "SAMPLER")
    part = bundle.manifest.sampling
    if part is None or part.name != wanted:
        known = [name for name in FAMILY.names() if part is not None and FAMILY.get(name, "SAMPLER") == part.name]
        raise InputError(
            f"the rule '{rule}' is for bundles sampled by '{wanted}'; this one's sampler is "
            f"'{'' if part is None else part.name}': {'take --rule ' + known[0] if known else 'it has no such rule'}."
        )
    sampler, _ = bundle.sampler()
    uncond = None if negative is None else encode_text(bundle, [checked(negative)])
    config = bundle.settings({**options.sampling, **greedy})
    return Networks(bundle.tokenizer, bundle.generator, bundle.codec, sampler, config, uncond)


def _frames(pipeline: EditPipeline, motion: Motion, stretch: Stretch, seconds: float | int | None) -> int:
    """Frames of the result at the bundle's frame rate; ``InputError`` for a clip that no pass holds."""
    bundle = pipeline.bundle
    own, most, fps = len(stretch.features), bundle.max_frames, bundle.feature.fps
    if stretch.stop - stretch.start != len(motion) or own > most:
        raise InputError(
            f"the clip lasts {motion.duration_s:.2f} seconds; a published rule takes at most this bundle's "
            f"{most / fps:.2f}."
        )
    frames = own if seconds is None else round(seconds * fps)
    if not own <= frames <= most:
        raise InputError(
            f"{seconds} seconds; a published rule keeps the clip's {own / fps:.2f} or extends it to at most "
            f"{most / fps:.2f}."
        )
    return frames


def _latent_parts(pipeline: EditPipeline, region: EditRegion) -> tuple[int, ...] | None:
    """Latent parts that hold nothing but what the region names."""
    if region.whole_body:
        return None
    held = pipeline.bundle.tokenizer.latent_roles
    parts = tuple(part for part, roles in enumerate(held) if roles <= region.roles)
    if not parts:
        raise InputError(f"no token of this bundle is about {', '.join(region.parts)} alone; leave parts out.")
    return parts


def _own(pipeline: EditPipeline, motion: Motion) -> bool:
    """Whether the clip is as this bundle generated it, in a single draw."""
    meta = motion.meta
    numbers = all(isinstance(meta.get(name), int) for name in ("seed", "sample"))
    same = meta.get("bundle") == pipeline.bundle.content_hash and isinstance(meta.get("prompt"), str)
    return same and numbers and not any(name in meta for name in CHANGED)


def _generated_from(pipeline: EditPipeline, motion: Motion) -> str | None:
    return checked(motion.meta["prompt"]) if _own(pipeline, motion) else None


def _source_rng(pipeline: EditPipeline, motion: Motion) -> Any:
    """What makes the random generator that the clip was generated with."""
    if not _own(pipeline, motion):
        return None
    return partial(_generator, derive_seed(motion.meta["seed"], "sample", motion.meta["sample"]))


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _back(
    pipeline: EditPipeline, motion: Motion, made: Ruled, frames: int, options: EditOptions
) -> tuple[Motion, dict[str, Any]]:
    """The result on the clip's skeleton and at its frame rate, and what post-processing did."""
    bundle = pipeline.bundle
    features = bundle.normalizer.undo(made.features[0, :frames].float().cpu())
    done = postprocess(bundle.feature, features, options.post_process)
    count = len(motion) if frames <= round(motion.duration_s * bundle.feature.fps) else 0
    count = count or round(frames / bundle.feature.fps * motion.fps)
    there = from_bundle(done.motion.to(torch.float64), motion, count)
    return there.to(motion.root.dtype), dict(done.report)


def _meta(
    pipeline: EditPipeline, motion: Motion, region: EditRegion, prompt: str | None, known: dict[str, Any]
) -> dict[str, Any]:
    entries = resampled(motion, region.spans, prompt, parts=region.parts, **known)
    meta = {
        **known,
        **prompts_meta(entries, motion),
        "edited_frames": region.listed,
        "edited_parts": ",".join(region.parts) or "body",
        **bundle_meta(pipeline.bundle, motion),
    }
    return {name: value for name, value in meta.items() if value != ""}
