"""Errors of the server: every answer that is no success is one envelope with a code, a sentence and details."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from kinescale.core.errors import (
    ConfigError,
    FormatError,
    InputError,
    KinescaleError,
    MissingDependencyError,
    MotionError,
    SkeletonError,
    UnknownNameError,
)

STATUS = {
    "schema_validation": 422,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "unknown_job": 404,
    "method_not_allowed": 405,
    "payload_too_large": 413,
    "rate_limited": 429,
    "internal_error": 500,
    "resource_exhausted": 503,
    "model_unavailable": 503,
    "timeout": 504,
}
"""Code -> HTTP status; every other code is 400."""

MAX_ERRORS, MAX_MESSAGE = 20, 600


class ApiError(KinescaleError):
    """An error with the code, status and details that a client sees.

    ``retry_s``: seconds after which the same request may succeed.

    Example
    -------
    >>> from kinescale.server.errors import ApiError
    >>> ApiError("resource_exhausted", "the queue is full", retry_s=2.2).headers
    {'Retry-After': '3'}
    """

    def __init__(
        self,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        status: int | None = None,
        retry_s: float | None = None,
    ):
        super().__init__(message)
        self.code, self.message = code, message[:MAX_MESSAGE]
        self.details = None if details is None else dict(details)
        self.status = STATUS.get(code, 400) if status is None else status
        self.retry_s = retry_s

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with it."""
        return {} if self.retry_s is None else {"Retry-After": str(max(1, math.ceil(self.retry_s)))}

    @property
    def body(self) -> dict[str, Any]:
        """The ``error`` object."""
        return {"code": self.code, "message": self.message, "details": self.details}


def as_api_error(problem: Exception) -> ApiError:
    """Any exception as the error that a client sees; what is no fault of the request tells nothing of the inside."""
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, MemoryError) or "out of memory" in str(problem).lower():
        return ApiError("resource_exhausted", "there is not enough memory for this; ask for less.", retry_s=5.0)
    if not isinstance(problem, KinescaleError):
        return ApiError("internal_error", "the server failed on this request; its log says where.")
    for kinds, code in _CODES:
        if isinstance(problem, kinds):
            return ApiError(code, " ".join(str(problem).split()))
    return ApiError("invalid_request", " ".join(str(problem).split()))


_CODES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((MotionError, FormatError), "invalid_motion"),
    ((SkeletonError,), "invalid_skeleton"),
    ((InputError, UnknownNameError, ConfigError, MissingDependencyError), "invalid_options"),
)


def schema_error(problems: Sequence[Mapping[str, Any]]) -> ApiError:
    """``schema_validation`` from errors as pydantic lists them; the input itself is never echoed."""
    errors = [
        {"type": str(one["type"]), "loc": [_short(part) for part in one["loc"]], "msg": _short(one["msg"], 300)}
        for one in problems[:MAX_ERRORS]
    ]
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    said = first["msg"].removeprefix("Value error, ")
    return ApiError("schema_validation", f"{where}: {said}{more}" if where else said + more, {"errors": errors})


def of_validation(problem: ValidationError, *prefix: str | int) -> ApiError:
    """A validation error of a record, ``prefix`` before its places."""
    found = problem.errors(include_url=False, include_input=False, include_context=False)
    return schema_error([{**one, "loc": (*prefix, *one["loc"])} for one in found])


def _short(value: Any, limit: int = 80) -> Any:
    if isinstance(value, int):
        return value
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return text if len(text) <= limit else text[:limit] + "..."
