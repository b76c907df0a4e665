"""Seed spread: distance between motions of one caption from seed to seed, and between recordings of one class.

Distances are between courses (``clip_measurements.course``): joints about the root from the canonical start, so that
neither path nor facing counts. A collapsed model generates the same motion for every seed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch

from kinescale.core.randomness import derive_seed
from kinescale.core.records import Record
from kinescale.evaluation.clip_measurements import apart_mm, course
from kinescale.evaluation.clips import Chosen, Progress
from kinescale.pipelines import TextToMotion, onto_feature

MOST_PROMPTS = 32
MOST_RECORDINGS = 6


class SeedSpreadRow(Record):
    """One class: mean distance (mm) between ``seeds`` motions of ``prompt``, and between ``recordings`` of one style.

    ``real_mm`` is ``None`` where the split has no two recordings of the style.
    """

    name: str
    prompt: str
    seeds: int
    seconds: float
    recordings: int
    real_mm: float | None
    mm: float


def spread(
    pipe: TextToMotion, chosen: Chosen, seeds: int, seed: int, sampling: dict[str, Any], progress: Progress
) -> list[SeedSpreadRow]:
    """A row per class of the split, at most ``MOST_PROMPTS`` evenly spread, generated from one clip's caption."""
    classes: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, clip in enumerate(chosen.clips):
        classes[clip.corpus, clip.action].append(at)
    names = sorted(classes)
    count = min(MOST_PROMPTS, len(names))
    found = []
    progress("seeds", 0, count)
    for done, name in enumerate(names[i * len(names) // count] for i in range(count)):
        found.append(_row(pipe, chosen, name, _alike(chosen, classes[name]), seeds, seed, sampling))
        progress("seeds", done + 1, count)
    return found


def _row(
    pipe: TextToMotion,
    chosen: Chosen,
    name: tuple[str, str],
    rows: Sequence[int],
    seeds: int,
    seed: int,
    sampling: dict[str, Any],
) -> SeedSpreadRow:
    clip, seconds = chosen.clips[rows[0]], chosen.seconds(rows[0])
    own = derive_seed(seed, "spread", clip.id)
    made = [
        course(motion) for motion in pipe(clip.captions[0], seconds, seeds, own, batch=seeds, sampling=sampling).motions
    ]
    feature = pipe.bundle.feature
    real = [
        course(onto_feature(chosen.prepared.motion(chosen.rows[at]), feature).to(torch.float32))
        for at in rows[:MOST_RECORDINGS]
    ]
    return SeedSpreadRow(
        name="/".join(name),
        prompt=clip.captions[0],
        seeds=seeds,
        seconds=round(seconds, 3),
        recordings=len(real),
        real_mm=_mean_apart(real) if len(real) > 1 else None,
        mm=_mean_apart(made) if len(made) > 1 else 0.0,
    )


def _alike(chosen: Chosen, rows: Sequence[int]) -> list[int]:
    """Rows of the commonest style of a class, in an order of their own."""
    styles: dict[str, list[int]] = defaultdict(list)
    for at in rows:
        styles[chosen.clips[at].style].append(at)
    commonest = max(sorted(styles), key=lambda style: len(styles[style]))
    return sorted(styles[commonest], key=lambda at: hashlib.sha256(chosen.clips[at].id.encode()).digest())


def _mean_apart(courses: Sequence[np.ndarray]) -> float:
    return float(np.mean([apart_mm(one, two) for one, two in combinations(courses, 2)]))
