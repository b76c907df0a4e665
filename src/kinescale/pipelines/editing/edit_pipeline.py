"""Masked token editing: encode, resample the tokens of a region, decode, blend into the clip.

The clip is brought to the bundle's skeleton and frame rate and encoded; the region gives the tokens to resample
(``masks``), a filler computes them (``fill``), and the decoder reads the clip's own tokens around them. The result is
brought back to the clip's skeleton and frame rate, and only the region of it is set into the clip (``blend``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch

from kinescale.core.conventions import DEFAULT_SEED
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.blend import BLEND_S, LIMIT_M_S2, Blended, BlendSettings, blend
from kinescale.pipelines.editing.edit_candidates import Draw, Quality, best_draw, draws_of
from kinescale.pipelines.editing.fill import FillContext, Filler, fill_tokens
from kinescale.pipelines.editing.gap_fill import GapFill, as_it_is, fillable, met
from kinescale.pipelines.editing.masks import Mask
from kinescale.pipelines.editing.region import EditRegion, Span
from kinescale.pipelines.editing.stretch import back_on, paired_joints, stretch_of
from kinescale.pipelines.editing.windows import Filled
from kinescale.pipelines.post_process import FINISH, PostProcess
from kinescale.pipelines.prompt_spans import prompts_meta, resampled
from kinescale.pipelines.runtime import Pipeline, bundle_meta, encode_text, sample_indices, sampling_meta
from kinescale.rigging.body_parts import part_joints
from kinescale.tokenizers import part_wise
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

MAX_BLEND_S = 10.0

Holds = Literal["nothing", "prompts", "frames"]

Sample = tuple[Motion, tuple[Blended, ...], Filled, Mapping[str, Any]]
"""The clip of a sample, how its spans were blended in, the tokens, and what post-processing did."""


@dataclass(frozen=True, eq=False)
class Edited:
    """Result of an edit: ``samples`` clips.

    Parameters
    ----------
    motions : the clips, on the source's skeleton and frame rate, with prompt, seed, region, source and license in
        ``meta``.
    blends : of each clip, how each resampled span was blended in.
    tokens : of each clip, one map per window.
    kept : one mask per scale for each window, true where the clip's own tokens were given.
    spans : the frames that were resampled.
    notes : what a user should know, a sentence each.

    Example
    -------
    >>> from kinescale import Editor, EditRegion, TextToMotion
    >>> editor = Editor.from_pretrained()
    >>> clip = TextToMotion(editor.bundle)("a person walks", seconds=2.0).motions[0]
    >>> edited = editor.inpaint(clip, EditRegion.of(clip, frames=(15, 25)))
    >>> edited.spans, bool((edited.motions[0].rotations[:15] == clip.rotations[:15]).all())
    (((15, 25),), True)
    """

    motions: tuple[Motion, ...]
    blends: tuple[tuple[Blended, ...], ...]
    tokens: tuple[tuple[TokenMap, ...], ...]
    kept: tuple[Mask, ...]
    spans: tuple[Span, ...]
    notes: tuple[str, ...] = ()

    @property
    def kept_share(self) -> tuple[float, ...]:
        """Of each scale, the share of the first window's tokens that were given."""
        return tuple(float(mask.float().mean()) for mask in self.kept[0])


@dataclass(frozen=True)
class EditOptions:
    """How an edit is made, whatever its region.

    Parameters
    ----------
    samples : how many different clips, or which: ``[3]`` makes sample 3 alone, as it is among others.
    seed : sample i draws from ``derive_seed(seed, "sample", i)``.
    sampling : settings of the bundle's sampler that differ from its defaults, such as ``guidance_scale`` or
        ``temperature``; ``None`` as a value keeps the default.
    blend : seconds, inside the resampled frames, over which they are blended with the clip.
    widen : whether the blend may grow where joints would jerk.
    anchor_end : warp the sampled path so that the frames after it stay in place, instead of moving those.
    post_process : post-processing of the decoded motion.
    level : the floor is the plane y = 0; else it is found under the clip's feet.
    quality : "fast" draws each sample once; "best" up to sixteen times, until all claims of its prompt are kept as
        measured on the resampled frames (``edit_candidates``); ``None`` as often as the bundle draws motions.
    fill_gaps : without a prompt, frames of the whole body that have frames around them, two seconds at most, are filled
        around an interpolation (``infill``); else their tokens are resampled as for all other regions.

    Example
    -------
    >>> from kinescale import EditOptions
    >>> EditOptions(seed=3, sampling={"temperature": 0.8}).blend
    0.2
    """

    samples: int | Sequence[int] = 1
    seed: int = DEFAULT_SEED
    sampling: Mapping[str, Any] = field(default_factory=dict)
    blend: float | int = BLEND_S
    widen: bool = True
    anchor_end: bool = False
    post_process: PostProcess = FINISH
    level: bool = False
    fill_gaps: bool = True
    quality: Quality | None = None

    def __post_init__(self) -> None:
        sample_indices(self.samples)
        draws_of(self.quality, 1)
        if not 0 <= self.blend <= MAX_BLEND_S:
            raise InputError(f"a blend of {self.blend} seconds; expected 0 to {MAX_BLEND_S:g}.")


@dataclass(frozen=True, eq=False)
class Resampling:
    """A region resampled and blended into ``base``."""

    motion: Motion
    base: Motion
    region: EditRegion
    settings: BlendSettings
    fill: Filler
    options: EditOptions

    def sample(self, context: FillContext, _number: int, rng: torch.Generator) -> Sample:
        """The clip of a sample, how its spans were blended in, the tokens, and what post-processing did."""
        filled = self.fill(context, rng)
        settings = self.options.post_process
        made = back_on(context.bundle, context.stretch, filled.features, self.motion, settings, filled.decoded)
        clip, done = _blended(self.base, made.motion, self.region, self.settings, context.stretch.start)
        return clip, done, filled, made.report


@dataclass(frozen=True, eq=False)
class Given(Resampling):
    """A region that holds already what it should: sample 0 keeps it, others resample it."""

    def sample(self, context: FillContext, number: int, rng: torch.Generator) -> Sample:
        """As of a resampled region."""
        if number:
            return super().sample(context, number, rng)
        return self.motion, tuple(met(self.motion, span) for span in self.region.spans), as_it_is(context), {}


class EditPipeline(Pipeline):
    """Masked token editing with a bundle; ``Editor`` has every edit task as a method."""

    @property
    def scales(self) -> int:
        """Scales of the bundle; ``keep_scales`` is below it."""
        return len(self.bundle.tokenizer.layout().scales)

    @property
    def predicts_bits(self) -> bool:
        """Whether the bundle's generator predicts bits."""
        return self.bundle.codec.token_kind == "bits"

    @on_fixed_threads
    def run(
        self,
        motion: Motion,
        region: EditRegion,
        prompt: str | None = None,
        *,
        task: str = "edit",
        options: EditOptions | None = None,
        fill: Filler = fill_tokens,
        base: Motion | None = None,
        holds: Holds = "nothing",
    ) -> Edited:
        """Resample a region of a clip; every edit task calls this.

        Parameters
        ----------
        prompt : what the person does in the region; ``None`` samples without text, to fit what is around it.
        task : name of the edit in ``meta``.
        fill : computes the frames of the region.
        base : the clip that the result is blended into, where it is another one than ``motion``.
        holds : what still holds of the resampled frames: their "prompts", or the "frames" themselves, which hold
            already what they should, so that sample 0 is the clip as it is.
        """
        options = options or EditOptions()
        self.check(motion, region)
        prompt = checked(prompt)
        config = self.bundle.settings(options.sampling)
        joints = paired_joints(motion.skeleton, self.bundle.feature.skeleton, self._joints(motion, region))
        settings = BlendSettings(joints, region.moves_root, options.blend, options.anchor_end, options.widen)
        clips, blends, tokens, kept = [], [], [], ()
        with torch.no_grad():
            plain = Resampling(motion, base or motion, region, settings, fill, options)
            way = self._way(plain, prompt, holds)
            stretch = stretch_of(self.bundle, way.motion, region.spans, level=options.level)
            context = partial(FillContext, self.bundle, stretch, region, config)
            draws = draws_of(options.quality, self.bundle.candidates)
            for i in sample_indices(options.samples):
                first = Draw(prompt, derive_seed(options.seed, "sample", i))
                make = partial(self._drawn, way, context, i)
                (clip, done, filled, report), about = best_draw(make, lambda made: made[0], first, region.spans, draws)
                known = {"edit": task, "seed": options.seed, "sample": i}
                meta = self._meta(way.motion, region, prompt, known, holds != "nothing" or bool(region.keep_scales))
                meta |= sampling_meta(self.bundle, config, options.post_process)
                clips.append(clip.with_meta(**meta, **report, **about))
                blends.append(done)
                tokens.append(filled.tokens)
                kept = filled.kept
        notes = (*self._notes(motion, region, joints), *_blend_notes(region, blends[0]))
        return Edited(tuple(clips), tuple(blends), tuple(tokens), kept, region.spans, notes)

    def _drawn(
        self, way: Resampling | GapFill, context: Callable[[TextFeatures], FillContext], sample: int, draw: Draw
    ) -> Sample:
        """One draw of a sample."""
        text = encode_text(self.bundle, [draw.text])
        return way.sample(context(text), sample, torch.Generator().manual_seed(draw.seed))

    def _way(self, plain: Resampling, prompt: str | None, holds: Holds) -> Resampling | GapFill:
        """How the region's frames are made: kept as they are, filled as a gap, or resampled."""
        options, motion, region = plain.options, plain.motion, plain.region
        if holds == "frames":
            return Given(motion, plain.base, region, plain.settings, plain.fill, options)
        own = plain.fill is fill_tokens and plain.base is motion and options.fill_gaps
        if own and prompt is None and fillable(motion, region):
            return GapFill(motion, region, plain.fill, options.post_process, level=options.level)
        return plain

    def check(self, motion: Motion, region: EditRegion) -> None:
        """``InputError`` for a region of another clip or bundle, and for a clip that is too short."""
        region.check_keep_scales(self.scales)
        if region.length != len(motion):
            raise InputError(f"a region of a clip of {region.length} frames; this one has {len(motion)}.")
        least = self.bundle.stride / self.bundle.feature.fps
        if motion.duration_s < least - 1e-6:
            raise InputError(
                f"the clip lasts {motion.duration_s:.2f} seconds; this bundle's shortest is {least:.2f} seconds."
            )

    def _joints(self, motion: Motion, region: EditRegion) -> tuple[int, ...]:
        joints = part_joints(motion.skeleton, region.roles, region.parts)
        skeleton = self.bundle.feature.skeleton
        if not region.whole_body and not region.roles & set(skeleton.roles):
            raise InputError(
                f"this bundle's skeleton '{skeleton.name}' has no joints for the part {', '.join(region.parts)}; name "
                "another part."
            )
        return joints

    def _meta(
        self, motion: Motion, region: EditRegion, prompt: str | None, known: dict[str, Any], keeps_prompts: bool
    ) -> dict[str, Any]:
        """``meta`` of an edited clip: ``known`` is the task's name, the seed and the sample."""
        entries = resampled(motion, region.spans, prompt, parts=region.parts, stays=keeps_prompts, **known)
        meta: dict[str, Any] = {
            **known,
            **prompts_meta(entries, motion),
            "edited_frames": region.listed,
            "edited_parts": ",".join(region.parts) or "body",
            **bundle_meta(self.bundle, motion),
        }
        if region.keep_scales:
            meta["edit_keep_scales"] = region.keep_scales
        return {name: value for name, value in meta.items() if value != ""}

    def _notes(self, motion: Motion, region: EditRegion, made: tuple[int, ...]) -> list[str]:
        notes = []
        roles = self.bundle.tokenizer.latent_roles
        if not region.whole_body and all(one == roles[0] for one in roles):
            notes.append(
                f"the tokens of this bundle hold the whole body, so all of it was resampled and only "
                f"{', '.join(region.parts)} used; {' and '.join(part_wise())} have tokens for parts"
            )
        return [*notes, *unknown_joints_note(self, len(self._joints(motion, region)) - len(made))]


def unknown_joints_note(pipeline: Pipeline, held: int) -> list[str]:
    """A note where the bundle does not determine all joints."""
    if not held:
        return []
    name = pipeline.bundle.feature.skeleton.name
    return [f"{held} joints that the bundle's skeleton '{name}' does not know keep the rotations of the clip"]


def checked(prompt: str | None) -> str | None:
    """The checked prompt; an edit takes one, or none."""
    if prompt is not None and not isinstance(prompt, str):
        raise InputError(f"the prompts are {prompt!r}; an edit takes one sentence.")
    return None if prompt is None else check_prompt(prompt)


def _blended(
    motion: Motion, made: Motion, region: EditRegion, settings: BlendSettings, offset: int
) -> tuple[Motion, tuple[Blended, ...]]:
    """The clip with each span of the region blended in."""
    clip, done = motion, []
    for span in region.spans:
        done.append(blend(clip, made, span, settings, offset=offset))
        clip = done[-1].motion
    return clip, tuple(done)


def _blend_notes(region: EditRegion, blends: Sequence[Blended]) -> list[str]:
    """Notes on the frames after each span, and on its borders."""
    notes = []
    for span, done in zip(region.spans, blends, strict=True):
        if done.moved_m > 0 or done.turned_rad > 0:
            turned = f"turned {done.turned_rad * 180 / torch.pi:.0f} degrees"
            notes.append(
                f"what follows frame {span[1] - 1} was moved {done.moved_m:.2f} m and {turned} to go on from it"
            )
        if done.bent_m > 0:
            notes.append(f"the path of frames {span[0]}:{span[1]} was bent by {done.bent_m:.2f} m to meet what follows")
        if done.peak_m_s2 > LIMIT_M_S2:
            notes.append(
                f"a joint accelerates by {done.peak_m_s2:.0f} m/s2 where frames {span[0]}:{span[1]} meet the clip "
                f"(99 of 100 frames of captured motion stay below {LIMIT_M_S2:.0f}); another seed or more frames "
                "may do better"
            )
    return notes
