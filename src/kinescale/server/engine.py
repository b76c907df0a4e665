"""Engine: the pipelines of one bundle, shared by all workers, and the parts of a request that both interfaces have."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinescale.bundle.bundle import Bundle
from kinescale.core.errors import InputError, KinescaleError
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.pipelines import Controller, EditOptions, Editor, TextToMotion, Timeline, TimelinePipeline
from kinescale.pipelines.post_process import FINISH, PostProcess
from kinescale.server.errors import ApiError

OnPreview = Callable[[int, Sequence[Motion]], None]

MAX_PASSES = 64
"""Most passes per scale that a request may ask for."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """How motions are drawn: what both interfaces ask the pipelines for.

    ``samples`` per prompt, sample i from ``derive_seed(seed, "sample", i)``.
    """

    seconds: float
    samples: int = 1
    sampling: Mapping[str, Any] | None = None
    candidates: int | None = None
    scales: int | None = None
    post_process: PostProcess = FINISH


class Engine:
    """Pipelines of a bundle.

    Example
    -------
    >>> from kinescale import Bundle
    >>> from kinescale.server.engine import Engine
    >>> Engine(Bundle.from_pretrained()).longest_s > 4
    True
    """

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self.generator = TextToMotion(bundle)
        self.editor = Editor(bundle)
        self.timeline = TimelinePipeline(bundle)
        self.controller = Controller(bundle)
        self.fps = bundle.feature.fps
        self.scales = len(bundle.tokenizer.layout().scales)

    @property
    def longest_s(self) -> float:
        """Longest motion that is drawn at once, seconds."""
        return self.generator.seconds_range[1]

    def units(self, clips: int, seconds: float) -> float:
        """How much work some clips of a length are; the fixed part of a clip counts as a second."""
        return clips * (1.0 + seconds)

    def warm_up(self) -> float:
        """Draw a short motion, so that the first request finds everything loaded; seconds per unit of work."""
        seconds = min(1.0, self.longest_s)
        start = time.perf_counter()
        self.draw(["a person walks"], [0], Drawing(seconds, candidates=1))
        return (time.perf_counter() - start) / self.units(1, seconds)

    def check_sampling(self, given: Mapping[str, Any]) -> None:
        """Refuse settings that the bundle's sampler lacks, or that would compute for very long."""
        try:
            config: Any = self.bundle.settings(given)
        except KinescaleError as problem:
            raise ApiError("invalid_options", str(problem)) from None
        if max(getattr(config, "steps", None) or (0,)) > MAX_PASSES:
            raise ApiError("invalid_options", f"at most {MAX_PASSES} passes per scale are made here.")

    def draw(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        how: Drawing,
        on_scale: OnPreview | None = None,
    ) -> tuple[tuple[Motion, ...], Mapping[str, float]]:
        """Motions of prompts, each with a seed of its own; all advance scale by scale together."""
        made = self.generator(
            list(prompts),
            how.seconds,
            how.samples,
            list(seeds),
            sampling=how.sampling,
            post_process=how.post_process,
            scales=how.scales,
            candidates=how.candidates,
            on_scale=on_scale,
            batch=len(prompts) * how.samples,
        )
        return made.motions, made.timings

    def along(
        self, timeline: Timeline, seed: int, how: Drawing, blend_s: float | None = None
    ) -> tuple[list[Motion], list[tuple[int, ...]], list[str]]:
        """Motions of a timeline: the motions, the frames where pieces meet in each, and notes."""
        motions, frames, notes = [], [], []
        for sample in range(how.samples):
            own = derive_seed(seed, "sample", sample) if how.samples > 1 else seed
            options = EditOptions(seed=own, sampling=how.sampling or {}, post_process=how.post_process)
            if blend_s is not None:
                options = dataclasses.replace(options, blend=blend_s)
            made = self.timeline(timeline, options=options)
            motions.append(made.motion.with_meta(seed=seed, sample=sample))
            frames.append(tuple(one.frame for one in made.transitions if not one.parts))
            notes += [note for note in made.notes if note not in notes]
        return motions, frames, notes


def check_seed(seed: int) -> int:
    """The seed itself; ``invalid_options`` for one out of range."""
    try:
        derive_seed(seed)
    except InputError as problem:
        raise ApiError("invalid_options", str(problem)) from None
    return seed
