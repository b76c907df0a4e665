"""Typed configuration records (frozen pydantic models) and their JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from kinescale.core.errors import ConfigError
from kinescale.core.files import atomic_write_text
from kinescale.core.json_input import check_size, read_json, shown

__all__ = ["Record", "json_hash", "read_json", "shown", "write_json"]

# not ``Self``: the run-time type checks of the tests cannot resolve it on a single method
R = TypeVar("R", bound="Record")


class Record(BaseModel):
    """Base class of all configs: frozen, unknown fields refused, values validated.

    A field that was renamed is declared in ``EARLIER_NAMES``, so that earlier files are still read.

    Example
    -------
    >>> class Optimizer(Record):
    ...     EARLIER_NAMES = {"learning_rate": "lr"}
    ...     lr: float = 0.1
    >>> Optimizer.parse({"learning_rate": 0.5}).to_json()
    {'lr': 0.5}
    >>> Optimizer.parse({"rate": 0.5})
    Traceback (most recent call last):
    kinescale.core.errors.ConfigError: config: field 'rate' of Optimizer: Extra inputs are not permitted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    MAX_PARSED_ITEMS: ClassVar[int] = 10_000
    """Most items, at all depths together, that are validated: each invalid one costs the memory of an error."""
    MAX_PARSED_DEPTH: ClassVar[int] = 32

    EARLIER_NAMES: ClassVar[Mapping[str, str]] = {}
    """Names that fields had in earlier versions -> their names now. Read, never written."""

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_names(cls, data: Any) -> Any:
        """Fields under the names they have now; a field given under both names keeps both, and is refused."""
        if not isinstance(data, Mapping) or cls.EARLIER_NAMES.keys().isdisjoint(data):
            return data
        return {new if (new := cls.current_name(key)) not in data else key: value for key, value in data.items()}

    @classmethod
    def current_name(cls, name: str) -> str:
        """The field's name now, for a name that an earlier version may have used."""
        return cls.EARLIER_NAMES.get(name, name)

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
        """A checked copy with some fields changed; fields that were left at their defaults stay so."""
        return type(self).parse({**self.model_dump(exclude_unset=True), **changes}, where=type(self).__name__)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, with sorted keys so that equal values give equal files."""
    atomic_write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def json_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON of ``value``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
