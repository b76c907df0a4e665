"""Gate: what every request passes. Request id, access, number of requests, errors as envelopes, log and metrics.

A plain ASGI wrapper, outside of the framework's own handlers: no answer can leave without an envelope, and bodies and
disconnects go through unchanged.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinescale.server.errors import ApiError, as_api_error
from kinescale.server.metrics import Metrics
from kinescale.server.settings import Settings

log = logging.getLogger("kinescale.server")

OPEN_PATHS = frozenset({"/health", "/openapi.json"})
API_PATHS = ("/v1/", "/capabilities", "/generate", "/metrics")
"""Beginnings of the paths that need the token; everything else is the studio's files."""

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ID = re.compile(r"[\w.-]{1,64}")
EXPOSED = "Location, Retry-After, X-Request-ID, X-Kinescale-Notes, X-Kinescale-License, Content-Disposition"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Gate:
    """ASGI application around another one."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics):
        self.app, self.settings, self.metrics = app, settings, metrics
        self.active = 0
        metrics.gauge("active_requests", lambda: self.active)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass on what is none (the start and end of the server)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        passage = _Passage(scope, send, self._cors(_headers(scope)))
        self.active += 1
        try:
            if not self._preflight(scope):
                self._check(scope)
                await self.app(scope, receive, passage.send)
            else:
                await passage.plain(204, b"")
        except ClientDisconnect:
            passage.status = passage.status or 499
        except Exception as problem:
            await self._failed(problem, passage)
        finally:
            self.active -= 1
            self._record(scope, passage)

    async def _failed(self, problem: Exception, passage: _Passage) -> None:
        error = as_api_error(problem)
        if error.status == 500:
            log.error("request failed", exc_info=problem, extra={"request_id": passage.id})
        if passage.status is None:
            await passage.error(error)

    # Access

    def _check(self, scope: Scope) -> None:
        headers, path = _headers(scope), scope["path"]
        if self.active > self.settings.max_connections:
            raise ApiError("resource_exhausted", "too many requests are being answered.", retry_s=1.0)
        host = headers.get("host", "")
        if self.settings.loopback and re.sub(r":\d+$", "", host).lower() not in LOCAL_NAMES:
            # a page that lets its own name point to this machine
            raise ApiError("forbidden", "this server answers to localhost only.")
        origin = headers.get("origin")
        if origin is not None and not self._known(origin, host):
            raise ApiError("forbidden", "pages of this origin may not call; name it with --allow-origin.")
        if self.settings.token and path not in OPEN_PATHS and _is_api(path):
            given = headers.get("authorization", "")
            wanted = f"Bearer {self.settings.token}"
            if not hmac.compare_digest(given.encode(), wanted.encode()):
                raise ApiError("unauthorized", "this server needs its token: Authorization: Bearer TOKEN.")

    def _known(self, origin: str, host: str) -> bool:
        return origin in self.settings.origins or origin in (f"http://{host}", f"https://{host}")

    def _preflight(self, scope: Scope) -> bool:
        headers = _headers(scope)
        asks = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        return asks and headers.get("origin") in self.settings.origins

    def _cors(self, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        origin = headers.get("origin")
        if origin not in self.settings.origins:
            return []
        named = {
            "Access-Control-Allow-Origin": str(origin),
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID, Idempotency-Key, Prefer",
            "Access-Control-Expose-Headers": EXPOSED,
            "Vary": "Origin",
        }
        return [(name.lower().encode(), value.encode()) for name, value in named.items()]

    # Afterwards

    def _record(self, scope: Scope, passage: _Passage) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        seconds, status = time.monotonic() - passage.start, passage.status or 499
        self.metrics.add("requests_total", method=_method(scope), route=route, status=str(status))
        self.metrics.observe("request_seconds", seconds, route=route)
        known = {"request_id": passage.id, "method": scope["method"], "path": scope["path"][:200]}
        log.info("request", extra={**known, "status": status, "ms": round(1000 * seconds, 1)})


class _Passage:
    """One answer on its way: its id, and its status once it has begun."""

    def __init__(self, scope: Scope, send: Send, extra: list[tuple[bytes, bytes]]):
        given = _headers(scope).get("x-request-id", "")
        self.id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        self.start, self.status = time.monotonic(), None
        self._send, self._head = send, scope["method"] == "HEAD"
        self._extra = [(b"x-request-id", self.id.encode()), (b"x-content-type-options", b"nosniff"), *extra]

    status: int | None

    async def send(self, message: Message) -> None:
        """The framework's answer, with the headers that all have."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", []), *self._extra]}
        await self._send(message)

    async def plain(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer."""
        pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        pairs.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})
        await self.send({"type": "http.response.body", "body": b"" if self._head else body})

    async def error(self, error: ApiError) -> None:
        """An error in its envelope."""
        body = json.dumps({"error": error.body}).encode()
        extra = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
        await self.plain(error.status, body, {"Content-Type": "application/json", **error.headers, **extra})


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _is_api(path: str) -> bool:
    return any(path == begin.rstrip("/") or path.startswith(begin.rstrip("/") + "/") for begin in API_PATHS)


def _method(scope: Scope) -> str:
    known = (*SAFE_METHODS, "POST", "DELETE", "PUT", "PATCH")
    return scope["method"] if scope["method"] in known else "other"


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    FIELDS = ("request_id", "method", "path", "status", "ms", "job", "kind")

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, message, and the fields that the server adds."""
        entry: dict[str, Any] = {"time": round(record.created, 3), "level": record.levelname.lower()}
        entry["message"] = record.getMessage()
        entry |= {name: getattr(record, name) for name in self.FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry)
