"""Instruction following: prompts that can be measured, done or not by the ruler of ``captions``, without a network.

Real clips are held to what their labels claim, by the same ruler: its own limits show there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kinescale.core.errors import SkeletonError
from kinescale.core.randomness import derive_seed
from kinescale.data.captions.instructions import instructions, label_claims, rates, score
from kinescale.description import describe
from kinescale.description.claims import ClaimKind
from kinescale.evaluation.clips import Chosen, Progress
from kinescale.evaluation.record import Followed
from kinescale.pipelines import TextToMotion

SECONDS = 6.0
"""Length of the motions asked for, or the bundle's longest: long enough for six meters at a walk."""

Marks = list[tuple[ClaimKind, bool]]


def following(
    pipe: TextToMotion, chosen: Chosen, count: int, seed: int, sampling: dict[str, Any], progress: Progress
) -> list[Followed]:
    """The rates of all kinds over ``count`` prompts, with those of the recordings; none for a skeleton without legs."""
    try:
        real = marks_of_recordings(chosen)
        made = marks_of_prompts(pipe, count, seed, sampling, progress)
    except SkeletonError:
        return []
    return table(made, real)


def marks_of_prompts(pipe: TextToMotion, count: int, seed: int, sampling: dict[str, Any], progress: Progress) -> Marks:
    """(kind, done) of each prompt's motion."""
    seconds = min(SECONDS, pipe.seconds_range[1])
    asked = instructions(count, derive_seed(seed, "instructions") % 2**32)
    marks: Marks = []
    progress("instructions", 0, len(asked))
    for at, one in enumerate(asked):
        own = derive_seed(seed, "instruction", at)
        motion = pipe(one.prompt, seconds, 1, own, sampling=sampling).motions[0]
        marks.append((one.kind, score(one.claim, describe(motion)).fulfilled))
        progress("instructions", at + 1, len(asked))
    return marks


def marks_of_recordings(chosen: Chosen) -> Marks:
    """(kind, done) of each claim that a clip's label makes."""
    marks: Marks = []
    for clip, row in zip(chosen.clips, chosen.rows, strict=True):
        claims = label_claims(clip.action, clip.id.partition("/")[2])
        if claims:
            found = describe(chosen.prepared.motion(row))
            for claim in claims:
                marks.append((claim.kind, score(claim, found).fulfilled))
    return marks


def table(made: Marks, real: Marks) -> list[Followed]:
    """The kinds in their order, generated beside real."""
    done: dict[str, list[bool]] = defaultdict(list)
    for kind, right in real:
        done[kind].append(right)
    rows = []
    for rate in rates(made):
        here: Sequence[bool] = done[rate.kind]
        rows.append(
            Followed(
                **rate.to_json(),
                real_done=sum(here),
                real_count=len(here),
                real_rate=sum(here) / len(here) if here else None,
            )
        )
    return rows
