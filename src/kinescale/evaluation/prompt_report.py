"""Free prompts: share of their claims that generated motions fulfill, over several seeds.

Recordings of the same actions are scored by the same claims, which shows the limits of the measurement itself.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from kinescale.core.errors import SkeletonError
from kinescale.core.randomness import derive_seed
from kinescale.core.records import Record
from kinescale.data.prepared import Prepared, PreparedClip
from kinescale.description.claim_language import MeasuredMotion, claim_holds
from kinescale.description.claim_rates import wilson
from kinescale.evaluation.clips import Progress
from kinescale.evaluation.plan import plain
from kinescale.evaluation.prompts import KINDS, Prompt, prompts
from kinescale.metrics import peaks
from kinescale.motion import mirror
from kinescale.pipelines import TextToMotion

MOST_RECORDINGS = 4
"""Recordings of each action that a group of prompts names."""


class PromptResult(Record):
    """One prompt: number of its samples that fulfill each claim, and all of them."""

    text: str
    kind: str
    tags: tuple[str, ...]
    draws: int
    claims: dict[str, int]
    whole: int


class PromptRow(Record):
    """One kind of prompt, or one tag.

    Parameters
    ----------
    kept : share of claims fulfilled, over prompts, samples and claims.
    whole : share of samples that fulfill all of theirs, with its 95 % interval over prompts (``low``, ``high``).
    real : share of claims that recordings fulfill, of ``real_claims``.
    """

    name: str
    sentences: int
    kept: float
    whole: float
    low: float
    high: float
    real: float | None
    real_claims: int


class PromptReport(Record):
    """Rows by kind, by tag and of all; ``known``: prompts that are captions of the data, word for word."""

    draws: int
    known: int
    kinds: list[PromptRow]
    tags: list[PromptRow]
    all: PromptRow
    results: list[PromptResult]


def prompt_report(
    pipe: TextToMotion, prepared: Prepared, draws: int, seed: int, sampling: dict[str, Any], progress: Progress
) -> PromptReport | None:
    """Generate ``draws`` samples of every prompt and score its claims; ``None`` for a skeleton without legs."""
    chosen = prompts()
    results = []
    progress("phrases", 0, len(chosen))
    for at, prompt in enumerate(chosen):
        own = derive_seed(seed, "phrase", prompt.text)
        seconds = min(max(prompt.seconds, pipe.seconds_range[0]), pipe.seconds_range[1])
        made = pipe(prompt.text, seconds, draws, own, batch=draws, sampling=sampling).motions
        try:
            results.append(result(prompt, [MeasuredMotion(motion, peaks.peaks) for motion in made]))
        except SkeletonError:
            return None
        progress("phrases", at + 1, len(chosen))
    return report(results, real_claims(prepared, chosen), known_sentences(prepared, chosen))


def result(prompt: Prompt, made: Sequence[MeasuredMotion]) -> PromptResult:
    """Score one prompt's motions by its claims."""
    kept = [[claim_holds(claim, seen) for claim in prompt.claims] for seen in made]
    return PromptResult(
        text=prompt.text,
        kind=prompt.kind,
        tags=prompt.tags,
        draws=len(made),
        claims={claim: sum(row[at] for row in kept) for at, claim in enumerate(prompt.claims)},
        whole=sum(all(row) for row in kept),
    )


def report(results: Sequence[PromptResult], real: dict[str, list[bool]], known: int) -> PromptReport:
    """Rows from single results; ``real``: kind -> whether recordings fulfill each claim."""
    tags = sorted({tag for one in results for tag in one.tags})
    every = [done for kept in real.values() for done in kept]
    return PromptReport(
        draws=results[0].draws,
        known=known,
        kinds=[
            _row(kind, [one for one in results if one.kind == kind], real.get(kind, []))
            for kind in KINDS
            if any(one.kind == kind for one in results)
        ],
        tags=[_row(tag, [one for one in results if tag in one.tags], []) for tag in tags],
        all=_row("all", results, every),
        results=list(results),
    )


def _row(name: str, results: Sequence[PromptResult], real: Sequence[bool]) -> PromptRow:
    claims = sum(one.draws * len(one.claims) for one in results)
    whole = sum(one.whole / one.draws for one in results) / len(results)
    # samples of one prompt are correlated, so the interval counts prompts
    low, high = wilson(round(whole * len(results)), len(results))
    return PromptRow(
        name=name,
        sentences=len(results),
        kept=sum(sum(one.claims.values()) for one in results) / claims,
        whole=whole,
        low=low,
        high=high,
        real=sum(real) / len(real) if real else None,
        real_claims=len(real),
    )


def real_claims(prepared: Prepared, chosen: Iterable[Prompt]) -> dict[str, list[bool]]:
    """Kind -> whether recordings of any split that match a group fulfill its claims, each group once."""
    groups = {(one.kind, one.claims, one.like) for one in chosen if one.like}
    seen: dict[tuple[int, bool], MeasuredMotion] = {}
    found: dict[str, list[bool]] = defaultdict(list)
    for kind, claims, like in sorted(groups):
        for label in like:
            for row in _recordings(prepared, label.removeprefix("~")):
                key = (row, label.startswith("~"))
                if key not in seen:
                    motion = prepared.motion(row)
                    seen[key] = MeasuredMotion(mirror(motion) if key[1] else motion, peaks.peaks)
                try:
                    found[kind] += [claim_holds(claim, seen[key]) for claim in claims]
                except SkeletonError:
                    return {}
    return found


def known_sentences(prepared: Prepared, chosen: Iterable[Prompt]) -> int:
    """Number of prompts that are captions of training clips, word for word (ignoring case and full stops)."""
    captions = {
        plain(text)
        for clip in prepared.clips
        if clip.split == "train"
        for text in (*clip.captions, *clip.captions_mirrored)
    }
    return sum(plain(one.text) in captions for one in chosen)


def _recordings(prepared: Prepared, label: str) -> list[int]:
    """A few recordings of an action, or of an action in a style, picked by a hash of their ids."""

    def fits(clip: PreparedClip) -> bool:
        return label in (clip.action, clip.label)

    rows = [row for row, clip in enumerate(prepared.clips) if fits(clip)]
    rows.sort(key=lambda row: hashlib.sha256(prepared.clips[row].id.encode()).digest())
    return rows[:MOST_RECORDINGS]
