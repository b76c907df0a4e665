"""Tasks about more than a region: two clips in one, one clip after another, a clip carried on, a clip that comes round.

Free functions over a ``Granter``; ``Editor`` offers them as methods.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch

from kinescale.core.errors import InputError
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import retarget
from kinescale.motion.retime import retimed
from kinescale.pipelines.editing import Span, Wish, address, part_names, part_roles
from kinescale.pipelines.editing.blend import Seam, stitch
from kinescale.pipelines.editing.combine import combined
from kinescale.pipelines.editing.cycle import Round, best_cycle, in_a_row, in_place, moved_on, round_between
from kinescale.pipelines.editing.edit_pipeline import Edited, Granter, How, sentence, sorted_options
from kinescale.pipelines.editing.gap import extended, frames_of, joined, of_both
from kinescale.pipelines.editing.token_mixing import Mixing, Origins, origins_by_part, origins_by_scale
from kinescale.pipelines.editing.windows import back_on, paired_joints, stretch_of
from kinescale.pipelines.prompt_spans import cut, piece, prompts_meta, prompts_of
from kinescale.pipelines.provenance import sampling_meta
from kinescale.pipelines.text_to_motion import sample_indices
from kinescale.rigging.body_parts import ROOT_ROLE
from kinescale.tokenizers import part_wise
from kinescale.tokens.layout import TokenLayout

SAME_M = 1e-3
"""Meters by which two files may round the bones of one skeleton differently."""

SEAM_SHARE = 1 / 3
"""Of a cycle that is cut out of a clip, the most that is drawn to close it."""


def alike(first: Motion, second: Motion) -> tuple[Motion, tuple[str, ...]]:
    """The second motion on the skeleton and at the rate of the first, and notes of what that took.

    Offsets rounded by a file are no difference.
    """
    one, other = first.skeleton, second.skeleton
    rounded = one.joints == other.joints and one.parents == other.parents
    fitting = second
    if rounded and np.allclose(one.offsets, other.offsets, atol=SAME_M):
        fitting = fitting.replace(skeleton=one)
    fitting = retarget(fitting, one)
    notes = []
    if not torch.equal(fitting.rotations[:1], second.rotations[:1]):
        notes.append("the second motion was brought to the first one's skeleton")
    if fitting.fps != first.fps:
        frames = max(1, int((len(fitting) - 1) * first.fps / fitting.fps + 1e-6) + 1)
        fitting = retimed(fitting, first.fps, frames)
        notes.append(f"the second motion was brought to {first.fps:g} fps")
    return fitting, tuple(notes)


def inbetween(
    granter: Granter, first: Motion, second: Motion, seconds: float, prompt: str | None, options: dict[str, Any]
) -> Edited:
    """``first``, drawn ``seconds``, ``second``."""
    fitting, notes = alike(first, second)
    gap, span = joined(first, fitting, seconds)
    edited = granter.grant(gap, Wish(len(gap), (span,)), prompt, **{"task": "inbetween", **options})
    return dataclasses.replace(edited, notes=(*notes, *edited.notes))


def then(
    granter: Granter, first: Motion, second: Motion, seconds: float, prompt: str | None, options: dict[str, Any]
) -> Edited:
    """``first`` and ``second``, the ``seconds`` around where they meet drawn anew."""
    count = frames_of(seconds, first.fps, 0)
    fitting, notes = alike(first, second)
    before, after = count // 2, count - count // 2
    for name, clip, taken in (("first", first, before), ("second", fitting, after)):
        if len(clip) <= taken:
            raise InputError(
                f"{seconds:g} seconds around the seam take all of the {name} motion, which lasts "
                f"{clip.duration_s:.2f} seconds; ask for fewer."
            )
    left, right = piece(first, 0, len(first) - before), piece(fitting, after, len(fitting))
    edited = inbetween(granter, left, right, count / first.fps, prompt, {"task": "then", **options})
    return dataclasses.replace(edited, notes=(*notes, *edited.notes))


def extend(
    granter: Granter, motion: Motion, seconds: float, prompt: str | None, before: bool, options: dict[str, Any]
) -> Edited:
    """The clip with ``seconds`` more."""
    whole, span = extended(motion, seconds, before=before)
    return granter.grant(whole, Wish(len(whole), (span,)), prompt, **{"task": "extend", **options})


@dataclasses.dataclass(frozen=True)
class Looping:
    """How a clip is made to come round.

    Parameters
    ----------
    seconds : drawn between the clip's end and its beginning; with ``cut`` at most, and inside the cycle.
    cut : take the stretch of the clip that closes best, instead of all of it.
    in_place : take the steady part of the way out.
    rounds : how many cycles to write one after another.
    strength : coarse scales that stay in what is drawn; with ``cut`` half of them when not given.
    """

    seconds: float = 0.5
    cut: bool = False
    in_place: bool = False
    rounds: int = 1
    strength: int | None = None


def loop(
    granter: Granter, motion: Motion, looping: Looping, prompt: str | None, options: dict[str, Any]
) -> tuple[Edited, tuple[Round, ...]]:
    """A cycle, and of each sample how far one round leads."""
    if looping.rounds < 1:
        raise InputError(f"{looping.rounds} rounds; expected 1 or more.")
    count = frames_of(looping.seconds, motion.fps, 0)
    notes: tuple[str, ...] = ()
    room = _window_frames(granter, motion)
    if looping.cut:
        start, stop = best_cycle(motion)
        count = min(count, max(1, int((stop - start) * SEAM_SHARE)))
        notes = (f"the cycle is frames {start}:{stop} of the clip, {(stop - start) / motion.fps:.2f} seconds",)
        whole, span = _closed(motion, (start, stop), count, room)
        strength = granter.scales // 2 if looping.strength is None else looping.strength
    else:
        whole, span = joined(motion, motion.slice(0, min(len(motion), room)), count / motion.fps)
        strength = looping.strength or 0
    wish = Wish(len(whole), (span,), (), strength)
    edited = granter.grant(whole, wish, prompt, **{"task": "loop", **options})
    motions, rounds = [], []
    for made in edited.motions:
        once = round_between(made, 0, span[1])
        cycle = piece(made, 0, span[1])
        if looping.in_place:
            cycle, once = in_place(cycle, once), Round(0.0, (0.0, 0.0))
        told = {"loop_frames": span[1], "loop_turn_deg": math.degrees(once.yaw), "loop_shift_m": list(once.shift)}
        motions.append(in_a_row(cycle, once, looping.rounds).with_meta(**told))
        rounds.append(once)
    notes = (*notes, *(note for note in edited.notes if not note.startswith("what follows")))
    return dataclasses.replace(edited, motions=tuple(motions), notes=notes), tuple(rounds)


def _closed(motion: Motion, cycle: Span, count: int, room: int) -> tuple[Motion, Span]:
    """A cycle of the clip with its own beginning after it; its last ``count`` frames are to be drawn."""
    start, stop = cycle
    once = round_between(motion, start, stop)
    again = moved_on(motion.slice(start, min(stop, start + room)), once)
    body = motion.slice(start, stop)
    whole = body.replace(
        root=torch.cat([body.root, again.root]), rotations=torch.cat([body.rotations, again.rotations])
    )
    return whole, (stop - start - count, stop - start)


def _window_frames(granter: Granter, motion: Motion) -> int:
    bundle = granter.bundle
    return int(bundle.max_frames * motion.fps / bundle.feature.fps) + 1


Through = Literal["encoded", "drawn"]
"""How clips meet in tokens: their composition encoded, or each one's own tokens with those drawn that hold both."""


def compose_parts(
    granter: Granter,
    first: Motion,
    second: Motion,
    parts: Sequence[str],
    tokens: Through | None,
    prompt: str | None,
    options: dict[str, Any],
) -> Edited:
    """``parts`` of the first clip on the second one's rest, by rotations or through the bundle's tokens."""
    if tokens not in (None, *get_args(Through)):
        raise InputError(f"the way through tokens is '{tokens}'; expected {' or '.join(get_args(Through))}.")
    fitting, notes = alike(first, second)
    names = part_names(parts)
    exact = combined(first, fitting, names)
    told = _told_of_both(first, fitting, ({"parts": list(names)}, {}), prompt)
    meta = {"edited_parts": ",".join(names), **of_both(first, second), **told}
    if prompt is not None and tokens != "drawn":
        raise InputError("a prompt is for tokens that are drawn; say so, with --tokens drawn.")
    if tokens is None:
        how, sampling = sorted_options(None, options)
        if sampling or how != How(seed=how.seed):
            raise InputError("rotations are taken over as they are; leave out how to draw, or name --tokens.")
        done = exact.with_meta(**meta, edit="compose", generator=granter.generator)
        return Edited((done,), ((),), ((),), (), ((0, len(exact)),), notes)
    roles = part_roles(names)
    if tokens == "encoded":
        edited = _mixed(granter, (exact, exact), (exact, exact), origins_by_scale(0), None, options)
        return _described(edited, meta, notes)
    found = address(granter.bundle.tokenizer.layout(), granter.bundle.tokenizer.latent_roles, roles)
    if not found.alone:
        raise InputError(
            f"this bundle has no tokens for {', '.join(names)} alone; {' and '.join(part_wise())} have tokens for "
            "parts, and any bundle encodes what was composed, with --tokens encoded."
        )
    base = (exact, first if ROOT_ROLE in roles else fitting)
    edited = _mixed(granter, (first, fitting), base, origins_by_part(granter.bundle, roles), prompt, options)
    return _described(edited, meta, notes)


def compose_scales(granter: Granter, first: Motion, second: Motion, coarse: int, options: dict[str, Any]) -> Edited:
    """The first clip's ``coarse`` coarsest scales with the second one's finer ones."""
    if not 1 <= coarse < granter.scales:
        raise InputError(
            f"{coarse} coarse scales of the first motion; this bundle has {granter.scales}, expected 1 to "
            f"{granter.scales - 1}."
        )
    fitting, notes = alike(first, second)
    edited = _mixed(granter, (first, fitting), (first, first), origins_by_scale(coarse), None, options)
    told = _told_of_both(first, fitting, ({"scales": "coarse"}, {"scales": "fine"}), None)
    return _described(edited, {"edit_strength": coarse, **of_both(first, second), **told}, notes)


def _told_of_both(
    first: Motion, second: Motion, shares: tuple[dict[str, Any], dict[str, Any]], prompt: str | None
) -> dict[str, Any]:
    """The sentences of both clips as far as both last, each with what of the body or the scales is that clip's."""
    seconds = min(len(first), len(second)) / first.fps
    entries = [
        {**entry, **share}
        for clip, share in zip((first, second), shares, strict=True)
        for entry in cut(prompts_of(clip), 0.0, seconds)
    ]
    if prompt is not None:
        entries.append({"prompt": prompt, "seconds": [0.0, round(seconds, 4)], "edit": "compose"})
    return prompts_meta(entries, first, second)


def _mixed(
    granter: Granter,
    pair: tuple[Motion, Motion],
    base: tuple[Motion, Motion],
    origins: Callable[[TokenLayout], Origins],
    prompt: str | None,
    options: dict[str, Any],
) -> Edited:
    """Both clips through one pyramid; ``base`` gives the joints that the bundle lacks, and the place on the ground."""
    how, sampling = sorted_options(None, options)
    frames = min(len(clip) for clip in pair)
    wish = Wish(frames, ((0, frames),))
    first, second, exact, ground = (clip.slice(0, frames) for clip in (*pair, *base))
    granter.check(first, wish, how)
    told = sentence(prompt)
    config = granter.bundle.settings(sampling)
    joints = paired_joints(first.skeleton, granter.bundle.feature.skeleton, range(len(first.skeleton)))
    standing = exact.replace(root=ground.root, rotations=_headed(exact, ground))
    clips, tokens, kept = [], [], ()
    with torch.no_grad():
        stretch = stretch_of(granter.bundle, first, wish.spans)
        other = stretch_of(granter.bundle, second, wish.spans)
        mixing = Mixing(granter.bundle, stretch.features, other.features, origins, config, granter.text(told))
        for i in sample_indices(how.samples):
            drawn = mixing(torch.Generator().manual_seed(derive_seed(how.seed, "sample", i)))
            made = back_on(granter.bundle, stretch, drawn.features, first, how.finish, drawn.decoded)
            done = stitch(standing, made.motion, (0, frames), Seam(joints, True, 0.0))
            known = {"edit": "compose", "seed": how.seed, "sample": i}
            meta = granter.meta(first, wish, told, known, stays=True)
            clips.append(
                done.motion.with_meta(**meta, **made.report, **sampling_meta(granter.bundle, config, how.finish))
            )
            tokens.append(drawn.tokens)
            kept = drawn.kept
    return Edited(tuple(clips), ((),) * len(clips), tuple(tokens), kept, wish.spans)


def _headed(motion: Motion, ground: Motion) -> torch.Tensor:
    """The motion's rotations with the root's of ``ground``."""
    rotations = motion.rotations.clone()
    rotations[:, 0] = ground.rotations[:, 0].to(rotations.dtype)
    return rotations


def _described(edited: Edited, meta: dict[str, Any], notes: Sequence[str]) -> Edited:
    """Sources, licenses and what was asked of both clips; the training data's license stays with them."""
    motions = []
    for motion in edited.motions:
        licenses = [str(motion.meta.get("license") or ""), meta.get("license", "")]
        every = dict.fromkeys(part for one in licenses if one for part in one.split("; "))
        motions.append(motion.with_meta(**{**meta, "license": "; ".join(every)}))
    return dataclasses.replace(edited, motions=tuple(motions), notes=(*notes, *edited.notes))
