"""Timeline: prompts with start, end and body parts, that may overlap; and the files it is read from.

Two formats are read. JSON: ``{"segments": [{"text": "a person walks", "seconds": 3}, {"text": "a person waves",
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
from kinescale.core.randomness import derive_seed
from kinescale.core.records import read_json
from kinescale.pipelines.editing.region import Span, outside
from kinescale.rigging.body_parts import PARTS, ROOT_ROLE, part_names, part_roles

MAX_BYTES = 4_000_000
MAX_SEGMENTS = 10_000

SUFFIXES = (".json", ".txt")
_KEYS = ("text", "start", "end", "seconds", "parts", "seed")
_ALSO = {"spine": "torso", "whole_body": "body", "full_body": "body"}
"""Names of parts that other tools write."""

_LEGS = frozenset(PARTS["legs"])


@dataclass(frozen=True)
class Segment:
    """One prompt of a timeline.

    Parameters
    ----------
    text : what the person does; ``None``: sampled without text, to continue what is before it.
    start, end : seconds from the beginning of the timeline.
    parts : names of body parts; empty is the whole body.
    seed : of its own; ``None``: the timeline's.

    Raises ``InputError`` for times that are not finite or not in order, or an unknown part.

    Example
    -------
    >>> from kinescale import Segment
    >>> Segment("a person waves", 1.0, 2.5, ("right_arm",)).span(20.0)
    (20, 50)
    """

    text: str | None
    start: float | int
    end: float | int
    parts: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.seed is not None:
            derive_seed(self.seed)
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
        """The roles of the parts."""
        return part_roles(self.parts)

    def span(self, fps: float | int) -> Span:
        """Its frames, each edge to the nearest, at least one."""
        first = round(self.start * fps)
        return first, max(first + 1, round(self.end * fps))


@dataclass(frozen=True)
class PromptSpan:
    """A span of frames with its prompt; ``parts`` empty: the whole body. ``seed``: its segment's own, if it has one."""

    span: Span
    text: str | None
    parts: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True)
class Timeline:
    """Segments, sorted by start: the input of ``TimelinePipeline``.

    Raises ``InputError`` for none, too many, or what is no segment.

    Example
    -------
    >>> from kinescale import Segment, Timeline
    >>> timeline = Timeline((Segment("a person walks", 0, 3), Segment("a person waves", 1, 2.5, ("right_arm",))))
    >>> timeline.seconds, timeline.frames(20.0)
    (3.0, 60)
    """

    segments: tuple[Segment, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not isinstance(self.segments, tuple) or not all(isinstance(one, Segment) for one in self.segments):
            raise InputError("a timeline is made of a tuple of segments; ``TimelinePipeline`` samples it.")
        if not 1 <= len(self.segments) <= MAX_SEGMENTS:
            raise InputError(f"a timeline of {len(self.segments)} segments; expected 1 to {MAX_SEGMENTS}.")
        ordered = sorted(self.segments, key=lambda segment: (segment.start, segment.end))
        object.__setattr__(self, "segments", tuple(ordered))

    @property
    def seconds(self) -> float:
        """Where the last segment ends."""
        return float(max(segment.end for segment in self.segments))

    def frames(self, fps: float | int) -> int:
        """Length in frames; ``InputError`` when no motion can be so long."""
        if self.seconds * fps > MAX_FRAMES:
            raise InputError(f"a timeline of {self.seconds:g} seconds; expected at most {MAX_FRAMES / fps:g}.")
        return max(segment.span(fps)[1] for segment in self.segments)

    def base(self, fps: float | int) -> tuple[PromptSpan, ...]:
        """The prompt of the whole body in every frame: spans that follow each other without a gap.

        Of overlapping segments the one with the whole body leads, else the one with the legs, else the one with most of
        the body; of equal ones the one that began last. Where there is none, the body is sampled without text.
        """
        led = [(span, None if leader is None else self.segments[leader]) for span, leader in self._led(fps)]
        return tuple(PromptSpan(span, one and one.text, (), one and one.seed) for span, one in led)

    def overlays(self, fps: float | int) -> tuple[PromptSpan, ...]:
        """The prompts of parts while another segment leads, by start, the largest part of the body first."""
        stretches = self._led(fps)
        found = []
        for number, segment in enumerate(self.segments):
            if segment.roles == part_roles(()):
                continue
            start, stop = segment.span(fps)
            led = [(a - start, b - start) for (a, b), leader in stretches if leader == number]
            rest = outside(led, stop - start)
            found += [PromptSpan((start + a, start + b), segment.text, segment.parts, segment.seed) for a, b in rest]
        return tuple(sorted(found, key=lambda one: (one.span[0], -len(part_roles(one.parts)), one.span[1])))

    def _led(self, fps: float | int) -> list[tuple[Span, int | None]]:
        """Spans that follow each other, and which segment leads each; two in a row have different leaders."""
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


def read_timeline(path: str | Path) -> Timeline:
    """The timeline in a .json or .txt file; ``InputError`` in one sentence for anything that is wrong with it."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: '{path.suffix}' is no kind of timeline; expected one of {', '.join(SUFFIXES)}.")
    raw = read_bytes_bounded(path, MAX_BYTES)
    if path.suffix.lower() == ".json":
        return parse_timeline(read_json(path, error=InputError), where=str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save it as UTF-8.") from None
    return parse_timeline_lines(text, where=str(path))


def parse_timeline(value: Any, where: str = "the timeline") -> Timeline:
    """A timeline from parsed JSON: an object with ``segments``, or the list of them."""
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
    return Timeline(tuple(segments))


def parse_timeline_lines(text: str, where: str = "the timeline") -> Timeline:
    """A timeline from lines ``text # start # end # part # ...`` or ``text # seconds``; empty lines are passed over."""
    segments: list[Segment] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if len(segments) >= MAX_SEGMENTS:
            raise InputError(f"{where}: more than {MAX_SEGMENTS} lines; split it into several timelines.")
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
    return Timeline(tuple(segments))


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
    seed = entry.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise InputError(f"{where}: 'seed' must be a whole number, or null for the timeline's own.")
    try:
        return Segment(text, start, end, tuple(parts), seed)
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
