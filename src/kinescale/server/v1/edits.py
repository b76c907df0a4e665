"""Edits and control under ``/v1``: any task of the edit family from its options as JSON, and constraints as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from kinescale.core.family import Family
from kinescale.motion.motion import Motion
from kinescale.pipelines import Controlled, ControlOptions, Edited, EditOptions, EditRegion
from kinescale.pipelines.control.constraints import parse_constraints
from kinescale.pipelines.control.controller import step_count
from kinescale.pipelines.editing.region import Span, parse_seconds
from kinescale.pipelines.editing.tasks.loop import Looped, LoopOptions
from kinescale.server.engine import Engine, check_seed
from kinescale.server.errors import ApiError
from kinescale.server.jobs import Context, Payload, Task
from kinescale.server.motion_json import joined_list, joined_object, motion_json, read_motion_json, wrong
from kinescale.server.settings import Limits
from kinescale.server.v1.bodies import Control, EditHow, TaskOptions
from kinescale.server.v1.generation import checked_prompt

TASKS = Family("kinescale.pipelines.editing.tasks", "edit task")

OWN = {"pipeline", "motion", "first", "second", "options"}
"""Parameters of a task that are no option of their own."""

REGION = ("frames", "range", "parts", "keep_scales")
"""Options that make up the parameter ``region``."""

ROUND = tuple(field.name for field in dataclasses.fields(LoopOptions))
"""Options that make up the parameter ``loop``."""

GROUPS = {"region": REGION, "loop": ROUND}
"""Parameter of a task that is a record -> the options that it is made of."""

PLACE, CYCLE = GROUPS


def motion_names(task: str) -> tuple[str, ...]:
    """The keys of a body that hold the task's motions."""
    known = TASKS.parameters(task, "run")
    return ("first", "second") if "second" in known else ("motion",)


def task_options(task: str) -> dict[str, bool]:
    """The options of a task, and whether each is required."""
    found: dict[str, bool] = {}
    for name, needed in TASKS.parameters(task, "run").items():
        if name in OWN:
            continue
        spread = GROUPS.get(name)
        found |= {name: needed} if spread is None else dict.fromkeys(spread, False)
    return found


def edit_task(
    engine: Engine, limits: Limits, task: str, motions: Sequence[Motion], options: TaskOptions, how: EditHow
) -> Task:
    """The task of an edit; ``ApiError`` for an option that the edit does not have, or one that it needs."""
    name = TASKS.check(task)
    check_seed(how.seed)
    engine.check_sampling(how.sampling)
    if how.samples > limits.max_samples:
        raise ApiError("invalid_options", f"{how.samples} samples; at most {limits.max_samples} are made at once.")
    inputs = _inputs(name, motions[0], options, limits)
    seconds = sum(motion.duration_s for motion in motions) + float(options.seconds or 0)
    seconds *= options.rounds or 1
    if seconds > 2 * limits.max_seconds:
        raise ApiError("invalid_options", f"a motion of {seconds:.0f} seconds; that is too long to be edited here.")
    settings = EditOptions(how.samples, how.seed, how.sampling, anchor_end=how.anchor_end)
    if how.blend is not None:
        settings = dataclasses.replace(settings, blend=how.blend)

    def run(_context: Context) -> Payload:
        made = TASKS.get(name, "run")(engine.editor, *motions, **inputs, options=settings)
        return _edited(made)

    return Task("edit", engine.units(how.samples, seconds), run)


def _inputs(task: str, clip: Motion, options: TaskOptions, limits: Limits) -> dict[str, Any]:
    """The task's arguments besides its motions."""
    given = {key: value for key, value in options.model_dump().items() if value is not None}
    known = task_options(task)
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ApiError("invalid_options", f"'{task}' has no option {name}; it has: {listed}.", {"option": name})
    for name, needed in known.items():
        if needed and name not in given:
            raise ApiError("invalid_options", f"'{task}' needs the option {name}.", {"option": name})
    if "prompt" in given:
        several = isinstance(given["prompt"], list)
        prompts = [checked_prompt(one, limits) for one in (given["prompt"] if several else [given["prompt"]])]
        given["prompt"] = prompts if several else prompts[0]
    if "source_prompt" in given:
        given["source_prompt"] = checked_prompt(given["source_prompt"], limits)
    parameters = TASKS.parameters(task, "run")
    if CYCLE in parameters:
        given[CYCLE] = LoopOptions(**{name: given.pop(name) for name in ROUND if name in given})
    return _with_region(task, clip, given, parameters) if PLACE in parameters else given


def _with_region(task: str, clip: Motion, given: dict[str, Any], parameters: Mapping[str, bool]) -> dict[str, Any]:
    """The arguments with where the edit is as one ``EditRegion``."""
    if "frames" in given and "range" in given:
        raise ApiError("invalid_options", "frames and range say the same twice; give one.")
    if parameters[PLACE] and not {"frames", "range"} & set(given):
        raise ApiError("invalid_options", f"'{task}' needs to know where: frames or range.")
    spans = [(int(first), int(last)) for first, last in _pairs(given.pop("frames", None), "frames")]
    for first, last in _pairs(given.pop("range", None), "range"):
        spans.append(parse_seconds(f"{first}:{last}", clip.fps, len(clip)))
    more = {name: given.pop(name) for name in ("parts", "keep_scales") if name in given}
    if isinstance(given.get("prompt"), list):
        if len(given["prompt"]) != len(spans):
            raise ApiError("invalid_options", f"{len(given['prompt'])} prompts for {len(spans)} spans; one for each.")
        given["prompt"] = [prompt for _, prompt in sorted(zip(spans, given["prompt"], strict=True))]
    return {**given, PLACE: EditRegion.of(clip, frames=spans or None, **more)}


def _pairs(value: Any, name: str) -> list[list[Any]]:
    pairs = [] if value is None else value if isinstance(value[0], list) else [value]
    if any(len(pair) != 2 for pair in pairs):
        raise ApiError("invalid_options", f"{name} holds something else than a first and a last.", {"option": name})
    return pairs


def _edited(made: Edited) -> Payload:
    head: dict[str, Any] = {
        "notes": list(made.notes),
        "spans": [list(span) for span in made.spans],
        "seams": [[{"blend_frames": one.frames, "peak_m_s2": one.peak_m_s2} for one in clip] for clip in made.blends],
        "kept_share": list(made.kept_share) if made.kept else None,
    }
    if isinstance(made, Looped):
        head["offsets"] = [{"yaw": float(one.yaw), "shift": list(one.shift)} for one in made.offsets]
    return Payload(joined_object(head, {"motions": joined_list([motion_json(motion) for motion in made.motions])}))


def control_task(engine: Engine, limits: Limits, body: Control, clip: Motion | None, constraints: Any) -> Task:
    """The task of ``/v1/control``."""
    check_seed(body.seed)
    step_count(body.steps)
    engine.check_sampling(body.sampling)
    prompt = None if body.prompt is None else checked_prompt(body.prompt, limits)
    if clip is None and (prompt is None or body.frames is not None):
        raise ApiError("invalid_request", "give a motion, or a prompt; frames are those of a motion.")
    if clip is not None and body.seconds is not None:
        raise ApiError("invalid_request", "seconds is the length of a motion that is sampled; leave it out.")
    if body.samples > limits.max_samples:
        raise ApiError("invalid_options", f"{body.samples} samples; at most {limits.max_samples} are made at once.")
    seconds = 4.0 if body.seconds is None else body.seconds
    fps, frames = (engine.fps, engine.generator.frames(seconds)) if clip is None else (clip.fps, len(clip))
    wanted = parse_constraints(_with_poses(constraints, limits), fps, frames, folder=None)
    options = ControlOptions(body.samples, body.seed, body.steps, body.refine, sampling=body.sampling)
    span: Span | None = None if body.frames is None else (body.frames[0], body.frames[1])

    def run(_context: Context) -> Payload:
        if clip is None:
            return _controlled(engine.controller.generate(str(prompt), wanted, seconds, options=options))
        return _controlled(engine.controller.control(clip, wanted, prompt, frames=span, options=options))

    return Task("control", engine.units(body.samples, frames / fps), run)


def _with_poses(constraints: Any, limits: Limits) -> Any:
    """The JSON of constraints with each pose's motion object read."""
    entries = constraints.get("constraints") if isinstance(constraints, dict) else None
    if not isinstance(entries, list):
        raise wrong("constraints", 'expected {"constraints": [...]}')
    if len(entries) > limits.max_constraints:
        raise ApiError("invalid_options", f"{len(entries)} constraints; at most {limits.max_constraints}.")
    read = [
        {**entry, "pose": read_motion_json(entry["pose"], f"constraints.constraints.{i}.pose", limits.max_frames)}
        if isinstance(entry, dict) and isinstance(entry.get("pose"), dict)
        else entry
        for i, entry in enumerate(entries)
    ]
    return {**constraints, "constraints": read}


def _controlled(made: Controlled) -> Payload:
    head = {
        "notes": list(made.notes),
        "frames": list(made.span),
        "errors": [[dataclasses.asdict(one) for one in clip.errors] for clip in made.clips],
        "steps": [clip.steps for clip in made.clips],
        "why": [clip.why for clip in made.clips],
    }
    return Payload(joined_object(head, {"motions": joined_list([motion_json(motion) for motion in made.motions])}))
