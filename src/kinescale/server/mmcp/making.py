"""From a checked MMCP request to motions: text, timeline or loop; the character's skeleton and rate; constraints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kinescale.core.randomness import derive_seed
from kinescale.motion.canonicalize import canonicalize
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample_cubic
from kinescale.motion.retarget import retarget
from kinescale.pipelines import ControlOptions, EditOptions, Segment, Timeline
from kinescale.pipelines.editing.cycle import in_a_row
from kinescale.pipelines.editing.tasks.loop import LoopOptions
from kinescale.pipelines.post_process import FINISH, RAW
from kinescale.server.engine import Drawing, Engine
from kinescale.server.mmcp import schema
from kinescale.server.mmcp.checks import Asked, positive_seed
from kinescale.server.mmcp.constraints import constraints_of

CLOSING_S, CLOSING_SHARE = 0.5, 1 / 3
"""Of a loop, what is drawn to close it: so many seconds, and at most so much of it."""


@dataclass(frozen=True, eq=False)
class Made:
    """Motions as the request has them: its skeleton, its rate, its number of frames."""

    motions: list[Motion]
    boundaries: list[tuple[int, ...]]
    notes: list[dict[str, Any]] = field(default_factory=list)


def drawing_of(engine: Engine, asked: Asked) -> Drawing:
    """How the motions of a request are drawn, long enough to cover its frames."""
    options = asked.options
    sampling: dict[str, Any] = {}
    if options.guidance is not None and "guidance_scale" in type(engine.bundle.sampler()[1]).model_fields:
        # a second weight, for constraints, has no meaning for this model
        sampling["guidance_scale"] = options.guidance.weight[0] if options.guidance.weight else 1.0
    if "temperature" in asked.dials:
        sampling["temperature"] = float(asked.dials["temperature"])
    engine.check_sampling(sampling)
    post = FINISH if options.post_processing else RAW
    seconds = _model_frames(engine, asked, asked.frames) / engine.fps
    return Drawing(seconds, options.num_samples, sampling, asked.dials.get("candidates"), None, post)


def _model_frames(engine: Engine, asked: Asked, frames: int) -> int:
    """Frames at the bundle's rate that cover some at the request's."""
    return max(engine.bundle.stride, math.ceil((frames - 1) * engine.fps / asked.fps - 1e-9) + 1)


def plain_prompt(engine: Engine, asked: Asked) -> tuple[str, int] | None:
    """Prompt and seed of a request that is one draw of one clip, which can be made together with others."""
    segments = asked.request.segments
    if len(segments) != 1 or not isinstance(segments[0], schema.Text) or asked.options.loop:
        return None
    if _model_frames(engine, asked, asked.frames) > engine.bundle.max_frames:
        return None
    own = segments[0].seed
    return segments[0].prompt, asked.seed if own is None else positive_seed(own)


def drawn(engine: Engine, asked: Asked) -> Made:
    """Motions on the bundle's skeleton and at its rate."""
    how, plain = drawing_of(engine, asked), plain_prompt(engine, asked)
    if asked.options.loop:
        return Made(_loops(engine, asked, how), [() for _ in range(how.samples)])
    if plain is not None:
        motions, _ = engine.draw([plain[0]], [plain[1]], how)
        return Made(list(motions), [() for _ in motions])
    motions, boundaries, notes = [], [], []
    lead = _lead(engine, asked)
    for sample in range(how.samples):
        timeline = _timeline(asked, how.seconds, sample, lead / engine.fps)
        seed = derive_seed(asked.seed, "sample", sample)
        one = Drawing(how.seconds, 1, how.sampling, post_process=how.post_process)
        made, frames, said = engine.along(timeline, seed, one, _blend_s(asked))
        motions += [canonicalize(clip.slice(lead, len(clip)), floor=False) if lead else clip for clip in made]
        boundaries += [tuple(round((frame - lead) * asked.fps / engine.fps) for frame in each) for each in frames]
        notes += [_note("rough_transition", text) for text in said]
    return Made(motions, boundaries, notes)


def _blend_s(asked: Asked) -> float:
    return asked.options.transition_frames / asked.fps


def _lead(engine: Engine, asked: Asked) -> int:
    """Frames that are made before the first one, where the first segment is too short to begin with by itself."""
    given = asked.request.segments
    short = len(given) > 1 and given[0].duration_frames * engine.fps / asked.fps < engine.bundle.stride
    return engine.bundle.stride if short else 0


def _timeline(asked: Asked, seconds: float, sample: int, lead_s: float) -> Timeline:
    """The segments in seconds; the first one begins ``lead_s`` before its time, the last ends where the motion does."""
    segments, start = [], 0
    given: Sequence[Any] = asked.request.segments
    if not given:
        return Timeline((Segment(None, 0.0, seconds),))
    for number, one in enumerate(given):
        stop = start + one.duration_frames
        text = one.prompt if isinstance(one, schema.Text) else None
        seed = None if one.seed is None else derive_seed(positive_seed(one.seed), "sample", sample)
        end = seconds if number == len(given) - 1 else stop / asked.fps
        begin = lead_s + start / asked.fps if number else 0.0
        segments.append(Segment(text, begin, lead_s + max(end, (start + 0.5) / asked.fps), (), seed))
        start = stop
    return Timeline(tuple(segments))


def _loops(engine: Engine, asked: Asked, how: Drawing) -> list[Motion]:
    """One cycle per sample, with its first frame again at its end, moved on by the cycle."""
    steps = max(1, asked.frames - 1)
    cycle = max(2 * engine.bundle.stride, round(steps * engine.fps / asked.fps))
    closing = max(1, min(round(CLOSING_S * engine.fps), int(cycle * CLOSING_SHARE)))
    (segment,) = asked.request.segments
    own = asked.seed if segment.seed is None else positive_seed(segment.seed)
    text = segment.prompt if isinstance(segment, schema.Text) else None
    made = []
    for sample in range(how.samples):
        seed = derive_seed(own, "sample", sample)
        options = EditOptions(seed=seed, sampling=how.sampling or {}, post_process=how.post_process)
        seconds = (cycle - closing) / engine.fps
        if text is not None and cycle - closing <= engine.bundle.max_frames:
            one = Drawing(seconds, 1, how.sampling, how.candidates, None, how.post_process)
            clip = engine.draw([text], [seed], one)[0][0]
        else:
            clip = engine.timeline(Timeline((Segment(text, 0.0, seconds),)), options=options).motion
        # with scales to keep, though none, the cycle is exactly as long as asked
        looped = engine.editor.loop(clip, text, loop=LoopOptions(closing / engine.fps, keep_scales=0), options=options)
        closed = in_a_row(looped.motions[0], looped.offsets[0], 2).slice(0, cycle + 1)
        # as many steps as the request's cycle has, whatever the rates
        made.append(closed.replace(fps=cycle * asked.fps / steps))
    return made


def finished(engine: Engine, asked: Asked, made: Made) -> Made:
    """The motions on the request's skeleton, at its rate and of its length, and within its constraints."""
    motions, notes = [], list(made.notes)
    for motion in made.motions:
        there = retarget(motion, asked.skeleton) if asked.retargeted else motion
        there = resample_cubic(there, asked.fps, asked.frames)
        if asked.request.constraints:
            there, said = _controlled(engine, asked, there)
            notes += [note for note in said if note not in notes]
        motions.append(there)
    return Made(motions, made.boundaries, notes)


def _controlled(engine: Engine, asked: Asked, clip: Motion) -> tuple[Motion, list[dict[str, Any]]]:
    wanted, left_out = constraints_of(asked.request.constraints, clip)
    post = FINISH if asked.options.post_processing else RAW
    # what other models take as steps of diffusion are steps of the optimization here
    options = ControlOptions(steps=asked.options.diffusion_steps, post_process=post)
    made = engine.controller.control(clip, wanted, options=options)
    missed = [_note("constraint_missed", one.summary()) for one in made.missed[0]]
    return made.motions[0], [*missed, *(_note("constraint_reduced", text) for text in left_out)]


def _note(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "severity": "warning", "message": message}
