"""Granting a wish: the core of every edit. A clip's stretch in tokens, some given, some drawn, set back into the clip.

The clip goes to the bundle's skeleton and frame rate and into tokens; a wish says which are drawn
(``pipelines.editing.masks``), the bundle's sampler draws them, and the decoder sees the clip's own tokens around
them. The made stretch comes back to the clip's skeleton and frame rate, and only it is set into the clip
(``pipelines.editing.blend``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

import kinescale
from kinescale.bundle.bundle import Bundle
from kinescale.core.conventions import DEFAULT_SEED
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing import Mask, Span, Wish, part_joints
from kinescale.pipelines.editing.blend import BLEND_S, LIMIT_M_S2, Seam, Stitched, stitch
from kinescale.pipelines.editing.windows import Redraw, Rewriting, Stretch, back_on, paired_joints, stretch_of
from kinescale.pipelines.prompt_spans import drawn_over, prompts_meta
from kinescale.pipelines.provenance import sampling_meta
from kinescale.pipelines.runtime import FINISH, PostProcess
from kinescale.pipelines.text_to_motion import sample_indices
from kinescale.tokenizers import part_wise
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

MAX_BLEND_S = 10.0


@dataclass(frozen=True, eq=False)
class Edited:
    """What an edit made: ``samples`` clips.

    Parameters
    ----------
    motions : the clips, on the source's skeleton and frame rate, with prompt, seed, region, source and license in
        ``meta``.
    seams : of each clip, how each drawn span was set in.
    tokens : of each clip, one map a window.
    kept : one mask a scale for each window, true where the clip's own tokens were given.
    spans : the frames that were drawn.
    notes : what a user should know, a sentence each.
    """

    motions: tuple[Motion, ...]
    seams: tuple[tuple[Stitched, ...], ...]
    tokens: tuple[tuple[TokenMap, ...], ...]
    kept: tuple[Mask, ...]
    spans: tuple[Span, ...]
    notes: tuple[str, ...] = ()

    @property
    def kept_share(self) -> tuple[float, ...]:
        """Of each scale, the share of the first window's tokens that were given."""
        return tuple(float(mask.float().mean()) for mask in self.kept[0])


@dataclass(frozen=True)
class How:
    """How an edit is made, whatever it is about.

    Parameters
    ----------
    samples : how many different clips, or which: ``[3]`` makes sample 3 alone, as it is among others.
    seed : sample i draws from ``derive_seed(seed, "sample", i)``.
    blend : seconds, inside the drawn frames, over which they meet the clip.
    widen : whether the blend may grow where joints would jerk.
    anchor_end : bend the made path so that what follows stays in its place, instead of moving what follows.
    finish : what is done to the decoded motion.
    level : the floor is the plane y = 0; else it is found under the clip's feet.
    """

    samples: int | Sequence[int] = 1
    seed: int = DEFAULT_SEED
    blend: float = BLEND_S
    widen: bool = True
    anchor_end: bool = False
    finish: PostProcess = FINISH
    level: bool = False


class Granter:
    """A bundle that is ready to grant wishes."""

    def __init__(self, bundle: Bundle):
        bundle.sampler()
        self.bundle = bundle

    @property
    def generator(self) -> str:
        """What is written into a motion's ``meta`` as its maker."""
        return f"kinescale {kinescale.__version__}"

    @property
    def scales(self) -> int:
        """Scales of the bundle; a strength is below it."""
        return len(self.bundle.tokenizer.layout().scales)

    @on_fixed_threads
    def grant(
        self,
        motion: Motion,
        wish: Wish,
        prompt: str | None = None,
        *,
        task: str = "edit",
        how: How | None = None,
        rewriting: Rewriting | None = None,
        **options: Any,
    ) -> Edited:
        """The clip as the wish has it; all else is made of this."""
        how, sampling = sorted_options(how, options)
        self.check(motion, wish, how)
        told = sentence(prompt)
        config = self.bundle.settings(sampling)
        made_joints = paired_joints(motion.skeleton, self.bundle.feature.skeleton, self._joints(motion, wish))
        with torch.no_grad():
            stretch = stretch_of(self.bundle, motion, wish.spans, level=how.level)
            redraw = Redraw(self.bundle, stretch, wish, config, self.text(told), rewriting)
            seam = Seam(made_joints, wish.moves_root, how.blend, how.anchor_end, how.widen)
            clips, seams, tokens, kept = [], [], [], ()
            for i in sample_indices(how.samples):
                drawn = redraw(torch.Generator().manual_seed(derive_seed(how.seed, "sample", i)))
                made = back_on(self.bundle, stretch, drawn.features, motion, how.finish, drawn.decoded)
                clip, done = _set_in(motion, made.motion, wish, seam, stretch)
                known = {"edit": task, "seed": how.seed, "sample": i}
                meta = self.meta(motion, wish, told, known, stays=rewriting is not None or task == "rewrite")
                clips.append(clip.with_meta(**meta, **made.report, **sampling_meta(self.bundle, config, how.finish)))
                seams.append(done)
                tokens.append(drawn.tokens)
                kept = drawn.kept
        notes = (*self._notes(motion, wish, made_joints, rewriting, task), *_told(wish, seam, seams))
        return Edited(tuple(clips), tuple(seams), tuple(tokens), kept, wish.spans, notes)

    @property
    def of_bits(self) -> bool:
        """Whether the bundle's generator predicts bits."""
        return self.bundle.codec.token_kind == "bits"

    def _joints(self, motion: Motion, wish: Wish) -> tuple[int, ...]:
        joints = part_joints(motion.skeleton, wish.roles, wish.parts)
        known = set(self.bundle.feature.skeleton.roles)
        if not wish.whole_body and not wish.roles & known:
            raise InputError(
                f"this bundle's skeleton '{self.bundle.feature.skeleton.name}' has no joints for the part "
                f"{', '.join(wish.parts)}; name another part."
            )
        return joints

    def check(self, motion: Motion, wish: Wish, how: How) -> None:
        """``InputError`` for a wish that is not about this motion, or cannot be granted."""
        wish.check_strength(self.scales)
        if wish.length != len(motion):
            raise InputError(f"a wish for a clip of {wish.length} frames; this one has {len(motion)}.")
        sample_indices(how.samples)
        if not 0 <= how.blend <= MAX_BLEND_S:
            raise InputError(f"a blend of {how.blend} seconds; expected 0 to {MAX_BLEND_S:g}.")
        least = self.bundle.stride / self.bundle.feature.fps
        if motion.duration_s < least - 1e-6:
            raise InputError(
                f"the clip lasts {motion.duration_s:.2f} seconds; this bundle's shortest is {least:.2f} seconds."
            )

    @on_fixed_threads
    def text(self, prompt: str | None) -> TextFeatures:
        """A sentence's features, or what stands for none."""
        generator: Any = self.bundle.generator
        features = self.bundle.text_encoder.encode([prompt or "a person moves"]).to(self.bundle.device)
        return generator.unconditional(features) if prompt is None else features

    def meta(
        self, motion: Motion, wish: Wish, prompt: str | None, known: dict[str, Any], *, stays: bool = False
    ) -> dict[str, Any]:
        """What is written into a made clip's ``meta``: ``known`` is the task's name, the seed and the sample.

        ``stays``: something of what was drawn over is still there, so that its sentences still hold.
        """
        stays = stays or bool(wish.strength)
        entries = drawn_over(motion, wish.spans, prompt, parts=wish.parts, stays=stays, **known)
        licenses = [str(motion.meta.get("license") or ""), self.bundle.license]
        meta: dict[str, Any] = {
            **known,
            **prompts_meta(entries, motion),
            "edited_frames": ",".join(f"{start}:{stop}" for start, stop in wish.spans),
            "edited_parts": ",".join(wish.parts) or "body",
            "license": "; ".join(dict.fromkeys(one for one in licenses if one)),
            "generator": self.generator,
            "bundle": self.bundle.content_hash,
        }
        if wish.strength:
            meta["edit_strength"] = wish.strength
        return {name: value for name, value in meta.items() if value != ""}

    def _notes(
        self, motion: Motion, wish: Wish, made: tuple[int, ...], rewriting: Rewriting | None, task: str
    ) -> list[str]:
        notes = []
        roles = self.bundle.tokenizer.latent_roles
        if not wish.whole_body and all(one == roles[0] for one in roles):
            notes.append(
                f"the tokens of this bundle hold the whole body, so all of it was drawn and only "
                f"{', '.join(wish.parts)} taken over; {' and '.join(part_wise())} have tokens for parts"
            )
        held = len(self._joints(motion, wish)) - len(made)
        if held:
            notes.append(
                f"{held} joints that the bundle's skeleton '{self.bundle.feature.skeleton.name}' does not know keep "
                "the rotations of the clip"
            )
        if task == "rewrite" and rewriting is None:
            notes.append(
                f"this is a system of codes: the {wish.strength} coarsest of {self.scales} scales stay, the others "
                "were drawn for the new prompt; the source prompt and the threshold are for systems of bits"
            )
        return notes


def _set_in(
    motion: Motion, made: Motion, wish: Wish, seam: Seam, stretch: Stretch
) -> tuple[Motion, tuple[Stitched, ...]]:
    """The clip with each drawn span set in."""
    clip, done = motion, []
    for span in wish.spans:
        done.append(stitch(clip, made, span, seam, offset=stretch.start))
        clip = done[-1].motion
    return clip, tuple(done)


def _told(wish: Wish, seam: Seam, seams: Sequence[tuple[Stitched, ...]]) -> list[str]:
    """What became of what follows, and of the borders, of the first clip."""
    told = []
    for span, done in zip(wish.spans, seams[0], strict=True):
        if done.moved_m > 0 or done.turned_rad > 0:
            turned = f"turned {done.turned_rad * 180 / torch.pi:.0f} degrees"
            told.append(
                f"what follows frame {span[1] - 1} was moved {done.moved_m:.2f} m and {turned} to go on from it"
            )
        if done.bent_m > 0:
            told.append(f"the path of frames {span[0]}:{span[1]} was bent by {done.bent_m:.2f} m to meet what follows")
        if done.peak_m_s2 > LIMIT_M_S2:
            told.append(
                f"a joint accelerates by {done.peak_m_s2:.0f} m/s2 where frames {span[0]}:{span[1]} meet the clip "
                f"(99 of 100 frames of captured motion stay below {LIMIT_M_S2:.0f}); another seed or more frames "
                "may do better"
            )
    return told


def sentence(prompt: str | None) -> str | None:
    """The checked prompt; an edit takes one."""
    if prompt is not None and not isinstance(prompt, str):
        raise InputError(f"the prompts are {prompt!r}; an edit takes one sentence.")
    return None if prompt is None else check_prompt(prompt)


def sorted_options(how: How | None, options: dict[str, Any]) -> tuple[How, dict[str, Any]]:
    """Fields of ``How``, and what is the sampler's."""
    names = {field.name for field in dataclasses.fields(How)}
    changes = {name: value for name, value in options.items() if name in names}
    sampling = {name: value for name, value in options.items() if name not in names and value is not None}
    return dataclasses.replace(how or How(), **changes), sampling
