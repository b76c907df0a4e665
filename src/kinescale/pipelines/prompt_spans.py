"""Prompt spans: which prompt a motion follows when, as ``prompts`` in its ``meta``, kept through every edit.

An entry is ``{"prompt": "a person walks", "seconds": [0.0, 4.0]}``, with ``parts`` where it is about parts of the body,
and with ``seed``, ``sample``, ``edit`` or ``scales`` where these are known. Seconds count from the motion's beginning,
so they hold at any frame rate. ``meta["prompt"]`` is all sentences in order, each once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.region import Span

MAX_ENTRIES = 256
MAX_LETTERS = 500
"""Letters of a prompt that are kept: a file may claim anything to be one."""
SHORTEST_S = 1e-3

Entry = dict[str, Any]
_KEPT = ("parts", "seed", "sample", "edit", "scales")


def prompts_of(motion: Motion) -> list[Entry]:
    """The entries of a motion: its valid ``prompts``, else its one ``prompt`` over its whole length."""
    found = motion.meta.get("prompts")
    if isinstance(found, (list, tuple)):
        return [entry for entry in map(_valid, found[:MAX_ENTRIES]) if entry is not None]
    prompt = motion.meta.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        return []
    known = {name: motion.meta[name] for name in ("seed", "sample") if isinstance(motion.meta.get(name), int)}
    return [{"prompt": prompt[:MAX_LETTERS], "seconds": [0.0, round(motion.duration_s, 4)], **known}]


def _valid(entry: Any) -> Entry | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("prompt"), str):
        return None
    span = entry.get("seconds")
    if not isinstance(span, (list, tuple)) or len(span) != 2:
        return None
    if not all(isinstance(edge, (int, float)) and math.isfinite(edge) for edge in span) or not span[0] < span[1]:
        return None
    kept = {name: entry[name] for name in _KEPT if isinstance(entry.get(name), (str, int, list, tuple))}
    return {"prompt": entry["prompt"][:MAX_LETTERS], "seconds": [float(span[0]), float(span[1])], **kept}


def moved(entries: Iterable[Entry], seconds: float) -> list[Entry]:
    """The entries so many seconds later."""
    return [{**entry, "seconds": [round(edge + seconds, 4) for edge in entry["seconds"]]} for entry in entries]


def cut(entries: Iterable[Entry], start_s: float, stop_s: float) -> list[Entry]:
    """The entries clipped to ``start_s`` to ``stop_s``; the seconds still count from the old beginning."""
    found = []
    for entry in entries:
        first, last = max(entry["seconds"][0], start_s), min(entry["seconds"][1], stop_s)
        if last - first > SHORTEST_S:
            found.append({**entry, "seconds": [round(first, 4), round(last, 4)]})
    return found


def without(entries: Iterable[Entry], start_s: float, stop_s: float) -> list[Entry]:
    """The entries with ``start_s`` to ``stop_s`` taken out of each."""
    sides = ((-math.inf, start_s), (stop_s, math.inf))
    return [left for entry in entries for side in sides for left in cut([entry], *side)]


def resampled(
    motion: Motion,
    spans: Sequence[Span],
    prompt: str | None,
    *,
    parts: Sequence[str] = (),
    stays: bool = False,
    **known: Any,
) -> list[Entry]:
    """The entries after ``spans`` (frames) were resampled for ``prompt``.

    Entries of frames of which the whole body was resampled are dropped, unless some of it ``stays``.
    """
    entries = prompts_of(motion)
    for first, last in spans:
        start, stop = first / motion.fps, last / motion.fps
        if not parts and not stays:
            entries = without(entries, start, stop)
        if prompt is not None:
            more = {**({"parts": list(parts)} if parts else {}), **known}
            entries.append({"prompt": prompt, "seconds": [round(start, 4), round(stop, 4)], **more})
    return in_order(entries)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """By their beginnings, at most ``MAX_ENTRIES``."""
    return sorted(entries, key=lambda entry: (entry["seconds"][0], entry["seconds"][1]))[:MAX_ENTRIES]


def one_line(entries: Iterable[Entry]) -> str:
    """All prompts in order, each once, as one line."""
    return "; ".join(dict.fromkeys(entry["prompt"] for entry in entries))


def prompts_meta(entries: Iterable[Entry], *motions: Motion) -> dict[str, Any]:
    """``prompts`` and ``prompt`` for ``meta``; empty where nothing is or was known of the motions."""
    ordered = in_order(entries)
    was = any(name in motion.meta for motion in motions for name in ("prompts", "prompt"))
    return {"prompts": ordered, "prompt": one_line(ordered)} if ordered or was else {}


def piece(motion: Motion, first: int, last: int) -> Motion:
    """Frames ``first`` to ``last - 1`` with the prompts that are about them."""
    start = first / motion.fps
    entries = moved(cut(prompts_of(motion), start, last / motion.fps), -start)
    return motion.slice(first, last).with_meta(**prompts_meta(entries, motion))
