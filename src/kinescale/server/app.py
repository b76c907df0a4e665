"""The application: routes, errors, the studio's files, and the scheduler's life, inside the gate."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

import kinescale
from kinescale.bundle.bundle import Bundle
from kinescale.core.errors import KinescaleError
from kinescale.server.engine import Engine
from kinescale.server.errors import ApiError, as_api_error, schema_error
from kinescale.server.gate import Gate
from kinescale.server.metrics import Metrics
from kinescale.server.mmcp.routes import router as mmcp
from kinescale.server.pages import page_folder
from kinescale.server.scheduler import Scheduler
from kinescale.server.service import Service, service_of
from kinescale.server.settings import Settings
from kinescale.server.v1.routes import router as v1

MMCP_PATHS = ("/capabilities", "/generate")

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": ["object", "null"]},
            },
        }
    },
}


def create_app(bundle: Bundle, settings: Settings | None = None) -> Gate:
    """The server's ASGI application for a bundle.

    Example
    -------
    >>> from kinescale import Bundle
    >>> from kinescale.server import create_app
    >>> app = create_app(Bundle.from_pretrained())
    """
    settings = settings or Settings()
    metrics = Metrics()
    scheduler = Scheduler(settings, metrics)
    service = Service(settings, Engine(bundle), scheduler, metrics)

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        scheduler.start()
        yield
        await scheduler.stop()

    app = FastAPI(title="Kinescale", version=kinescale.__version__, lifespan=life, docs_url=None, redoc_url=None)
    app.state.service = service
    metrics.gauge("queued_jobs", lambda: len(scheduler.queue))
    metrics.gauge("running_jobs", lambda: sum(map(len, scheduler.running)))
    metrics.gauge("predicted_wait_seconds", scheduler.wait_s)
    _handle_errors(app)
    app.include_router(v1)
    app.include_router(mmcp)
    app.add_api_route("/health", health, methods=["GET"], tags=["state"])
    app.add_api_route("/metrics", prometheus, methods=["GET"], tags=["state"])
    describe_errors(app)
    if (page := page_folder()) is not None:
        app.mount("/", StaticFiles(directory=page, html=True), name="studio")
    return Gate(app, settings, metrics)


async def health(request: Request) -> Response:
    """Whether the server takes work, and how much waits."""
    scheduler = service_of(request).scheduler
    state = "draining" if scheduler.draining else "ready"
    known = {"status": state, "retargeting": "ready", "queued": len(scheduler.queue), "running": len(scheduler.running)}
    return JSONResponse({**known, "predicted_wait_s": round(scheduler.wait_s(), 3)})


async def prometheus(request: Request) -> Response:
    """Metrics for Prometheus."""
    return Response(service_of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _handle_errors(app: FastAPI) -> None:
    """Every error that the framework or a route raises becomes an envelope."""

    async def of_framework(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        named = {404: "not_found", 405: "method_not_allowed"}
        code = named.get(problem.status_code, "invalid_request" if problem.status_code < 500 else "internal_error")
        said = {
            "not_found": f"there is nothing at {request.url.path[:200]}.",
            "method_not_allowed": f"{request.method[:10]} is not for {request.url.path[:200]}.",
        }
        message = said.get(code, str(problem.detail))
        if request.url.path.startswith(MMCP_PATHS) and problem.status_code < 500:
            # the protocol's list of codes is closed
            code = "invalid_request"
        error = ApiError(code, message, status=problem.status_code)
        return envelope(error, dict(problem.headers or {}))

    async def of_parameters(_request: Request, problem: Exception) -> Response:
        assert isinstance(problem, RequestValidationError)
        return envelope(schema_error([{**one, "loc": one["loc"]} for one in problem.errors()]))

    async def of_ours(_request: Request, problem: Exception) -> Response:
        return envelope(as_api_error(problem))

    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(RequestValidationError, of_parameters)
    app.add_exception_handler(KinescaleError, of_ours)


def envelope(error: ApiError, headers: dict[str, str] | None = None) -> Response:
    """An error as an answer."""
    return JSONResponse({"error": error.body}, error.status, {**(headers or {}), **error.headers})


def describe_errors(app: FastAPI) -> None:
    """Put the envelope, and the components of bodies, into the description of the interface."""
    made = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        found = made()
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        schemas["Error"] = ERROR_SCHEMA
        answer = {"description": "error", "content": {"application/json": {"schema": {"$ref": _reference("Error")}}}}
        for path in found["paths"].values():
            for operation in path.values():
                _hoist(operation, schemas)
                operation["responses"].pop("422", None)
                operation["responses"] |= {"4XX": answer, "5XX": answer}
        return found

    app.openapi = described  # type: ignore[method-assign]


def _hoist(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move the definitions of a body's schema to the document's components."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schemas.update(content["schema"].pop("$defs", {}))


def _reference(name: str) -> str:
    return f"#/components/schemas/{name}"
