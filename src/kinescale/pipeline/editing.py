"""Edit a clip: draw some frames or parts of it anew, and leave the rest as it was, to the bit.

The clip goes to the bundle's skeleton and frame rate and into tokens; a wish says which are drawn (``edits.masks``),
the bundle's sampler draws them, and the decoder sees the clip's own tokens around them. The made stretch comes back to
the clip's skeleton and frame rate, and only it is set into the clip (``edits.seam``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import kinescale
from kinescale.bundle.bundle import Bundle
from kinescale.bundle.places import DEFAULT
from kinescale.core.conventions import DEFAULT_SEED
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.core.randomness import derive_seed
from kinescale.edits import Mask, Span, Wish, outside, parse_seconds, part_joints
from kinescale.edits.gap import joined
from kinescale.edits.retime import retimed
from kinescale.edits.seam import BLEND_S, LIMIT_M_S2, Seam, Stitched, stitch
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import retarget
from kinescale.pipeline._redraw import Redraw, Rewriting, Stretch, back_on, paired_joints, stretch_of
from kinescale.pipeline.text_to_motion import FINISH, MAX_CLIPS, Finish
from kinescale.tokenizers import part_wise
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

MAX_BLEND_S = 10.0

SAME_M = 1e-3
"""Metres by which two files may round the bones of one skeleton differently."""


@dataclass(frozen=True, eq=False)
class Edited:
    """What an edit made: ``samples`` clips.

    Parameters
    ----------
    motions : the clips, on the source's skeleton and frame rate, with prompt, seed, region, source and licence in
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
    samples : how many different clips.
    seed : sample i draws from ``derive_seed(seed, "sample", i)``.
    blend : seconds, inside the drawn frames, over which they meet the clip.
    widen : whether the blend may grow where joints would jerk.
    anchor_end : bend the made path so that what follows stays in its place, instead of moving what follows.
    finish : what is done to the decoded motion.
    """

    samples: int = 1
    seed: int = DEFAULT_SEED
    blend: float = BLEND_S
    widen: bool = True
    anchor_end: bool = False
    finish: Finish = FINISH


class Editor:
    """A bundle that is ready to change clips. Build it once and call it often."""

    def __init__(self, bundle: Bundle):
        bundle.sampler()
        self.bundle = bundle

    @classmethod
    def from_pretrained(cls, path_or_repo_id: str | Path = DEFAULT, **options: Any) -> Editor:
        """The editor of a bundle; takes what ``Bundle.from_pretrained`` takes."""
        return cls(Bundle.from_pretrained(path_or_repo_id, **options))

    @property
    def scales(self) -> int:
        """Scales of the bundle; a strength is below it."""
        return len(self.bundle.tokenizer.layout().scales)

    # What can be asked for

    def edit(
        self,
        motion: Motion,
        prompt: str | None = None,
        *,
        frames: Span | Sequence[Span] | None = None,
        seconds: tuple[float, float] | None = None,
        parts: str | Sequence[str] = (),
        strength: int = 0,
        task: str = "edit",
        **options: Any,
    ) -> Edited:
        """Draw some frames (``frames`` 40 to 79: ``(40, 80)``; all when not given), or some parts in them, anew.

        Parameters
        ----------
        prompt : what the person then does; without one the stretch is drawn to fit what is around it.
        parts : names from ``edits.PARTS``, or roles; the rest of the body keeps its rotations.
        strength : so many of the coarsest scales stay.
        task : what the edit is called in ``meta``.
        options : ``how``, or fields of ``How`` (``seed``, ``samples``, ``blend`` ...) and settings of the bundle's
            sampler.

        Raises ``InputError`` for a wish that cannot be, ``SkeletonError`` for a skeleton without the roles it needs.
        """
        spans = _spans(motion, frames, seconds)
        names = tuple(parts.split(",")) if isinstance(parts, str) else tuple(parts)
        return self.grant(motion, Wish(len(motion), spans, names, strength), prompt, task=task, **options)

    def inpaint(self, motion: Motion, prompt: str | None = None, **options: Any) -> Edited:
        """``edit`` that must be told which frames."""
        if options.get("frames") is None and options.get("seconds") is None:
            raise InputError("inpainting needs to know where; name the frames, as 40:80.")
        return self.edit(motion, prompt, **{"task": "inpaint", **options})

    def outpaint(self, motion: Motion, prompt: str | None = None, *, frames: Span, **options: Any) -> Edited:
        """Keep ``frames`` and draw what is before and after them."""
        rest = outside(Wish(len(motion), (frames,)).spans, len(motion))
        if not rest:
            raise InputError(f"the frames {frames[0]}:{frames[1]} are the whole clip; nothing is left to draw.")
        return self.edit(motion, prompt, frames=rest, **{"task": "outpaint", **options})

    def prefix(self, motion: Motion, seconds: float, prompt: str | None = None, **options: Any) -> Edited:
        """Keep the first ``seconds`` and draw how it goes on."""
        return self.outpaint(motion, prompt, frames=(0, _kept_frames(motion, seconds)), task="prefix", **options)

    def suffix(self, motion: Motion, seconds: float, prompt: str | None = None, **options: Any) -> Edited:
        """Keep the last ``seconds`` and draw how it comes to them."""
        count = _kept_frames(motion, seconds)
        return self.outpaint(motion, prompt, frames=(len(motion) - count, len(motion)), task="suffix", **options)

    def inbetween(
        self, first: Motion, second: Motion, seconds: float, prompt: str | None = None, **options: Any
    ) -> Edited:
        """``first``, then ``seconds`` that are drawn, then ``second``, which is moved to where it goes on.

        ``second`` is brought to the skeleton and frame rate of ``first`` where they differ.
        """
        fitting = _alike(first, second)
        gap, span = joined(first, fitting, seconds)
        edited = self.edit(gap, prompt, frames=span, task="inbetween", **options)
        changed = []
        if not torch.equal(fitting.rotations[:1], second.rotations[:1]):
            changed.append("the second motion was brought to the first one's skeleton")
        if fitting.fps != second.fps:
            changed.append(f"the second motion was brought to {first.fps:g} fps")
        return dataclasses.replace(edited, notes=(*changed, *edited.notes))

    def rewrite(
        self,
        motion: Motion,
        prompt: str,
        source_prompt: str | None = None,
        *,
        threshold: float = 0.1,
        strength: int | None = None,
        how: How | None = None,
        **options: Any,
    ) -> Edited:
        """Change what the whole clip is about, and keep what the new prompt does not speak against.

        ``strength`` coarse scales stay. A system of bits then keeps every bit of the finer ones that the new prompt
        makes less likely by at most ``threshold`` than the source prompt did (ScaleMoGen, section 4.2); others draw
        the finer scales anew.
        """
        if not 0 <= threshold <= 1:
            raise InputError(f"the threshold is {threshold}; expected 0 to 1.")
        early = min(3, self.scales // 2) if strength is None else strength
        wish = Wish(len(motion), ((0, len(motion)),), (), early)
        told, wanted = _sentence(source_prompt), _sentence(prompt)
        rewriting = Rewriting(self._text(told), threshold) if self._of_bits else None
        return self.grant(motion, wish, wanted, task="rewrite", how=how, rewriting=rewriting, **options)

    # How it is done

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
        how, sampling = _sorted_options(how, options)
        self._check(motion, wish, how)
        told = _sentence(prompt)
        _, config = self.bundle.sampler()
        config = config.but(**sampling) if sampling else config
        made_joints = paired_joints(motion.skeleton, self.bundle.feature.skeleton, self._joints(motion, wish))
        with torch.no_grad():
            stretch = stretch_of(self.bundle, motion, wish.spans)
            redraw = Redraw(self.bundle, stretch, wish, config, self._text(told), rewriting)
            seam = Seam(made_joints, wish.moves_root, how.blend, how.anchor_end, how.widen)
            clips, seams, tokens, kept = [], [], [], ()
            for i in range(how.samples):
                drawn = redraw(torch.Generator().manual_seed(derive_seed(how.seed, "sample", i)))
                made = back_on(self.bundle, stretch, drawn.features, motion, how.finish, drawn.decoded)
                clip, done = _set_in(motion, made, wish, seam, stretch)
                meta = self._meta(motion, wish, told, task) | {"seed": how.seed, "sample": i}
                clips.append(clip.with_meta(**meta))
                seams.append(done)
                tokens.append(drawn.tokens)
                kept = drawn.kept
        notes = (*self._notes(motion, wish, made_joints, rewriting, task), *_told(wish, seam, seams))
        return Edited(tuple(clips), tuple(seams), tuple(tokens), kept, wish.spans, notes)

    @property
    def _of_bits(self) -> bool:
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

    def _check(self, motion: Motion, wish: Wish, how: How) -> None:
        wish.check_strength(self.scales)
        if wish.length != len(motion):
            raise InputError(f"a wish for a clip of {wish.length} frames; this one has {len(motion)}.")
        if not 1 <= how.samples <= MAX_CLIPS:
            raise InputError(f"{how.samples} samples; expected 1 to {MAX_CLIPS}.")
        if not 0 <= how.blend <= MAX_BLEND_S:
            raise InputError(f"a blend of {how.blend} seconds; expected 0 to {MAX_BLEND_S:g}.")
        least = self.bundle.stride / self.bundle.feature.fps
        if motion.duration_s < least - 1e-6:
            raise InputError(
                f"the clip lasts {motion.duration_s:.2f} seconds; this bundle's shortest is {least:.2f} seconds."
            )

    def _text(self, prompt: str | None) -> TextFeatures:
        """A sentence's features, or what stands for none."""
        generator: Any = self.bundle.generator
        features = self.bundle.text_encoder.encode([prompt or "a person moves"]).to(self.bundle.device)
        return generator.unconditional(features) if prompt is None else features

    def _meta(self, motion: Motion, wish: Wish, prompt: str | None, task: str) -> dict[str, Any]:
        licences = [str(motion.meta.get("licence") or ""), self.bundle.licence]
        meta: dict[str, Any] = {
            "prompt": prompt or str(motion.meta.get("prompt") or ""),
            "edit": task,
            "edited_frames": ",".join(f"{start}:{stop}" for start, stop in wish.spans),
            "edited_parts": ",".join(wish.parts) or "body",
            "licence": "; ".join(dict.fromkeys(one for one in licences if one)),
            "generator": f"kinescale {kinescale.__version__}",
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


def _spans(
    motion: Motion, frames: Span | Sequence[Span] | None, seconds: tuple[float, float] | None
) -> tuple[Span, ...]:
    if frames is not None and seconds is not None:
        raise InputError("frames and seconds are both given; name one of them.")
    if seconds is not None:
        return (parse_seconds(f"{seconds[0]}:{seconds[1]}", motion.fps, len(motion)),)
    if frames is None:
        return ((0, len(motion)),)
    spans: Any = [frames] if frames and isinstance(frames[0], int) else frames
    for span in spans:
        if not isinstance(span, Sequence) or len(span) != 2 or not all(isinstance(edge, int) for edge in span):
            raise InputError(f"the frames are {frames}; expected a first and a last, as (40, 80).")
    return tuple((first, last) for first, last in spans)


def _sentence(prompt: str | None) -> str | None:
    """The checked prompt; an edit takes one."""
    if prompt is not None and not isinstance(prompt, str):
        raise InputError(f"the prompts are {prompt!r}; an edit takes one sentence.")
    return None if prompt is None else check_prompt(prompt)


def _alike(first: Motion, second: Motion) -> Motion:
    """The second motion on the skeleton and at the rate of the first; offsets rounded by a file are no difference."""
    one, other = first.skeleton, second.skeleton
    rounded = one.joints == other.joints and one.parents == other.parents
    if rounded and np.allclose(one.offsets, other.offsets, atol=SAME_M):
        second = second.replace(skeleton=one)
    second = retarget(second, one)
    if second.fps == first.fps:
        return second
    return retimed(second, first.fps, max(1, int((len(second) - 1) * first.fps / second.fps + 1e-6) + 1))


def _kept_frames(motion: Motion, seconds: float) -> int:
    frames = round(seconds * motion.fps) if 0 < seconds <= motion.duration_s else 0
    if not 0 < frames < len(motion):
        raise InputError(
            f"{seconds:g} seconds of a clip of {motion.duration_s:.2f} seconds are to be kept; expected more than 0 "
            "and less than all."
        )
    return frames


def _sorted_options(how: How | None, options: dict[str, Any]) -> tuple[How, dict[str, Any]]:
    """Fields of ``How``, and what is the sampler's."""
    names = {field.name for field in dataclasses.fields(How)}
    changes = {name: value for name, value in options.items() if name in names}
    sampling = {name: value for name, value in options.items() if name not in names and value is not None}
    return dataclasses.replace(how or How(), **changes), sampling
