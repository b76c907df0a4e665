"""Make a cycle of a clip: sample what leads from its end to its beginning, or cut out its best cycle."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.cycle import CycleOffset, best_cycle, in_a_row, in_place, moved_on, offset_between
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import frames_of, joined
from kinescale.pipelines.editing.region import EditRegion, Span
from kinescale.pipelines.prompt_spans import piece

MOST_OF_CYCLE = 1 / 3
"""Of a cycle that is cut out of a clip, the most that is resampled to close it."""


@dataclass(frozen=True)
class LoopOptions:
    """How a cycle is made of a clip.

    Parameters
    ----------
    seconds : sampled between the clip's end and its beginning; with ``cut`` at most, and inside the cycle.
    cut : take the stretch of the clip that closes best, instead of all of it.
    in_place : subtract the steady part of the root's path.
    rounds : how many cycles to write one after another.
    keep_scales : coarse scales that are kept in what is resampled; with ``cut`` half of them by default.
    """

    seconds: float | int = 0.5
    cut: bool = False
    in_place: bool = False
    rounds: int = 1
    keep_scales: int | None = None

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise InputError(f"{self.rounds} rounds; expected 1 or more.")


@dataclass(frozen=True, eq=False)
class Looped(Edited):
    """Result of a loop: frame 0 follows the last frame, moved by the sample's entry of ``offsets``."""

    offsets: tuple[CycleOffset, ...] = ()


@on_fixed_threads
def run(
    pipeline: EditPipeline,
    motion: Motion,
    prompt: str | None = None,
    *,
    loop: LoopOptions | None = None,
    options: EditOptions | None = None,
) -> Looped:
    """A cycle, and per sample how far one cycle moves over the ground.

    Example
    -------
    >>> from kinescale import Editor, TextToMotion
    >>> editor = Editor.from_pretrained()
    >>> clip = TextToMotion(editor.bundle)("a person walks", seconds=1.0).motions[0]
    >>> len(editor.loop(clip).motions[0])
    45
    """
    loop = loop or LoopOptions()
    count = frames_of(loop.seconds, motion.fps, 0)
    notes: tuple[str, ...] = ()
    bundle = pipeline.bundle
    window = int(bundle.max_frames * motion.fps / bundle.feature.fps) + 1
    if loop.cut:
        start, stop = best_cycle(motion)
        count = min(count, max(1, int((stop - start) * MOST_OF_CYCLE)))
        notes = (f"the cycle is frames {start}:{stop} of the clip, {(stop - start) / motion.fps:.2f} seconds",)
        whole, span = _closed(motion, (start, stop), count, window)
        keep_scales = pipeline.scales // 2 if loop.keep_scales is None else loop.keep_scales
    else:
        whole, span = joined(motion, motion.slice(0, min(len(motion), window)), count / motion.fps)
        keep_scales = loop.keep_scales or 0
    region = EditRegion(len(whole), (span,), (), keep_scales)
    # a resampled cycle may end anywhere on the ground, so its seam is smoother than that of a gap between fixed frames
    free = replace(options or EditOptions(), fill_gaps=False)
    edited = pipeline.run(whole, region, prompt, task="loop", options=free)
    cycles = [_cycle(made, span[1], loop) for made in edited.motions]
    notes = (*notes, *(note for note in edited.notes if not note.startswith("what follows")))
    motions, offsets = zip(*cycles, strict=True)
    return Looped(motions, edited.blends, edited.tokens, edited.kept, edited.spans, notes, offsets)


def _cycle(made: Motion, frames: int, loop: LoopOptions) -> tuple[Motion, CycleOffset]:
    """The first ``frames`` of an edited clip as a cycle, or several in a row."""
    offset = offset_between(made, 0, frames)
    cycle = piece(made, 0, frames)
    if loop.in_place:
        cycle, offset = in_place(cycle, offset), CycleOffset(0.0, (0.0, 0.0))
    known = {"loop_frames": frames, "loop_turn_deg": math.degrees(offset.yaw), "loop_shift_m": list(offset.shift)}
    return in_a_row(cycle, offset, loop.rounds).with_meta(**known), offset


def _closed(motion: Motion, cycle: Span, count: int, window: int) -> tuple[Motion, Span]:
    """A cycle of the clip with its own beginning after it; its last ``count`` frames are to be resampled."""
    start, stop = cycle
    offset = offset_between(motion, start, stop)
    again = moved_on(motion.slice(start, min(stop, start + window)), offset)
    body = motion.slice(start, stop)
    rotations = torch.cat([body.rotations, again.rotations])
    return replace(body, root=torch.cat([body.root, again.root]), rotations=rotations), (
        stop - start - count,
        stop - start,
    )
