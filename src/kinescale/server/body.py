"""Bodies of requests: read up to a bound, parsed as bounded JSON, validated as records."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import anyio.to_thread
from pydantic import ConfigDict, ValidationError
from starlette.requests import Request

from kinescale.core.json_input import check_size, parse_json
from kinescale.core.records import Record
from kinescale.server.errors import ApiError, of_validation, schema_error

MAX_ITEMS = 2_000_000
"""Most brackets and commas of a body: a minute of motion has about half of that."""
MAX_FIELDS = 20_000
"""Most items of what is validated as a record; motions are taken out before."""
READ_S = 60.0
"""Seconds that a client has to send its body."""
LARGE = 256 * 1024
"""Bytes from which a body is parsed outside the event loop."""


class Body(Record):
    """Base of request bodies: types are taken as they are, so that "3" is no number and 1 is no true."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


B = TypeVar("B", bound=Body)


async def read_bytes(request: Request, limit: int) -> bytes:
    """The body; ``payload_too_large`` as soon as it is known to be longer than ``limit``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large(limit, int(declared))
    parts, size = [], 0
    try:
        async with asyncio.timeout(READ_S):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large(limit)
                parts.append(part)
    except TimeoutError:
        raise ApiError("invalid_request", f"the body did not come within {READ_S:g} seconds.", status=408) from None
    return b"".join(parts)


def too_large(limit: int, size: int | None = None) -> ApiError:
    """The error for a body above a bound."""
    details = {"max_request_bytes": limit} | ({} if size is None else {"request_bytes": size})
    return ApiError("payload_too_large", f"the request is longer than the {limit} bytes allowed.", details)


async def read_object(request: Request, limit: int) -> dict[str, Any]:
    """The body as a JSON object; ``schema_validation`` for anything else."""
    data = await read_bytes(request, limit)
    return await anyio.to_thread.run_sync(parsed_object, data) if len(data) > LARGE else parsed_object(data)


def parsed_object(data: bytes) -> dict[str, Any]:
    """A JSON object; ``schema_validation`` for anything else."""
    try:
        value = parse_json(data, max_bytes=len(data), max_items=MAX_ITEMS)
    except ValueError as problem:
        raise schema_error([{"type": "json_invalid", "loc": (), "msg": f"the body {problem}"}]) from None
    if not isinstance(value, dict):
        raise schema_error([{"type": "dict_type", "loc": (), "msg": "the body should be a JSON object"}])
    return value


def validated(model: type[B], value: Any, *prefix: str | int) -> B:
    """A record of a body (or of a part of it, found at ``prefix``); ``schema_validation`` lists what is wrong."""
    try:
        check_size(value, max_items=MAX_FIELDS, max_depth=32)
        return model.model_validate(value)
    except ValidationError as problem:
        raise of_validation(problem, *prefix) from None
    except ValueError as problem:
        raise schema_error([{"type": "too_long", "loc": prefix, "msg": f"the body {problem}"}]) from None
