"""The editing tasks that are measured: what is asked, what must come back unchanged, where the prompt counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kinescale.description.claims import Claim
from kinescale.motion import Motion
from kinescale.pipelines import Edited, EditOptions, Editor, EditRegion, Segment, Timeline, TimelinePipeline
from kinescale.pipelines.editing.tasks.loop import LoopOptions
from kinescale.rigging.body_parts import part_joints, part_roles

WAVE = "a person waves with the right hand"
TURN = "a person walks forward and turns to the left"
WALK = "a person walks forward"
WAVED = Claim(kind="limb_side", action="wave", side="right")
RAISED = Claim(kind="limb_side", action="raise_hand", side="right")
TURNED = Claim(kind="turn_side", action="turn", side="left")
AHEAD = Claim(kind="direction", direction="forward")

Pair = tuple[Tensor, Tensor]
"""Rotations that must be the same to the bit: made, source."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a task made of a clip.

    Parameters
    ----------
    made : the motion.
    same : pairs that must be equal.
    peaks : fastest joint's acceleration at each seam, m/s2.
    blends : seconds of each blend.
    drawn : frames in which the prompt must be followed.
    before : what stood there, where something did.
    """

    made: Motion
    same: list[Pair] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    blends: list[float] = field(default_factory=list)
    drawn: tuple[int, int] | None = None
    before: Motion | None = None


@dataclass(frozen=True)
class Task:
    """One task: what it is called, its prompt and the claims of which one must be met, and how it is done."""

    name: str
    prompt: str | None
    claims: tuple[Claim, ...]
    run: Callable[[Editor, Motion, Motion, int], Outcome | None]


def _of(edited: Edited, clip: Motion, **more: object) -> Outcome:
    # where nothing is kept, nothing meets
    blends = [done for done in edited.blends[0] if done.peak_m_s2 > 0]
    return Outcome(
        edited.motions[0],
        peaks=[done.peak_m_s2 for done in blends],
        blends=[done.frames / clip.fps for done in blends],
        **more,  # type: ignore[arg-type]
    )


def _frames(made: Motion, at: int, source: Motion, first: int, count: int) -> Pair:
    """Local rotations of some frames; the root's turns with the path after what is drawn."""
    joints = slice(0 if at == first == 0 else 1, None)
    return made.rotations[at : at + count, joints], source.rotations[first : first + count, joints]


def _middle(clip: Motion, seconds: float) -> tuple[int, int]:
    count = min(len(clip) // 2, round(seconds * clip.fps))
    start = (len(clip) - count) // 2
    return start, start + count


def _region(prompt: str | None, seconds: float, parts: tuple[str, ...] = (), keep_scales: int = 0):
    def run(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
        span = _middle(clip, seconds)
        kept = min(keep_scales, editor.scales - 1)
        edited = editor.inpaint(
            clip,
            prompt=prompt,
            region=EditRegion.of(clip, frames=span, parts=parts, keep_scales=kept),
            options=EditOptions(seed=seed),
        )
        made = edited.motions[0]
        same = [_frames(made, 0, clip, 0, span[0]), _frames(made, span[1], clip, span[1], len(clip) - span[1])]
        if parts:
            joints = part_joints(clip.skeleton, part_roles(parts))
            others = [joint for joint in range(len(clip.skeleton)) if joint not in joints]
            same = [(made.rotations[:, others], clip.rotations[:, others]), (made.root, clip.root), *same]
        return _of(edited, clip, same=same, drawn=span, before=clip.slice(*span))

    return run


def _outpaint(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    span = _middle(clip, 1.5)
    edited = editor.outpaint(clip, region=EditRegion.of(clip, frames=span), options=EditOptions(seed=seed))
    same = [_frames(edited.motions[0], span[0], clip, span[0], span[1] - span[0])]
    # after a drawn beginning the root is the source's too: what follows need not move
    return _of(edited, clip, same=same)


def _prefix(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    edited = editor.prefix(clip, clip.duration_s / 3, WAVE, options=EditOptions(seed=seed))
    (span,) = edited.spans
    same = [_frames(edited.motions[0], 0, clip, 0, span[0])]
    return _of(edited, clip, same=same, drawn=span, before=clip.slice(*span))


def _suffix(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    edited = editor.suffix(clip, clip.duration_s / 3, options=EditOptions(seed=seed))
    (span,) = edited.spans
    return _of(edited, clip, same=[_frames(edited.motions[0], span[1], clip, span[1], len(clip) - span[1])])


def _inbetween(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    edited = editor.inbetween(clip, other, 1.0, options=EditOptions(seed=seed))
    (span,) = edited.spans
    made = edited.motions[0]
    same = [_frames(made, 0, clip, 0, len(clip)), _frames(made, span[1], other, 0, len(other))]
    return _of(edited, clip, same=same)


def _rewrite(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    source = str(clip.meta.get("prompt") or "a person moves")
    edited = editor.rewrite(clip, WAVE, source, keep_scales=1, options=EditOptions(seed=seed))
    return _of(edited, clip, drawn=(0, len(clip)), before=clip)


def _extend(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    edited = editor.extend(clip, 3.0, TURN, options=EditOptions(seed=seed))
    (span,) = edited.spans
    return _of(edited, clip, same=[_frames(edited.motions[0], 0, clip, 0, len(clip))], drawn=span)


def _loop(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    edited = editor.loop(clip, loop=LoopOptions(0.4, cut=True), options=EditOptions(seed=seed))
    start = int(edited.notes[0].split("frames ")[1].split(":")[0])
    kept = edited.spans[0][0]
    made = edited.motions[0]
    pair = (made.rotations[:kept], clip.rotations[start : start + kept])
    return _of(edited, clip, same=[pair])


def _then(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    edited = editor.then(clip, other, 1.0, options=EditOptions(seed=seed))
    (first, last) = edited.spans[0]
    made = edited.motions[0]
    after = len(made) - last
    same = [_frames(made, 0, clip, 0, first), _frames(made, last, other, len(other) - after, after)]
    return _of(edited, clip, same=same)


def _compose(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    edited = editor.compose(other, clip, "upper_body")
    made = edited.motions[0]
    upper = list(part_joints(clip.skeleton, part_roles(["upper_body"])))
    lower = [joint for joint in range(len(clip.skeleton)) if joint not in upper]
    count = len(made)
    same = [
        (made.rotations[:, upper], other.rotations[:count, upper]),
        (made.rotations[:, lower], clip.rotations[:count, lower]),
        (made.root, clip.root[:count]),
    ]
    return _of(edited, clip, same=same)


def _compose_tokens(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome | None:
    roles = editor.bundle.tokenizer.latent_roles
    if all(one == roles[0] for one in roles):
        return None
    return _of(editor.compose(other, clip, "arms", tokens="drawn", options=EditOptions(seed=seed)), clip)


def _compose_encoded(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    return _of(editor.compose(other, clip, "arms", tokens="encoded"), clip)


def _scales(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    return _of(editor.compose_scales(clip, other, max(1, editor.scales // 2), options=EditOptions(seed=seed)), clip)


def _story(editor: Editor, clip: Motion, other: Motion, seed: int) -> Outcome:
    segments = (
        Segment(WALK, 0.0, 3.0),
        Segment(TURN, 3.0, 6.0),
        Segment("a person runs forward", 6.0, 9.0),
        Segment("a person raises the right hand", 1.0, 2.5, ("right_arm",)),
    )
    told = TimelinePipeline(editor.bundle)(Timeline(segments), options=EditOptions(seed=seed))
    fps = told.motion.fps
    return Outcome(
        told.motion,
        peaks=[joint.peak_m_s2 for joint in told.transitions],
        blends=[joint.blend / fps for joint in told.transitions],
        drawn=(round(3 * fps), round(6 * fps)),
    )


TASKS = (
    Task("frames, for a prompt", WAVE, (WAVED, RAISED), _region(WAVE, 2.0)),
    Task("frames, two scales kept", WAVE, (WAVED, RAISED), _region(WAVE, 2.0, keep_scales=2)),
    Task("one arm, for a prompt", WAVE, (WAVED, RAISED), _region(WAVE, 2.0, ("right_arm",))),
    Task("inpaint", None, (), _region(None, 1.0)),
    Task("outpaint", None, (), _outpaint),
    Task("prefix, for a prompt", WAVE, (WAVED, RAISED), _prefix),
    Task("suffix", None, (), _suffix),
    Task("in between", None, (), _inbetween),
    Task("rewrite", WAVE, (WAVED, RAISED), _rewrite),
    Task("extend, for a prompt", TURN, (TURNED,), _extend),
    Task("loop", None, (), _loop),
    Task("one then the other", None, (), _then),
    Task("upper body of another", None, (), _compose),
    Task("arms of another, encoded", None, (), _compose_encoded),
    Task("arms of another, drawn", None, (), _compose_tokens),
    Task("coarse of one, fine of another", None, (), _scales),
    Task("story", TURN, (TURNED,), _story),
)
"""Every task; claims: one of them is enough."""


def moved(pairs: list[Pair]) -> float:
    """The greatest difference of any number that must be the same."""
    return max((float((a - b).abs().max()) for a, b in pairs if a.numel()), default=0.0)


def equal(pairs: list[Pair]) -> bool:
    """Whether all are the same to the bit."""
    return all(torch.equal(a, b) for a, b in pairs)
