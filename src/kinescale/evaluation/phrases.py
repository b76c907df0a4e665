"""Phrases: sentences from outside the phrase book, drawn over several seeds, and the share of their claims kept.

Recordings that do what a group of sentences asks are held to the same claims: the ruler's own limits show there.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from kinescale.core.errors import SkeletonError
from kinescale.core.randomness import derive_seed
from kinescale.core.records import Record
from kinescale.data.captions.instructions import wilson
from kinescale.data.captions.phrases import KINDS, Phrase, Seen, keeps, phrases
from kinescale.data.prepared import Prepared, PreparedClip
from kinescale.evaluation.clips import Progress
from kinescale.evaluation.plan import plain
from kinescale.metrics import peaks
from kinescale.motion import mirror
from kinescale.pipelines import TextToMotion

MOST_RECORDINGS = 4
"""Recordings of each action that a group of sentences is like."""


class PhraseResult(Record):
    """One sentence: how many of its draws keep each claim, and all of them."""

    text: str
    kind: str
    tags: tuple[str, ...]
    draws: int
    claims: dict[str, int]
    whole: int


class PhraseRow(Record):
    """One kind of sentence, or one tag.

    kept : share of claims kept, over sentences, draws and claims. whole : share of draws that keep all of theirs, with
    its 95 % interval over sentences. real : share of claims that recordings keep, of ``real_claims``.
    """

    name: str
    sentences: int
    kept: float
    whole: float
    low: float
    high: float
    real: float | None
    real_claims: int


class PhraseReport(Record):
    """Rows by kind, by tag and of all; ``known``: sentences that are captions of the data, word for word."""

    draws: int
    known: int
    kinds: list[PhraseRow]
    tags: list[PhraseRow]
    all: PhraseRow
    results: list[PhraseResult]


def phrase_report(
    pipe: TextToMotion, prepared: Prepared, draws: int, seed: int, sampling: dict[str, Any], progress: Progress
) -> PhraseReport | None:
    """Make every sentence ``draws`` times and hold it to its claims; ``None`` for a skeleton without legs."""
    asked = phrases()
    results = []
    progress("phrases", 0, len(asked))
    for at, phrase in enumerate(asked):
        own = derive_seed(seed, "phrase", phrase.text)
        seconds = min(max(phrase.seconds, pipe.seconds_range[0]), pipe.seconds_range[1])
        made = pipe(phrase.text, seconds, draws, own, batch=draws, sampling=sampling).motions
        try:
            results.append(result(phrase, [Seen(motion, peaks.peaks) for motion in made]))
        except SkeletonError:
            return None
        progress("phrases", at + 1, len(asked))
    return report(results, real_claims(prepared, asked), known_sentences(prepared, asked))


def result(phrase: Phrase, made: Sequence[Seen]) -> PhraseResult:
    """One sentence's motions held to its claims."""
    kept = [[keeps(claim, seen) for claim in phrase.claims] for seen in made]
    return PhraseResult(
        text=phrase.text,
        kind=phrase.kind,
        tags=phrase.tags,
        draws=len(made),
        claims={claim: sum(row[at] for row in kept) for at, claim in enumerate(phrase.claims)},
        whole=sum(all(row) for row in kept),
    )


def report(results: Sequence[PhraseResult], real: dict[str, list[bool]], known: int) -> PhraseReport:
    """Rows from single results; ``real``: kind -> whether recordings kept each claim."""
    tags = sorted({tag for one in results for tag in one.tags})
    every = [done for kept in real.values() for done in kept]
    return PhraseReport(
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


def _row(name: str, results: Sequence[PhraseResult], real: Sequence[bool]) -> PhraseRow:
    claims = sum(one.draws * len(one.claims) for one in results)
    whole = sum(one.whole / one.draws for one in results) / len(results)
    # draws of one sentence hang together, so that the interval counts sentences
    low, high = wilson(round(whole * len(results)), len(results))
    return PhraseRow(
        name=name,
        sentences=len(results),
        kept=sum(sum(one.claims.values()) for one in results) / claims,
        whole=whole,
        low=low,
        high=high,
        real=sum(real) / len(real) if real else None,
        real_claims=len(real),
    )


def real_claims(prepared: Prepared, asked: Iterable[Phrase]) -> dict[str, list[bool]]:
    """Kind -> whether recordings of any split that do what a group asks keep its claims, each group once."""
    groups = {(one.kind, one.claims, one.like) for one in asked if one.like}
    seen: dict[tuple[int, bool], Seen] = {}
    found: dict[str, list[bool]] = defaultdict(list)
    for kind, claims, like in sorted(groups):
        for label in like:
            for row in _recordings(prepared, label.removeprefix("~")):
                key = (row, label.startswith("~"))
                if key not in seen:
                    motion = prepared.motion(row)
                    seen[key] = Seen(mirror(motion) if key[1] else motion, peaks.peaks)
                try:
                    found[kind] += [keeps(claim, seen[key]) for claim in claims]
                except SkeletonError:
                    return {}
    return found


def known_sentences(prepared: Prepared, asked: Iterable[Phrase]) -> int:
    """How many of the sentences are captions of training clips, word for word (case and full stops aside)."""
    captions = {
        plain(text)
        for clip in prepared.clips
        if clip.split == "train"
        for text in (*clip.captions, *clip.captions_mirrored)
    }
    return sum(plain(one.text) in captions for one in asked)


def _recordings(prepared: Prepared, label: str) -> list[int]:
    """A few recordings of an action, or of an action in a style, picked by a hash of their ids."""

    def fits(clip: PreparedClip) -> bool:
        return label in (clip.action, clip.label)

    rows = [row for row, clip in enumerate(prepared.clips) if fits(clip)]
    rows.sort(key=lambda row: hashlib.sha256(prepared.clips[row].id.encode()).digest())
    return rows[:MOST_RECORDINGS]
