"""From options of the command line to the call of an edit task: a task takes what its signature names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kinescale.cli.base.options import check_positive
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.pipelines.editing.tasks import FAMILY

if TYPE_CHECKING:
    from kinescale.motion import Motion

OWN = {"pipeline", "motion", "first", "second", "options"}
"""Parameters that are no option of their own."""

REGION = ("frames", "range", "parts", "keep_scales")
"""Options that make up the parameter ``region``."""


def motion_count(task: str) -> int:
    """How many motions a task is about."""
    return 2 if "second" in FAMILY.parameters(task, "run") else 1


def check_inputs(task: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given; ``InputError`` where the task does not have one, or needs another."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    known = {name: need for name, need in FAMILY.parameters(task, "run").items() if name not in OWN}
    placed = "region" in known
    if placed and "frames" in given and "range" in given:
        raise InputError("--frames and --range say the same twice; name one.")
    if placed and "seconds" in given and "seconds" not in known:
        raise InputError(
            f"--seconds is a length, which '{task}' does not take; a span is --range 0:{given['seconds']:g}."
        )
    if placed and known.pop("region") and not {"frames", "range"} & set(given):
        raise InputError(f"the task '{task}' needs to know where: --frames 40:80 or --range 1.3:2.7.")
    allowed = [*known, *(REGION if placed else ())]
    for name in given:
        if name not in allowed:
            listed = ", ".join(_flag(one) for one in allowed) or "nothing more"
            raise InputError(f"{_flag(name)} has no meaning for the task '{task}'; leave it out. It takes: {listed}.")
    for name, need in known.items():
        if need and name not in given:
            example = " 2" if name == "seconds" else ""
            raise InputError(f"the task '{task}' needs {_flag(name)}{example}.")
    check_positive(given.get("seconds"), "--seconds")
    if isinstance(given.get("prompt"), tuple):
        places = len(given.get("frames") or given.get("range") or "1") if placed else 1
        given["prompt"] = _prompts(given["prompt"], places, placed)
    return given


def arguments(task: str, clip: Motion, given: Mapping[str, Any]) -> dict[str, Any]:
    """The task's arguments besides its motions: options as given, those of a region as one ``EditRegion``."""
    from kinescale.pipelines.editing.region import EditRegion, parse_frames, parse_seconds

    if "region" not in FAMILY.parameters(task, "run"):
        return dict(given)
    spans = [parse_frames(text, len(clip)) for text in given.get("frames", ())]
    spans += [parse_seconds(text, clip.fps, len(clip)) for text in given.get("range", ())]
    more = {name: given[name] for name in ("parts", "keep_scales") if name in given}
    rest = {name: value for name, value in given.items() if name not in REGION}
    if isinstance(rest.get("prompt"), tuple):
        # a task takes one per span in the order of time
        rest["prompt"] = tuple(prompt for _, prompt in sorted(zip(spans, rest["prompt"], strict=True)))
    if not spans and not more and not FAMILY.parameters(task, "run")["region"]:
        # what that means is the task's to say
        return rest
    return {**rest, "region": EditRegion.of(clip, frames=spans or None, **more)}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _prompts(prompts: tuple[str, ...], places: int, several: bool) -> str | tuple[str, ...]:
    """One prompt, or one for each of several places."""
    checked = tuple(check_prompt(prompt) for prompt in prompts)
    if len(checked) > 1 and not (several and len(checked) == places):
        raise InputError(
            f"{len(checked)} prompts for {places} stretch{'es' if places > 1 else ''} of frames; give one, or one for "
            "each --frames."
        )
    return checked[0] if len(checked) == 1 else checked
