"""Routes of MMCP: ``/capabilities``, ``/generate`` at once, as a job or in a batch, and polling and cancelling jobs."""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinescale.core.errors import KinescaleError
from kinescale.server.body import parsed_object, read_bytes
from kinescale.server.errors import ApiError, as_api_error, schema_error
from kinescale.server.jobs import MEDIA_JSON, Context, Job, Payload, Task
from kinescale.server.mmcp import schema
from kinescale.server.mmcp.capabilities import capabilities
from kinescale.server.mmcp.checks import Asked, check, check_version
from kinescale.server.mmcp.gltf import BINARY_TYPE, JSON_TYPE, answer, batch_answer
from kinescale.server.mmcp.making import Made, drawing_of, drawn, finished, plain_prompt
from kinescale.server.service import Service, service_of
from kinescale.server.waiting import wait_for

router = APIRouter(tags=["MMCP"])

IDEMPOTENT_S, MAX_KEYS, MAX_KEY = 300.0, 1000, 256
BATCH_S = 600.0
_CLOSED = {"invalid_motion": "invalid_request", "unknown_job": "invalid_request"}
"""Codes of ours that the protocol's closed list does not have."""

_SCHEMA = schema.Request.model_json_schema(ref_template="#/components/schemas/{model}")
_BODY = {"requestBody": {"required": True, "content": {MEDIA_JSON: {"schema": _SCHEMA}}}}


@router.get("/capabilities")
async def describe(request: Request) -> Response:
    """Models, skeletons and limits."""
    service = service_of(request)
    return JSONResponse(capabilities(service.engine, service.settings))


@router.post("/generate", openapi_extra=_BODY)
async def generate(request: Request) -> Response:
    """Motions for a character: a glTF document, or 202 and a job where it takes long."""
    service = service_of(request)
    limits = service.settings.limits
    data = await read_bytes(request, limits.max_request_bytes)
    body = parsed_object(data)
    if "requests" in body:
        return await _batch(request, service, body)
    try:
        job = _resumed(service, request, data) or _submitted(service, request, body, data)
    except KinescaleError as problem:
        raise _closed(problem) from None
    prefers = "respond-async" in request.headers.get("prefer", "")
    over = await wait_for(service.scheduler, job, request, 0.0 if prefers else service.settings.sync_s)
    if not over:
        return _waiting(service, job)
    if "idempotency-key" not in request.headers:
        # the answer is all that anyone will ask for
        service.scheduler.forget(job)
    return _ended(job)


@router.get("/generate/jobs/{number}")
async def poll(request: Request, number: str) -> Response:
    """A job: its document once it is done, 202 until then."""
    service = service_of(request)
    job = _job(service, number)
    return _ended(job) if job.over else _waiting(service, job)


@router.delete("/generate/jobs/{number}", status_code=204)
async def cancel(request: Request, number: str) -> Response:
    """Cancel a job."""
    service = service_of(request)
    service.scheduler.forget(_job(service, number))
    return Response(status_code=204)


def _job(service: Service, number: str) -> Job:
    try:
        return service.scheduler.get(number)
    except ApiError as problem:
        raise _closed(problem) from None


def _closed(error: KinescaleError) -> ApiError:
    """The error with a code of the protocol."""
    problem = as_api_error(error)
    code = _CLOSED.get(problem.code, problem.code)
    if code == problem.code:
        return problem
    return ApiError(code, problem.message, problem.details, status=problem.status, retry_s=problem.retry_s)


def _ended(job: Job) -> Response:
    if job.error is not None:
        raise _closed(job.error)
    assert job.payload is not None
    return Response(job.payload.body, 200, dict(job.payload.headers), job.payload.media_type)


def _waiting(service: Service, job: Job) -> Response:
    scheduler = service.scheduler
    left = max(1, math.ceil(min(30.0, scheduler.predicted_s(job.task) / 2)))
    headers = {"Location": f"/generate/jobs/{job.id}", "Retry-After": str(left)}
    return JSONResponse({"job_id": job.id, "submitted_at": round(job.submitted_at, 3)}, 202, headers)


# Submitting


def _submitted(service: Service, request: Request, body: dict[str, Any], data: bytes) -> Job:
    asked = check(service.engine, service.settings, body, len(data))
    binary = _prefers_binary(request.headers.get("accept", ""))
    job = service.scheduler.submit(task_of(service, asked, binary=binary))
    key = request.headers.get("idempotency-key")
    if key:
        _remember(request, key, data, job)
    return job


def task_of(service: Service, asked: Asked, *, binary: bool) -> Task:
    """The task of a checked request; plain prompts of one shape can be drawn together."""
    engine = service.engine
    how, plain = drawing_of(engine, asked), plain_prompt(engine, asked)
    canonical = engine.bundle.feature.skeleton

    def run(_context: Context) -> Payload:
        return answer(asked, finished(engine, asked, drawn(engine, asked)), canonical, binary=binary)

    def together(tasks: Sequence[Task], context: Context) -> list[Payload]:
        wishes = [task.request for task in tasks]
        motions, _ = engine.draw([wish[1][0] for wish in wishes], [wish[1][1] for wish in wishes], how)
        left, made = list(motions), []
        for own, _, is_binary in wishes:
            context.check()
            clips = [left.pop(0) for _ in range(how.samples)]
            done = finished(engine, own, Made(clips, [() for _ in clips]))
            made.append(answer(own, done, canonical, binary=is_binary))
        return made

    constrained = bool(asked.request.constraints)
    units = engine.units(how.samples, how.seconds)
    kind = "mmcp_constrained" if constrained else "mmcp"
    if plain is None:
        return Task(kind, units, run)
    settings = (repr(sorted((how.sampling or {}).items())), how.candidates, repr(how.post_process))
    key = (kind, how.seconds, how.samples, *settings)
    return Task(kind, units, run, key, together, (asked, plain, binary))


def _prefers_binary(accept: str) -> bool:
    """Whether GLB is the best-ranked type of an ``Accept`` header; JSON wins a tie."""
    ranks = {JSON_TYPE: 0.0, BINARY_TYPE: 0.0}
    for part in accept.split(",")[:20]:
        name, *more = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in more if word.startswith("q=")), "1")
        try:
            value = min(1.0, max(0.0, float(quality)))
        except ValueError:
            value = 0.0
        for kind in (JSON_TYPE, "application/json") if name in ("application/json", JSON_TYPE) else (name,):
            if kind in ranks:
                ranks[kind] = max(ranks[kind], value)
        if name in ("*/*", "model/*"):
            ranks[JSON_TYPE] = max(ranks[JSON_TYPE], value)
    return ranks[BINARY_TYPE] > ranks[JSON_TYPE]


# The same request again


def _keys(request: Request) -> OrderedDict[str, tuple[float, str, str]]:
    """Idempotency keys -> when, the body's hash, and the job."""
    state = request.app.state
    if not hasattr(state, "idempotency"):
        state.idempotency = OrderedDict()
    return state.idempotency


def _resumed(service: Service, request: Request, data: bytes) -> Job | None:
    """The job of an earlier request with the same idempotency key; 409 where that had another body."""
    key = request.headers.get("idempotency-key")
    keys = _keys(request)
    if not key:
        return None
    if len(key) > MAX_KEY:
        raise ApiError("invalid_request", f"the idempotency key is longer than {MAX_KEY} characters.")
    found = keys.get(key)
    if found is None or time.monotonic() - found[0] > IDEMPOTENT_S:
        return None
    if found[1] != _digest(request, data):
        raise ApiError("invalid_request", "the idempotency key was used for another request.", status=409)
    job = service.scheduler.jobs.get(found[2])
    return job if job is not None and job.state in ("queued", "running", "done") else None


def _remember(request: Request, key: str, data: bytes, job: Job) -> None:
    keys = _keys(request)
    keys[key] = (time.monotonic(), _digest(request, data), job.id)
    keys.move_to_end(key)
    while len(keys) > MAX_KEYS:
        keys.popitem(last=False)


def _digest(request: Request, data: bytes) -> str:
    return hashlib.sha256(request.headers.get("accept", "").encode() + b"\n" + data).hexdigest()


# Batches


async def _batch(request: Request, service: Service, body: dict[str, Any]) -> Response:
    """Each item by itself: what is wrong with one does not touch the others."""
    items = body["requests"]
    check_version(body.get("protocol_version"))
    if not isinstance(items, list) or not items or len(body) > 2:
        message = "expected protocol_version and requests, a list of at least one request"
        raise schema_error([{"type": "value_error", "loc": ("requests",), "msg": message}])
    most = service.settings.limits.max_batch_size
    if len(items) > most:
        details = {"max_batch_size": most, "requests": len(items)}
        raise ApiError("invalid_options", f"a batch of {len(items)} requests; at most {most}.", details)
    jobs = [_item(service, item, body["protocol_version"]) for item in items]
    try:
        await wait_for(service.scheduler, [job for job in jobs if isinstance(job, Job)], request, BATCH_S)
    finally:
        for job in jobs:
            if isinstance(job, Job):
                service.scheduler.forget(job)
    results = [(None, job.body) if isinstance(job, ApiError) else _result(job) for job in jobs]
    return Response(batch_answer(results), 200, {"Idempotency-Status": "declined"}, MEDIA_JSON)


def _item(service: Service, item: Any, version: str) -> Job | ApiError:
    try:
        if not isinstance(item, dict):
            raise schema_error([{"type": "dict_type", "loc": (), "msg": "the request should be an object"}])
        asked = check(service.engine, service.settings, {"protocol_version": version, **item}, 0)
        return service.scheduler.submit(task_of(service, asked, binary=False))
    except KinescaleError as problem:
        return _closed(problem)


def _result(job: Job) -> tuple[Payload | None, dict[str, Any] | None]:
    error = job.error or ApiError("timeout", "the batch took too long.")
    return (job.payload, None) if job.payload is not None else (None, _closed(error).body)
