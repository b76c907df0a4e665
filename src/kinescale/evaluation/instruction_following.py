"""Instruction following: share of measurable prompts that generated motions fulfill, by kinematics alone.

Recordings are scored by the claims of their labels, which shows the limits of the measurement itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kinescale.core.errors import SkeletonError
from kinescale.core.randomness import derive_seed
from kinescale.data.datasets import label_claims
from kinescale.description import describe
from kinescale.description.claim_rates import rates
from kinescale.description.claim_scores import score
from kinescale.description.claims import ClaimKind
from kinescale.description.instructions import instructions
from kinescale.evaluation.clips import Chosen, Progress
from kinescale.evaluation.record import InstructionRow
from kinescale.pipelines import TextToMotion

SECONDS = 6.0
"""Length of the generated motions, or the bundle's longest: long enough for six meters at a walk."""

Scores = list[tuple[ClaimKind, bool]]


def following(
    pipe: TextToMotion, chosen: Chosen, count: int, seed: int, sampling: dict[str, Any], progress: Progress
) -> list[InstructionRow]:
    """The rates of all kinds over ``count`` prompts, with those of the recordings; none for a skeleton without legs."""
    try:
        real = scores_of_recordings(chosen)
        made = scores_of_prompts(pipe, count, seed, sampling, progress)
    except SkeletonError:
        return []
    return table(made, real)


def scores_of_prompts(
    pipe: TextToMotion, count: int, seed: int, sampling: dict[str, Any], progress: Progress
) -> Scores:
    """(kind, fulfilled) of each prompt's motion."""
    seconds = min(SECONDS, pipe.seconds_range[1])
    prompts = instructions(count, derive_seed(seed, "instructions") % 2**32)
    scores: Scores = []
    progress("instructions", 0, len(prompts))
    for at, one in enumerate(prompts):
        own = derive_seed(seed, "instruction", at)
        motion = pipe(one.prompt, seconds, 1, own, sampling=sampling).motions[0]
        scores.append((one.kind, score(one.claim, describe(motion)).fulfilled))
        progress("instructions", at + 1, len(prompts))
    return scores


def scores_of_recordings(chosen: Chosen) -> Scores:
    """(kind, fulfilled) of each claim of a clip's label."""
    scores: Scores = []
    for clip, row in zip(chosen.clips, chosen.rows, strict=True):
        claims = label_claims(clip.corpus, clip.action, clip.id.partition("/")[2])
        if claims:
            found = describe(chosen.prepared.motion(row))
            for claim in claims:
                scores.append((claim.kind, score(claim, found).fulfilled))
    return scores


def table(made: Scores, real: Scores) -> list[InstructionRow]:
    """Rows by kind, generated motions beside recordings."""
    done: dict[str, list[bool]] = defaultdict(list)
    for kind, right in real:
        done[kind].append(right)
    rows = []
    for rate in rates(made):
        here: Sequence[bool] = done[rate.kind]
        rows.append(
            InstructionRow(
                **rate.to_json(),
                real_done=sum(here),
                real_count=len(here),
                real_rate=sum(here) / len(here) if here else None,
            )
        )
    return rows
