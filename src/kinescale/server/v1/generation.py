"""Generation under ``/v1``: a body of ``/v1/generate`` as a task, alone or with others in one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.motion.motion import Motion
from kinescale.pipelines.post_process import PostProcess
from kinescale.pipelines.segments import Timeline, parse_timeline
from kinescale.server.engine import Drawing, Engine, check_seed
from kinescale.server.errors import ApiError
from kinescale.server.jobs import Context, Payload, Task
from kinescale.server.motion_json import joined_list, joined_object, motion_json
from kinescale.server.settings import Limits
from kinescale.server.v1.bodies import Generate

MAX_PREVIEWED = 8
"""Most clips of a job that shows every scale."""


@dataclass(frozen=True, eq=False)
class _Wish:
    """The clips of one request."""

    prompts: tuple[str, ...]
    seed: int
    how: Drawing
    preview: bool

    @property
    def clips(self) -> int:
        return len(self.prompts) * self.how.samples


def generation_task(engine: Engine, limits: Limits, body: Generate) -> Task:
    """The task of a body; ``ApiError`` for what is out of bounds or is no prompt."""
    check_seed(body.seed)
    engine.check_sampling(body.sampling)
    if sum(given is not None for given in (body.prompt, body.prompts, body.segments)) != 1:
        raise ApiError("invalid_request", "give prompt, prompts or segments, one of them.")
    if body.samples > limits.max_samples:
        raise ApiError("invalid_options", f"{body.samples} samples; at most {limits.max_samples} are made at once.")
    post = PostProcess.parse(body.post_process.model_dump(), where="post_process")
    how = Drawing(body.seconds, body.samples, body.sampling, body.candidates, body.scales, post)
    if body.segments is not None:
        return _timeline_task(engine, limits, body, how)
    return _clips_task(engine, limits, body, how)


def _clips_task(engine: Engine, limits: Limits, body: Generate, how: Drawing) -> Task:
    given = [body.prompt] if body.prompts is None else body.prompts
    prompts = tuple(checked_prompt(str(prompt), limits) for prompt in given)
    wish = _Wish(prompts, body.seed, how, body.preview)
    if wish.clips > (MAX_PREVIEWED if body.preview else limits.max_clips):
        most = MAX_PREVIEWED if body.preview else limits.max_clips
        raise ApiError("invalid_options", f"{wish.clips} clips; at most {most} are made at once.")
    if body.scales is not None and body.scales > engine.scales:
        raise ApiError("invalid_options", f"{body.scales} scales; this bundle has {engine.scales}.")
    try:
        engine.generator.frames(body.seconds)
    except InputError as problem:
        raise ApiError("invalid_options", f"{problem} Longer motions are made of segments.") from None

    def run(context: Context) -> Payload:
        return _together(engine, [wish], context)[0]

    def together(tasks: Sequence[Task], context: Context) -> list[Payload]:
        return _together(engine, [task.request for task in tasks], context)

    shape = (body.seconds, body.samples, repr(sorted(body.sampling.items())), body.candidates, body.scales)
    key = ("generate", *shape, repr(body.post_process), body.preview)
    return Task("generate", engine.units(wish.clips, body.seconds), run, key, together, wish)


def _together(engine: Engine, wishes: Sequence[_Wish], context: Context) -> list[Payload]:
    """The clips of several requests of one shape, drawn in one call."""
    how = wishes[0].how
    prompts = [prompt for wish in wishes for prompt in wish.prompts]
    seeds = [wish.seed for wish in wishes for _ in wish.prompts]

    def show(scale: int, motions: Sequence[Motion]) -> None:
        for index, part in enumerate(_split(wishes, motions)):
            for motion in part:
                context.preview(index, _preview(engine, scale, motion))

    motions, timings = engine.draw(prompts, seeds, how, show if wishes[0].preview else None)
    known = {name: round(seconds, 4) for name, seconds in timings.items()}
    return [_payload(part, timings=known) for part in _split(wishes, motions)]


def _split(wishes: Sequence[_Wish], motions: Sequence[Motion]) -> list[list[Motion]]:
    left = list(motions)
    return [[left.pop(0) for _ in range(wish.clips)] for wish in wishes]


def _preview(engine: Engine, scale: int, motion: Motion) -> bytes:
    head = {"scale": scale, "scales": engine.scales}
    head |= {"sample": motion.meta.get("sample", 0), "prompt": motion.meta.get("prompt", "")}
    return joined_object(head, {"motion": motion_json(motion)})


def _timeline_task(engine: Engine, limits: Limits, body: Generate, how: Drawing) -> Task:
    if body.preview or body.scales is not None or body.candidates is not None:
        raise ApiError("invalid_options", "preview, scales and candidates have no meaning for segments.")
    timeline = parsed_timeline(body.segments, limits)
    if body.samples > limits.max_samples:
        raise ApiError("invalid_options", f"{body.samples} samples; at most {limits.max_samples} are made at once.")

    def run(_context: Context) -> Payload:
        motions, _, notes = engine.along(timeline, body.seed, how)
        return _payload(motions, notes=notes)

    return Task("timeline", engine.units(body.samples, timeline.seconds), run)


def parsed_timeline(segments: Any, limits: Limits) -> Timeline:
    """The timeline of some segments; ``invalid_options`` for one that is too long."""
    timeline = parse_timeline({"segments": segments}, where="segments")
    if timeline.seconds > limits.max_seconds:
        raise ApiError(
            "invalid_options", f"a motion of {timeline.seconds:g} seconds; at most {limits.max_seconds:g} are made."
        )
    return timeline


def checked_prompt(prompt: str, limits: Limits) -> str:
    """The prompt, checked; ``invalid_options`` for one that is empty or too long."""
    if len(prompt) > limits.max_prompt_length:
        raise ApiError(
            "invalid_options", f"a prompt of {len(prompt)} characters; at most {limits.max_prompt_length} are read."
        )
    return check_prompt(prompt)


def _payload(
    motions: Sequence[Motion], notes: Sequence[str] = (), timings: Mapping[str, float] | None = None
) -> Payload:
    head = {"notes": list(notes), "seeds": [motion.meta.get("seed") for motion in motions]}
    head["timings"] = dict(timings or {})
    return Payload(joined_object(head, {"motions": joined_list([motion_json(motion) for motion in motions])}))
