"""Make a cycle of a clip: fill what leads from its end to its beginning, or cut out its best cycle."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.blend import border_peak
from kinescale.pipelines.editing.cycle import CycleOffset, best_cycle, in_a_row, in_place, moved_on, offset_between
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import frames_of, joined
from kinescale.pipelines.editing.gap_fill import fillable
from kinescale.pipelines.editing.infill import infill
from kinescale.pipelines.editing.region import EditRegion, Span
from kinescale.pipelines.editing.spread import spread_cycle
from kinescale.pipelines.prompt_spans import piece

MOST_OF_CYCLE = 1 / 3
"""Of a cycle that is cut out of a clip, the most that is resampled to close it."""

LENGTHS = (1.0, 0.6, 0.8, 1.25, 1.5)
"""Lengths of the gap between a clip's end and its beginning that are tried, over the one that was given."""


@dataclass(frozen=True)
class LoopOptions:
    """How a cycle is made of a clip.

    Parameters
    ----------
    seconds : sampled between the clip's end and its beginning, about so many without a prompt and
        ``keep_scales``: the length in which it comes round most smoothly; with ``cut`` at most, and inside the cycle.
    cut : take the stretch of the clip that closes best, instead of all of it. Without a prompt and ``keep_scales``,
        nothing is sampled: what its end and its beginning differ by is spread over it.
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
    >>> len(editor.loop(clip, "a person walks").motions[0])
    45
    """
    loop = loop or LoopOptions()
    count = frames_of(loop.seconds, motion.fps, 0)
    spreads = loop.cut and prompt is None and loop.keep_scales is None
    whole, span, notes = _round(pipeline, motion, count, loop, prompt)
    keep_scales = loop.keep_scales or 0
    if loop.cut and loop.keep_scales is None:
        keep_scales = pipeline.scales // 2
    region = EditRegion(len(whole), (span,), (), keep_scales)
    edited = pipeline.run(whole, region, prompt, task="loop", options=options, holds="frames" if spreads else "nothing")
    cycles = [_cycle(made, span[1], loop) for made in edited.motions]
    notes = (*notes, *(note for note in edited.notes if not note.startswith("what follows")))
    motions, offsets = zip(*cycles, strict=True)
    return Looped(motions, edited.blends, edited.tokens, edited.kept, edited.spans, notes, offsets)


def _round(
    pipeline: EditPipeline, motion: Motion, count: int, loop: LoopOptions, prompt: str | None
) -> tuple[Motion, Span, tuple[str, ...]]:
    """A round with its own beginning after it, the frames of it that are changed or to be sampled, and notes."""
    bundle = pipeline.bundle
    window = int(bundle.max_frames * motion.fps / bundle.feature.fps) + 1
    if not loop.cut:
        again = motion.slice(0, min(len(motion), window))
        if prompt is None and loop.keep_scales is None:
            count = _smoothest(motion, again, count)
        return *joined(motion, again, count / motion.fps), ()
    start, stop = best_cycle(motion)
    notes = (f"the cycle is frames {start}:{stop} of the clip, {(stop - start) / motion.fps:.2f} seconds",)
    if prompt is None and loop.keep_scales is None:
        notes = (*notes, "what its end and its beginning differ by is spread over it")
        return *spread_cycle(motion, (start, stop), window), notes
    most = max(1, int((stop - start) * MOST_OF_CYCLE))
    return *_closed(motion, (start, stop), min(count, most), window), notes


def _smoothest(motion: Motion, again: Motion, count: int) -> int:
    """Frames of the gap that lets the clip come round most smoothly, about ``count``."""
    peaks = {}
    for frames in dict.fromkeys(max(1, round(share * count)) for share in LENGTHS):
        whole, span = joined(motion, again, frames / motion.fps)
        near = (max(0, span[0] - motion.fps), min(len(whole), span[1] + motion.fps))
        piece = whole.slice(int(near[0]), int(near[1]))
        gap = (span[0] - int(near[0]), span[1] - int(near[0]))
        if not fillable(piece, EditRegion(len(piece), (gap,))):
            continue
        made = infill(piece, gap).motion
        peaks[frames] = border_peak(made, ((gap[0] - 1, gap[1] + 1),))
    return min(peaks, key=lambda frames: peaks[frames], default=count)


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
