"""Frozen typed records (pydantic) and their JSON: how configs are written, checked and read back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from kinescale.core.errors import ConfigError
from kinescale.core.files import atomic_write_text, read_text_bounded

# not ``Self``: the run-time type checks of the tests cannot resolve it on a single method
R = TypeVar("R", bound="Record")

MAX_JSON_BYTES = 16 * 1024 * 1024


class Record(BaseModel):
    """Base of every config: frozen, unknown fields refused, values checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @classmethod
    def parse(cls: type[R], data: Any, *, where: str = "config") -> R:
        """Check ``data`` (a mapping from JSON) against this record.

        Raises ``ConfigError`` naming the first offending field.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            place = f"field '{field}' of {cls.__name__}: " if field else ""
            # pydantic's prefix to the words of a record's own check
            problem = first["msg"].removeprefix("Value error, ")
            raise ConfigError(f"{where}: {place}{problem}.") from None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self.model_dump(mode="json")

    def but(self: R, **changes: Any) -> R:
        """A checked copy with some fields changed."""
        return type(self).parse({**self.model_dump(), **changes}, where=type(self).__name__)


def read_json(path: str | Path, *, error: type[Exception] = ConfigError) -> Any:
    """Read a JSON file of bounded size; NaN and infinities are refused."""
    path = Path(path)
    text = read_text_bounded(path, MAX_JSON_BYTES, error=error)

    def refuse(constant: str) -> Any:
        raise error(f"{path}: holds {constant}, which is not JSON.")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as problem:
        raise error(f"{path}: is not valid JSON ({problem}).") from None


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, with sorted keys so that equal values give equal files."""
    atomic_write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def json_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON of ``value``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
