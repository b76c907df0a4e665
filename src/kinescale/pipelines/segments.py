"""Story: who does what and when - sentences with a beginning, an end and parts of the body, that may overlap.

Two spellings are read. JSON: ``{"segments": [{"text": "a person walks", "seconds": 3}, {"text": "a person waves",
"start": 1, "end": 2.5, "parts": ["right_arm"]}]}``; a segment without ``start`` begins where the one before it ends.
Lines, as STMC (Petrovich et al. 2024) writes them: ``text # start # end # part # part``, or ``text # seconds``.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinescale.core.conventions import MAX_FRAMES
from kinescale.core.errors import InputError
from kinescale.core.files import read_bytes_bounded
from kinescale.core.prompts import check_prompt
from kinescale.core.records import read_json
from kinescale.pipelines.editing.region import Span, outside
from kinescale.rigging.body_parts import PARTS, ROOT_ROLE, part_names, part_roles

MAX_BYTES = 4_000_000
MAX_SEGMENTS = 10_000

SUFFIXES = (".json", ".txt")
_KEYS = ("text", "start", "end", "seconds", "parts")
_ALSO = {"spine": "torso", "whole_body": "body", "full_body": "body"}
"""Names of parts that other tools write."""

_LEGS = frozenset(PARTS["legs"])


@dataclass(frozen=True)
class Segment:
    """One sentence.

    Parameters
    ----------
    text : what the person does; None: drawn to fit what is before it.
    start, end : seconds from the story's beginning.
    parts : of the body, by name; none is the whole body.

    Raises ``InputError`` for times that are not finite or not in order, or an unknown part.
    """

    text: str | None
    start: float | int
    end: float | int
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end) and 0 <= self.start < self.end):
            raise InputError(
                f"from {self.start:g} to {self.end:g} seconds; expected a beginning from 0 and a later end."
            )
        if self.text is not None:
            object.__setattr__(self, "text", check_prompt(self.text))
        names = part_names([_ALSO.get("_".join(name.lower().split()), name) for name in self.parts])
        object.__setattr__(self, "parts", names)

    @property
    def roles(self) -> frozenset[str]:
        """The roles that are told of."""
        return part_roles(self.parts)

    def span(self, fps: float | int) -> Span:
        """Its frames, each edge to the nearest, at least one."""
        first = round(self.start * fps)
        return first, max(first + 1, round(self.end * fps))


@dataclass(frozen=True)
class Told:
    """A stretch of frames and what is told of it; ``parts`` empty: the whole body."""

    span: Span
    text: str | None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """Segments in the order of their beginnings. Raises ``InputError`` for none, or too many."""

    segments: tuple[Segment, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not 1 <= len(self.segments) <= MAX_SEGMENTS:
            raise InputError(f"a story of {len(self.segments)} segments; expected 1 to {MAX_SEGMENTS}.")
        ordered = sorted(self.segments, key=lambda segment: (segment.start, segment.end))
        object.__setattr__(self, "segments", tuple(ordered))

    @property
    def seconds(self) -> float:
        """Where the last segment ends."""
        return float(max(segment.end for segment in self.segments))

    def frames(self, fps: float | int) -> int:
        """Length in frames; ``InputError`` when no motion can be so long."""
        if self.seconds * fps > MAX_FRAMES:
            raise InputError(f"a story of {self.seconds:g} seconds; expected at most {MAX_FRAMES / fps:g}.")
        return max(segment.span(fps)[1] for segment in self.segments)

    def base(self, fps: float | int) -> tuple[Told, ...]:
        """Who leads the whole body, frame by frame without a gap: stretches that follow each other.

        Of the segments of a moment the one leads that tells of the whole body, else of the legs, else of most of it;
        of equal ones the one that began last. Where there is none, the body is drawn without a sentence.
        """
        return tuple(
            Told(span, None if leader is None else self.segments[leader].text) for span, leader in self._led(fps)
        )

    def overlays(self, fps: float | int) -> tuple[Told, ...]:
        """What is told of parts while another segment leads, by beginning, the largest part of the body first."""
        stretches = self._led(fps)
        found = []
        for number, segment in enumerate(self.segments):
            if segment.roles == part_roles(()):
                continue
            start, stop = segment.span(fps)
            led = [(a - start, b - start) for (a, b), leader in stretches if leader == number]
            rest = outside(led, stop - start)
            found += [Told((start + a, start + b), segment.text, segment.parts) for a, b in rest]
        return tuple(sorted(found, key=lambda told: (told.span[0], -len(part_roles(told.parts)), told.span[1])))

    def _led(self, fps: float | int) -> list[tuple[Span, int | None]]:
        """The stretches that follow each other, and which segment leads each; two in a row have different leaders."""
        length = self.frames(fps)
        spans = [segment.span(fps) for segment in self.segments]
        edges = sorted({0, length, *(edge for span in spans for edge in span)})
        active: list[int] = []
        coming = sorted(range(len(spans)), key=lambda i: spans[i][0])
        found: list[tuple[Span, int | None]] = []
        for start, stop in itertools.pairwise(edges):
            while coming and spans[coming[0]][0] <= start:
                active.append(coming.pop(0))
            active = [i for i in active if spans[i][1] > start]
            leader = max(active, key=lambda i: (*_weight(self.segments[i]), i), default=None)
            if found and found[-1][1] == leader:
                found[-1] = ((found[-1][0][0], stop), leader)
            else:
                found.append(((start, stop), leader))
        return found


def _weight(segment: Segment) -> tuple[bool, bool, int]:
    roles = segment.roles
    return roles == part_roles(()), bool(roles & _LEGS) or ROOT_ROLE in roles, len(roles)


def read_story(path: str | Path) -> Story:
    """The story in a file of either spelling; ``InputError`` in one sentence for anything that is wrong with it."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: '{path.suffix}' is no kind of story; expected one of {', '.join(SUFFIXES)}.")
    raw = read_bytes_bounded(path, MAX_BYTES)
    if path.suffix.lower() == ".json":
        return story_of(read_json(path, error=InputError), where=str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save it as UTF-8.") from None
    return story_of_lines(text, where=str(path))


def story_of(value: Any, where: str = "the story") -> Story:
    """A story from parsed JSON: an object with ``segments``, or the list of them."""
    entries = value
    if isinstance(value, dict):
        unknown = [key for key in value if key != "segments"]
        if unknown or "segments" not in value:
            raise InputError(
                f"{where}: expected an object with 'segments' alone, got {_short(sorted(map(str, value)))}."
            )
        entries = value["segments"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_SEGMENTS:
        raise InputError(f"{where}: expected a list of 1 to {MAX_SEGMENTS} segments.")
    segments: list[Segment] = []
    for number, entry in enumerate(entries, 1):
        here = f"{where}: segment {number}"
        if not isinstance(entry, dict):
            raise InputError(f"{here} is no object; expected one such as {{'text': 'a person walks', 'seconds': 3}}.")
        segments.append(_segment(entry, segments[-1].end if segments else 0.0, here))
    return Story(tuple(segments))


def story_of_lines(text: str, where: str = "the story") -> Story:
    """A story from lines ``text # start # end # part # ...`` or ``text # seconds``; empty lines are passed over."""
    segments: list[Segment] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if len(segments) >= MAX_SEGMENTS:
            raise InputError(f"{where}: more than {MAX_SEGMENTS} lines; tell it in several stories.")
        words = [word.strip() for word in line.split("#")]
        here = f"{where}: line {number}"
        if len(words) < 2 or not words[0]:
            raise InputError(f"{here} is '{_short(line)}'; expected: text # start # end # parts.")
        entry: dict[str, Any] = {"text": words[0]}
        if len(words) == 2:
            entry["seconds"] = _number(words[1], here)
        else:
            entry |= {"start": _number(words[1], here), "end": _number(words[2], here)}
        entry["parts"] = [part.strip() for word in words[3:] for part in word.split(",") if part.strip()]
        segments.append(_segment(entry, segments[-1].end if segments else 0.0, here))
    if not segments:
        raise InputError(f"{where}: holds no segment; expected lines: text # start # end # parts.")
    return Story(tuple(segments))


def _segment(entry: dict[str, Any], after: float, where: str) -> Segment:
    unknown = [key for key in entry if key not in _KEYS]
    if unknown:
        raise InputError(f"{where} has an entry '{_short(unknown[0])}'; known: {', '.join(_KEYS)}.")
    text, parts = entry.get("text"), entry.get("parts", [])
    if text is not None and not isinstance(text, str):
        raise InputError(f"{where}: 'text' must be a sentence, or null for none.")
    parts = part_list(parts, where)
    numbers = {key: _time(entry[key], key, where) for key in ("start", "end", "seconds") if key in entry}
    start = numbers.get("start", after)
    if ("end" in numbers) == ("seconds" in numbers):
        raise InputError(f"{where} must say either 'end' or 'seconds'.")
    end = numbers["end"] if "end" in numbers else start + numbers["seconds"]
    try:
        return Segment(text, start, end, tuple(parts))
    except InputError as problem:
        raise InputError(f"{where}: {problem}") from None


def part_list(value: Any, where: str) -> list[str]:
    """Names of parts as a list, or as one text with commas."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{where}: 'parts' must be names, such as ['left_arm', 'head'].")
    return [name for name in names if name.strip()]


def _time(value: Any, key: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
        raise InputError(f"{where}: '{key}' must be a number of seconds.")
    return float(value)


def _number(word: str, where: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise InputError(
            f"{where}: '{_short(word)}' is no number of seconds; expected: text # start # end # parts."
        ) from None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
