"""Clips of a split that a bundle can generate, and the motions generated from their captions, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from kinescale.bundle.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.core.errors import DataError, InputError
from kinescale.core.randomness import derive_seed
from kinescale.data.prepared import Prepared, PreparedClip
from kinescale.features import Feature
from kinescale.motion import Motion, canonicalize
from kinescale.pipelines import Generated, TextToMotion, onto_feature

Progress = Callable[[str, int, int], None]
"""Callback with a task's name, the amount done, and the total."""

DECODED_SCALES = "decoded_scales"
"""Stands among a setting's sampler options for how many of the coarsest scales are decoded."""

LEAST_FRAMES = 4
"""Frames that a third difference needs."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Clips of a split that both bundle and evaluator accept; ``rows`` are their indices in the prepared data.

    ``left_out``: reason -> count.
    """

    prepared: Prepared
    rows: tuple[int, ...]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def clips(self) -> list[PreparedClip]:
        """The clips, in the order of their ids."""
        return [self.prepared.clips[row] for row in self.rows]

    def motions(self) -> Iterator[Motion]:
        """Their recordings, read one at a time."""
        return (self.prepared.motion(row) for row in self.rows)

    def seconds(self, index: int) -> float:
        """Length of a clip."""
        clip = self.prepared.clips[self.rows[index]]
        return clip.frames / self.prepared.fps


def choose(
    prepared: Prepared,
    split: str,
    bundle: Bundle,
    evaluator: EvaluatorBundle | None,
    limit: int | None,
    *,
    captions: bool = True,
    frames: Callable[[int], int] | None = None,
) -> Chosen:
    """The split's clips that have captions and a possible length; ``limit``: at most this many, evenly spread.

    ``captions``: whether clips without any are left out; ``frames``: the frames of a window of a clip, where clips are
    cut before they count. ``DataError`` when there is none.
    """
    why: Counter[str] = Counter()
    kept = []
    counts = Counter(clip.split for clip in prepared.clips)
    for row, clip in enumerate(prepared.clips):
        if clip.split == split:
            cut = clip if frames is None else replace(clip, frames=frames(clip.frames))
            reason = _left_out(cut, prepared.fps, bundle, evaluator) if captions else ""
            kept += [row] * (reason == "")
            why[reason] += reason != ""
    if not kept:
        there = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        listed = "; ".join(f"{count} left out: {reason}" for reason, count in why.items() if count)
        raise DataError(
            f"the split '{split}' has no clip to evaluate on{' (' + listed + ')' if listed else ''}; "
            f"the data has {there or 'no clips'}: choose another --split or prepare more."
        )
    if limit is not None and limit < len(kept):
        why["not among the evenly spread clips of --limit"] = len(kept) - limit
        kept = [kept[i * len(kept) // limit] for i in range(limit)]
    return Chosen(prepared, tuple(kept), {reason: count for reason, count in sorted(why.items()) if count})


def _left_out(clip: PreparedClip, fps: float, bundle: Bundle, evaluator: EvaluatorBundle | None) -> str:
    """Why a clip cannot be used; "" when it can."""
    frames = round(clip.frames / fps * bundle.feature.fps)
    least = max(bundle.stride, LEAST_FRAMES)
    if not clip.captions:
        return "without a caption"
    if frames > bundle.max_frames:
        return f"longer than the bundle's {bundle.max_frames / bundle.feature.fps:.2f} s"
    if frames < least or clip.frames < LEAST_FRAMES:
        return f"shorter than the bundle's {least / bundle.feature.fps:.2f} s"
    # a feature of velocities has one frame fewer
    if (
        evaluator is not None
        and frames * evaluator.feature.fps / bundle.feature.fps - 1 < evaluator.evaluator.min_frames
    ):
        return f"shorter than the evaluator's {evaluator.evaluator.min_frames} frames"
    return ""


def seen(motion: Motion, feature: Feature) -> Motion:
    """A motion as input of a feature: on its skeleton, at its frame rate, from the canonical start."""
    return canonicalize(onto_feature(motion, feature).to(torch.float32))


def generate(
    pipe: TextToMotion,
    chosen: Chosen,
    captions: Sequence[str],
    *,
    seed: int,
    samples: Sequence[int],
    index: Iterable[int],
    sampling: dict[str, Any],
) -> Iterator[Generated]:
    """Motions for the caption and length of each clip in ``index``; each clip has its own seed.

    ``samples``: indices of the clip's samples; ``sampling``: the sampler's settings, and ``DECODED_SCALES``, only so
    many scales of which, the coarsest, are decoded.
    """
    settings = {name: value for name, value in sampling.items() if name != DECODED_SCALES}
    for i in index:
        own = derive_seed(seed, "evaluate", chosen.clips[i].id)
        scales = sampling.get(DECODED_SCALES)
        yield pipe(captions[i], chosen.seconds(i), list(samples), own, sampling=settings, scales=scales)


def check_evaluator(evaluator: EvaluatorBundle, motion: Motion, whose: str) -> None:
    """``InputError`` when the evaluator's feature cannot be made of such motions."""
    from kinescale.bundle.manifest import variant_of
    from kinescale.core.errors import KinescaleError

    reads = evaluator.evaluator.reads
    if reads and reads != variant_of(evaluator.feature):
        raise InputError(
            f"the evaluator's network reads '{reads}' and its folder says '{variant_of(evaluator.feature)}'; "
            "take an evaluator whose parts belong together."
        )
    try:
        evaluator.feature.from_motion(seen(motion, evaluator.feature))
    except KinescaleError as problem:
        raise InputError(
            f"the evaluator reads '{variant_of(evaluator.feature)}' on the skeleton "
            f"'{evaluator.feature.skeleton.name}', and {whose} cannot be brought onto it ({problem}); take another."
        ) from None
