"""Typed configuration records (frozen pydantic models) and their JSON."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from kinescale.core.errors import ConfigError
from kinescale.core.files import atomic_write_text
from kinescale.core.json_input import check_size, read_json, shown

__all__ = ["Record", "json_hash", "read_json", "shown", "write_json"]

# not ``Self``: the run-time type checks of the tests cannot resolve it on a single method
R = TypeVar("R", bound="Record")


class Record(BaseModel):
    """Base class of all configs: frozen, unknown fields refused, values validated.

    Example
    -------
    >>> class Config(Record):
    ...     size: int = 8
    >>> Config.parse({"size": 4}).to_json()
    {'size': 4}
    >>> Config.parse({"sise": 4})
    Traceback (most recent call last):
    kinescale.core.errors.ConfigError: config: field 'sise' of Config: Extra inputs are not permitted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    MAX_PARSED_ITEMS: ClassVar[int] = 10_000
    """Most items, at all depths together, that are validated: each invalid one costs the memory of an error."""
    MAX_PARSED_DEPTH: ClassVar[int] = 32

    @classmethod
    def parse(cls: type[R], data: Any, *, where: str = "config") -> R:
        """Validate ``data`` (a mapping from JSON) as this record.

        Raises ``ConfigError`` naming the first invalid field, or for more items than a record can have.
        """
        try:
            check_size(data, max_items=cls.MAX_PARSED_ITEMS, max_depth=cls.MAX_PARSED_DEPTH)
        except ValueError as problem:
            raise ConfigError(f"{where}: {problem}.") from None
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = shown(".".join(str(part) for part in first["loc"]))
            place = f"field '{field}' of {cls.__name__}: " if field else ""
            # prefix that pydantic adds to messages of validators
            problem = shown(first["msg"].removeprefix("Value error, "), limit=400)
            raise ConfigError(f"{where}: {place}{problem}.") from None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self.model_dump(mode="json")

    def but(self: R, **changes: Any) -> R:
        """A checked copy with some fields changed."""
        return type(self).parse({**self.model_dump(), **changes}, where=type(self).__name__)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, with sorted keys so that equal values give equal files."""
    atomic_write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def json_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON of ``value``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
