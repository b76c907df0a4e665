"""Rows of a bulk job, read in order from Parquet, JSON lines or text without holding the whole file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from kinescale.core.errors import InputError, KinescaleError
from kinescale.core.json_input import parse_json, shown
from kinescale.core.prompts import check_prompt
from kinescale.core.randomness import MAX_SEED
from kinescale.core.records import Record, json_hash
from kinescale.data.prepared.writer import pyarrow

SUFFIXES = (".parquet", ".jsonl", ".txt")
MAX_LINE = 1 << 16
"""Bytes of a line, which is one row."""


class Options(Record):
    """Sampling of one row; what is not given is the job's."""

    guidance_scale: float | None = Field(default=None, allow_inf_nan=False)
    temperature: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    top_p: float | None = Field(default=None, gt=0, le=1)
    steps: tuple[int, ...] | None = None
    candidates: int | None = Field(default=None, ge=1, le=64)
    raw: bool | None = None


class Row(Record):
    """One motion to make; ``id`` is the caller's own name of it, kept as it is."""

    prompt: str
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    options: Options = Options()
    id: str = ""


Asked = tuple[int, dict[str, Any] | str]
"""Number of a row in the file, and its fields as read, or the sentence why it cannot be read."""


def checked(fields: dict[str, Any] | str) -> Row:
    """The row that was read; ``KinescaleError`` where it is none."""
    if isinstance(fields, str):
        raise InputError(fields)
    row = Row.parse({key: value for key, value in fields.items() if value is not None}, where="row")
    return row.but(prompt=check_prompt(row.prompt))


def read_rows(path: Path) -> Iterator[Asked]:
    """All rows of a file, in order. ``InputError`` for a file that cannot be read; a bad row is told in its place."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: prompts are read from {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file.")
    reader = {".parquet": _parquet, ".jsonl": _json_lines, ".txt": _text}[path.suffix.lower()]
    yield from enumerate(reader(path))


def _lines(path: Path) -> Iterator[str | None]:
    """Lines without their ends; ``None`` for one that is too long or not UTF-8."""
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE + 1):
            whole = len(line) <= MAX_LINE
            while not whole and (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            try:
                yield line.decode("utf-8-sig").strip() if whole else None
            except UnicodeDecodeError:
                yield None


NO_LINE = f"the line is longer than {MAX_LINE} bytes or not UTF-8 text."


def _text(path: Path) -> Iterator[dict[str, Any] | str]:
    for line in _lines(path):
        if line is None:
            yield NO_LINE
        elif line and not line.startswith("#"):
            yield {"prompt": line}


def _json_lines(path: Path) -> Iterator[dict[str, Any] | str]:
    for line in _lines(path):
        if line is None:
            yield NO_LINE
        elif line:
            try:
                found = parse_json(line)
            except ValueError as problem:
                yield f"the line {problem}."
                continue
            yield found if isinstance(found, dict) else "the line is no JSON object with a prompt."


def _parquet(path: Path) -> Iterator[dict[str, Any] | str]:
    pa = pyarrow()
    try:
        with pa.parquet.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if name in Row.model_fields]
            if "prompt" not in names:
                raise InputError(f"{path}: there is no column 'prompt'; it has {shown(file.schema_arrow.names)}.")
            for batch in file.iter_batches(batch_size=1024, columns=names):
                yield from (_plain(row) for row in batch.to_pylist())
    except (OSError, pa.ArrowException) as problem:
        raise InputError(f"{path}: is not a Parquet file that can be read ({shown(str(problem))}).") from None


def _plain(row: dict[str, Any]) -> dict[str, Any] | str:
    """A row of a table: its options are a struct or JSON text."""
    options = row.get("options")
    if isinstance(options, str):
        try:
            options = parse_json(options)
        except ValueError as problem:
            return f"its options {problem}."
    if isinstance(options, dict):
        row = {**row, "options": {key: value for key, value in options.items() if value is not None}}
    return row


def hash_of(rows: list[Asked], settings: Any) -> str:
    """Hash of rows and of what else decides the motions made of them."""
    try:
        return json_hash({"rows": rows, "settings": settings})
    except (TypeError, ValueError) as problem:
        raise KinescaleError(f"rows {rows[0][0]} to {rows[-1][0]} hold what is no plain value ({problem}).") from None
