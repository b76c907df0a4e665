"""Routes under ``/v1``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from kinescale import skeletons
from kinescale.motion.motion import Motion
from kinescale.server.body import read_bytes, read_object, validated
from kinescale.server.errors import ApiError
from kinescale.server.jobs import MEDIA_JSON, Job, Payload, Task, event_text
from kinescale.server.motion_json import SCHEMA, read_motion_json, read_skeleton_json, wrong
from kinescale.server.service import Service, service_of
from kinescale.server.v1 import bodies
from kinescale.server.v1.about import about
from kinescale.server.v1.analysis import describe_task, scales_task, tokens_task
from kinescale.server.v1.conversion import Wanted, motion_task, upload_task
from kinescale.server.v1.edits import control_task, edit_task, motion_names
from kinescale.server.v1.generation import generation_task
from kinescale.server.waiting import wait_for
from kinescale.skeletons.base import Skeleton

router = APIRouter(prefix="/v1", tags=["v1"])

MAX_WAIT_S = 60.0
KEEP_ALIVE_S = 10.0
CONVERT_S = 600.0

Wait = Query(default=0.0, ge=0, le=MAX_WAIT_S, description="seconds to wait for the job's end")


def takes(model: type[BaseModel], *motions: str, **more: Any) -> dict[str, Any]:
    """``openapi_extra`` of a route whose body is a record and motions."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["properties"] = {**schema.get("properties", {}), **dict.fromkeys(motions, SCHEMA), **more}
    schema["required"] = [*schema.get("required", []), *motions]
    content = {MEDIA_JSON: {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


@router.get("/bundle")
async def bundle(request: Request) -> Response:
    """What this server can do."""
    service = service_of(request)
    return JSONResponse(about(service.engine, service.settings))


# Jobs


@router.get("/jobs/{number}")
async def job_state(request: Request, number: str, wait: float = Wait) -> Response:
    """A job, with its result once it is done."""
    service = service_of(request)
    job = service.scheduler.get(number)
    await wait_for(service.scheduler, job, request, wait, owner=False)
    return _job(job, 200)


@router.delete("/jobs/{number}", status_code=204)
async def cancel(request: Request, number: str) -> Response:
    """Cancel and forget a job."""
    service = service_of(request)
    service.scheduler.forget(service.scheduler.get(number))
    return Response(status_code=204)


@router.get("/jobs/{number}/events")
async def events(request: Request, number: str, after: int = Query(default=0, ge=0, le=2**31)) -> Response:
    """The job's events as they come (``text/event-stream``)."""
    service = service_of(request)
    job = service.scheduler.get(number)
    last = request.headers.get("last-event-id", "")
    start = int(last) if last.isdecimal() and len(last) < 10 else after
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(service, job, start), media_type="text/event-stream", headers=headers)


async def _stream(service: Service, job: Job, sent: int) -> AsyncIterator[bytes]:
    while True:
        for event in job.events[sent:]:
            yield event_text(event.name, event.data, event.number)
            sent = event.number
        if job.over:
            # a job that is over is kept: its reader may come back for the last event
            yield event_text(job.state, job.json(), len(job.events) + 1)
            return
        service.scheduler.touch(job)
        try:
            await asyncio.wait_for(job.changed(), KEEP_ALIVE_S)
        except TimeoutError:
            yield b": keep-alive\n\n"


async def answered(request: Request, task: Task, wait: float, max_wait_s: float | None) -> Response:
    """Submit a task; 202 with the job, or 200 when it ends while the client waits: then nothing of it is kept."""
    service = service_of(request)
    job = service.scheduler.submit(task, max_wait_s)
    over = await wait_for(service.scheduler, job, request, wait)
    if not over:
        return _job(job, 202, {"Location": f"/v1/jobs/{job.id}"})
    # the client has what it asked for
    service.scheduler.forget(job)
    if job.error is not None:
        raise job.error
    return _job(job, 200)


def _job(job: Job, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(job.json(), status, headers, MEDIA_JSON)


# What can be asked for


@router.post("/generate", openapi_extra=takes(bodies.Generate), status_code=202)
async def generate(request: Request, wait: float = Wait) -> Response:
    """Motions from prompts, or one from a timeline of segments."""
    service = service_of(request)
    fields = await _fields(request)
    body = validated(bodies.Generate, fields)
    return await answered(
        request, generation_task(service.engine, service.settings.limits, body), wait, body.max_wait_s
    )


@router.post("/edit", openapi_extra=takes(bodies.Edit, motion=SCHEMA, first=SCHEMA, second=SCHEMA), status_code=202)
async def edit(request: Request, wait: float = Wait) -> Response:
    """Any edit task, by its name."""
    service = service_of(request)
    fields = await _fields(request)
    motions = _motions(service, fields, ("motion", "first", "second"))
    body = validated(bodies.Edit, fields)
    clips = _of_task(motions, body.task)
    task = edit_task(service.engine, service.settings.limits, body.task, clips, body.options, body)
    return await answered(request, task, wait, body.max_wait_s)


async def _named(request: Request, name: str, wait: float) -> Response:
    """An edit task whose options stand in the body itself."""
    service = service_of(request)
    fields = await _fields(request)
    motions = _of_task(_motions(service, fields, motion_names(name)), name)
    body = validated(bodies.NamedEdit, fields)
    options = bodies.TaskOptions.model_validate({key: getattr(body, key) for key in bodies.TaskOptions.model_fields})
    task = edit_task(service.engine, service.settings.limits, name, motions, options, body)
    return await answered(request, task, wait, body.max_wait_s)


@router.post("/extend", openapi_extra=takes(bodies.NamedEdit, "motion"), status_code=202)
async def extend(request: Request, wait: float = Wait) -> Response:
    """A clip with seconds more after it, or before it."""
    return await _named(request, "extend", wait)


@router.post("/loop", openapi_extra=takes(bodies.NamedEdit, "motion"), status_code=202)
async def loop(request: Request, wait: float = Wait) -> Response:
    """A cycle of a clip."""
    return await _named(request, "loop", wait)


@router.post("/compose", openapi_extra=takes(bodies.NamedEdit, "first", "second"), status_code=202)
async def compose(request: Request, wait: float = Wait) -> Response:
    """Parts of the body of one clip with the rest of another."""
    return await _named(request, "compose", wait)


@router.post(
    "/control", openapi_extra=takes(bodies.Control, constraints={"type": "object"}, motion=SCHEMA), status_code=202
)
async def control(request: Request, wait: float = Wait) -> Response:
    """A motion that keeps constraints: a new one, or a clip changed until it does."""
    service = service_of(request)
    fields = await _fields(request)
    motions = _motions(service, fields, ("motion",))
    constraints = fields.pop("constraints", None)
    body = validated(bodies.Control, fields)
    task = control_task(service.engine, service.settings.limits, body, motions.get("motion"), constraints)
    return await answered(request, task, wait, body.max_wait_s)


@router.post("/describe", openapi_extra=takes(bodies.Describe, "motion"), status_code=202)
async def describe(request: Request, wait: float = Wait) -> Response:
    """A motion in words and figures."""
    body, motion = await _one_motion(request, bodies.Describe)
    return await answered(request, describe_task(motion, body.detail), wait, body.max_wait_s)


@router.post("/scales", openapi_extra=takes(bodies.Common, "motion"), status_code=202)
async def scales(request: Request, wait: float = Wait) -> Response:
    """A motion as each scale holds it, coarse to fine."""
    body, motion = await _one_motion(request, bodies.Common)
    return await answered(request, scales_task(service_of(request).engine, motion), wait, body.max_wait_s)


@router.post("/tokens", openapi_extra=takes(bodies.Common, "motion"), status_code=202)
async def tokens(request: Request, wait: float = Wait) -> Response:
    """The tokens of a motion."""
    body, motion = await _one_motion(request, bodies.Common)
    return await answered(request, tokens_task(service_of(request).engine, motion), wait, body.max_wait_s)


# Files

_UPLOAD = takes(bodies.Convert, "motion", skeleton={"anyOf": [{"type": "string"}, SCHEMA["properties"]["skeleton"]]})
_UPLOAD["requestBody"]["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}


@router.post("/convert", openapi_extra=_UPLOAD)
async def convert(request: Request, given: Annotated[bodies.ConvertQuery, Query()]) -> Response:
    """A file to a motion, or a motion to a file, on the way perhaps to another skeleton."""
    service = service_of(request)
    limits = service.settings.limits
    if request.headers.get("content-type", "").split(";")[0].strip() == MEDIA_JSON and not given.suffix:
        task, max_wait_s = await _conversion(request, service)
    else:
        data = await read_bytes(request, limits.max_upload_bytes)
        skeleton = None if given.skeleton is None else skeletons.get(given.skeleton)
        animation: int | str | None = given.animation
        if given.animation is not None and given.animation.isdecimal():
            animation = int(given.animation)
        reading = {"up": given.up, "unit_m": given.unit_m, "fps": given.fps_in, "animation": animation}
        task = upload_task(data, given.suffix, reading, Wanted(given.to, skeleton, given.fps), limits.max_frames)
        max_wait_s = None
    job = service.scheduler.submit(task, max_wait_s)
    await wait_for(service.scheduler, job, request, CONVERT_S)
    service.scheduler.forget(job)
    if job.error is not None or job.payload is None:
        raise job.error or ApiError("timeout", "the conversion took too long.")
    return answer(job.payload)


async def _conversion(request: Request, service: Service) -> tuple[Task, float | None]:
    fields = await _fields(request)
    motions = _motions(service, fields, ("motion",))
    given = fields.pop("skeleton", None)
    body = validated(bodies.Convert, fields)
    if "motion" not in motions:
        raise wrong("motion", "missing")
    skeleton: Skeleton | None = None
    if isinstance(given, str):
        skeleton = skeletons.get(given)
    elif given is not None:
        skeleton = read_skeleton_json(given, "skeleton")
    return motion_task(motions["motion"], Wanted(body.to, skeleton, body.fps, body.roles)), body.max_wait_s


def answer(payload: Payload) -> Response:
    """A payload as it is."""
    return Response(payload.body, 200, dict(payload.headers), payload.media_type)


# Parts of a body


async def _fields(request: Request) -> dict[str, Any]:
    return await read_object(request, service_of(request).settings.limits.max_upload_bytes)


def _motions(service: Service, fields: dict[str, Any], names: Sequence[str]) -> dict[str, Motion]:
    """The motions of a body, taken out of it."""
    most = service.settings.limits.max_frames
    given = {name: fields.pop(name) for name in names if name in fields}
    return {name: read_motion_json(value, name, most) for name, value in given.items() if value is not None}


def _of_task(motions: Mapping[str, Motion], task: str) -> list[Motion]:
    names = motion_names(task)
    for name in {*names, *motions}:
        if (name in names) != (name in motions):
            raise wrong(name, "missing" if name in names else f"the task takes {' and '.join(names)}")
    return [motions[name] for name in names]


async def _one_motion(request: Request, model: type[bodies.Common]) -> tuple[Any, Motion]:
    fields = await _fields(request)
    motions = _motions(service_of(request), fields, ("motion",))
    body = validated(model, fields)
    if "motion" not in motions:
        raise wrong("motion", "missing")
    return body, motions["motion"]
