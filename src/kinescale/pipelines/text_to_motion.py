"""Text to motion: prompts and a length in, motions out; (prompt, seed, settings) fixes each motion.

A clip draws from its own random stream, and nothing of it is computed in a tensor that other clips share, on a fixed
number of threads (``nn.threads``): its motion does not depend on what else is made in the same call.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.conventions import DEFAULT_SEED, MAX_CANDIDATES
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.core.randomness import derive_seed
from kinescale.core.records import Record
from kinescale.description.prompts import parse_prompt
from kinescale.generators.base.length import median_steps
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines import runtime
from kinescale.pipelines.post_process import FINISH, PostProcess, postprocess
from kinescale.pipelines.refinement import Draw, Limits, Refiner, refine
from kinescale.samplers.base import OnScale as OnLatent
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

OnScale = Callable[[int, Sequence[Motion]], None]

SECONDS = 4.0
"""Length where none is asked for or estimated; less where the bundle's longest clip is shorter."""


@dataclass(frozen=True, eq=False)
class Generated:
    """Result of ``TextToMotion``: ``len(prompts) x samples`` clips, prompt by prompt.

    Parameters
    ----------
    motions : the clips, each with its prompt, seed, license and generator in ``meta``.
    tokens : the tokens of each clip, all scales.
    seeds : the derived seed of each clip.
    timings : seconds spent on ``text``, ``sampling``, ``decoding``, and in ``total``.

    Example
    -------
    >>> from kinescale import TextToMotion
    >>> made = TextToMotion.from_pretrained()(["a person walks", "a person waves"], 1.0)
    >>> [motion.meta["prompt"] for motion in made.motions]
    ['a person walks', 'a person waves']
    """

    motions: tuple[Motion, ...]
    tokens: tuple[TokenMap, ...]
    seeds: tuple[int, ...]
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Clip:
    """One clip to make: the row of its prompt, its seed, and its ``meta``."""

    row: int
    seed: int
    meta: dict[str, Any]


@dataclass(frozen=True)
class _Settings:
    """What all clips of a call have in common."""

    frames: int
    config: Record
    post_process: PostProcess
    scales: int | None
    on_scale: OnScale | None
    shared_passes: bool
    batch: int


@dataclass(frozen=True, eq=False)
class _Made:
    """One clip as drawn and decoded, with the seed of its draw."""

    motion: Motion
    tokens: TokenMap
    seed: int


class TextToMotion(runtime.Pipeline):
    """Text-to-motion pipeline of a bundle.

    Example
    -------
    >>> from kinescale import TextToMotion
    >>> pipe = TextToMotion.from_pretrained()
    >>> motion = pipe("a person walks forward", seconds=1.0, seed=3).motions[0]
    >>> motion.fps, len(motion)
    (30.0, 30)
    """

    @property
    def seconds_range(self) -> tuple[float, float]:
        """Shortest and longest clip, seconds."""
        fps = self.bundle.feature.fps
        return self.bundle.stride / fps, self.bundle.max_frames / fps

    def frames(self, seconds: float | int) -> int:
        """Frames of a clip of ``seconds``; ``InputError`` when that is out of the bundle's range."""
        low, high = self.seconds_range
        fps = self.bundle.feature.fps
        frames = round(float(seconds) * fps) if math.isfinite(seconds) else 0
        if not self.bundle.stride <= frames <= self.bundle.max_frames:
            raise InputError(f"{seconds} seconds; this bundle makes clips of {low:.2f} to {high:.2f} seconds.")
        return frames

    @on_fixed_threads
    def estimated_seconds(self, prompt: str) -> float | None:
        """Length of a prompt's motion as the bundle's estimator expects it, its median, seconds.

        ``None`` where the bundle has no length estimator (``generators.base.length``).
        """
        estimator = self.bundle.length_estimator()
        if estimator is None:
            return None
        with torch.no_grad():
            text = runtime.encode_text(self.bundle, [check_prompt(prompt)])
            steps = int(median_steps(estimator.length_logits(text))[0])
        frames = min(steps * self.bundle.stride, self.bundle.max_frames)
        return frames / self.bundle.feature.fps

    def default_seconds(self, prompt: str) -> float:
        """Length of a prompt's motion when none is asked for: the estimated one, else 4 s or the longest possible."""
        estimated = self.estimated_seconds(prompt)
        return min(SECONDS, self.seconds_range[1]) if estimated is None else estimated

    @on_fixed_threads
    def __call__(
        self,
        prompt: str | Sequence[str],
        seconds: float | int | None = None,
        samples: int | Sequence[int] = 1,
        seed: int | Sequence[int] = DEFAULT_SEED,
        *,
        sampling: Mapping[str, Any] | None = None,
        post_process: PostProcess = FINISH,
        scales: int | None = None,
        on_scale: OnScale | None = None,
        batch: int = 1,
        shared_passes: bool = False,
        candidates: int | None = None,
        guidance: float | None = None,
    ) -> Generated:
        """Make motions.

        Parameters
        ----------
        prompt : a sentence, or several.
        seconds : length of every clip, to the nearest frame. ``None``: what the bundle's length estimator expects of
            each prompt, where it has one, else 4 (``default_seconds``).
        samples : how many clips per prompt, or which: ``[3]`` makes sample 3 alone, as it is among others.
        seed : sample i of any prompt draws from ``derive_seed(seed, "sample", i)``; several: one per prompt.
        sampling : settings of the bundle's sampler that differ from its defaults, such as ``guidance_scale``,
            ``steps``, ``temperature``, ``top_p``; ``None`` as a value keeps the default.
        post_process : post-processing of the decoded motion; ``RAW`` is none.
        scales : decode only the coarsest so many scales.
        on_scale : called with a scale's index and a batch's clips decoded after it.
        batch : clips that advance scale by scale together, as ``on_scale`` sees them; no motion depends on it.
        shared_passes : draw a batch's clips in the same network passes: faster on an accelerator and for small
            networks, but matrix products then round differently, which now and then turns a draw, so that a motion
            may depend on what else is in its batch (``docs/batch_invariance.md``).
        candidates : most rounds of draws per clip. A clip that misses a claim of its prompt, such as a side or an
            order, as measured on the motion (``pipelines.candidates``), is drawn again, put together from its parts,
            mirrored or adjusted (``pipelines.refinement``), and the best is kept; its ``meta`` has the claims kept
            and missed and what was done. 1: a single draw as it is. By default the bundle's number.
        guidance : former name and meaning of ``guidance_scale`` in ``sampling``, for one release, with a warning.

        Raises ``InputError`` for a value out of range or a setting that the sampler lacks.
        """
        clock: dict[str, float] = {"text": 0.0, "sampling": 0.0, "decoding": 0.0, "total": 0.0}
        with _timed(clock, "total"), torch.no_grad():
            prompts = [check_prompt(p) for p in ([prompt] if isinstance(prompt, str) else prompt)]
            former = {} if guidance is None else {"guidance": guidance}
            config = self.bundle.settings({**(sampling or {}), **former})
            self._check_scales(scales)
            if batch < 1:
                raise InputError(f"batch is {batch}; expected at least 1.")
            draws = self.bundle.candidates if candidates is None else candidates
            if not 1 <= draws <= MAX_CANDIDATES:
                raise InputError(f"candidates is {draws}; expected 1 to {MAX_CANDIDATES}.")
            indices = runtime.sample_indices(samples)
            seeds = _checked_seeds(prompts, indices, seed)
            made: list[_Made] = []
            for length, rows in self._by_length(prompts, seconds):
                ask = _Settings(self.frames(length), config, post_process, scales, on_scale, shared_passes, batch)
                some = prompts[rows]
                clips = self._clips(some, indices, seeds[rows], ask)
                drawn = self._make(some, clips, ask, clock)
                if draws > 1 and scales is None:
                    drawn = self._improve(some, clips, drawn, ask, draws, clock)
                made += drawn
        motions, tokens = tuple(one.motion for one in made), tuple(one.tokens for one in made)
        return Generated(motions, tokens, tuple(one.seed for one in made), clock)

    def _by_length(self, prompts: list[str], seconds: float | int | None) -> list[tuple[float, slice]]:
        """Rows of prompts that follow each other and have one length."""
        if seconds is not None:
            return [(float(seconds), slice(0, len(prompts)))]
        lengths = [self.default_seconds(prompt) for prompt in prompts]
        starts = [i for i, length in enumerate(lengths) if i == 0 or lengths[i - 1] != length]
        return [(lengths[a], slice(a, b)) for a, b in zip(starts, [*starts[1:], len(prompts)], strict=True)]

    @on_fixed_threads
    def features(
        self,
        prompt: str,
        frames: int,
        samples: int | Sequence[int] = 1,
        seed: int = DEFAULT_SEED,
        *,
        sampling: Mapping[str, Any] | None = None,
    ) -> list[Float[Tensor, "T F"]]:
        """Decoded features of clips of ``frames`` frames, not normalized: single draws, nothing processed.

        A clip is that of the same call of the pipeline itself, before it is turned into a motion. Raises ``InputError``
        for a value out of range.
        """
        if not self.bundle.stride <= frames <= self.bundle.max_frames:
            raise InputError(f"{frames} frames; this bundle makes {self.bundle.stride} to {self.bundle.max_frames}.")
        with torch.no_grad():
            ask = _Settings(frames, self.bundle.settings(sampling or {}), FINISH, None, None, False, 1)
            clips = self._clips([check_prompt(prompt)], runtime.sample_indices(samples), [seed], ask)
            text = runtime.encode_text(self.bundle, [prompt])
            return [runtime.decode(self.bundle, self._sampled(text, [clip], ask), frames) for clip in clips]

    def _make(self, prompts: list[str], clips: list[_Clip], ask: _Settings, clock: dict[str, float]) -> list[_Made]:
        """One draw of each clip."""
        made: list[_Made] = []
        with _timed(clock, "text"):
            text = runtime.encode_text(self.bundle, prompts)
        for first in range(0, len(clips), ask.batch):
            some = clips[first : first + ask.batch]
            with _timed(clock, "sampling"):
                sampled = self._sampled(text, some, ask)
            with _timed(clock, "decoding"):
                for i, clip in enumerate(some):
                    single = runtime.one_clip(sampled, i)
                    features = runtime.decode(self.bundle, single, ask.frames, scales=ask.scales)
                    made.append(_Made(self._motion(features, clip, ask), single, clip.seed))
        return made

    def _improve(
        self,
        prompts: list[str],
        clips: list[_Clip],
        made: list[_Made],
        ask: _Settings,
        draws: int,
        clock: dict[str, float],
    ) -> list[_Made]:
        """Refine the clips that miss a claim of their prompt (``pipelines.refinement``).

        Every draw has a seed of its own, derived from the clip's, so that neither the other clips nor their number
        matter.
        """
        bundle = self.bundle
        limits = Limits(bundle.stride, bundle.max_frames, bundle.feature.fps)
        refiners = [
            Refiner(prompts[clip.row], parse_prompt(prompts[clip.row]), one.motion, clip.seed, limits)
            for one, clip in zip(made, clips, strict=True)
        ]
        quiet = dataclasses.replace(ask, on_scale=None)

        def make(asked: Sequence[tuple[int, Draw]]) -> list[Motion]:
            found: dict[int, Motion] = {}
            for frames in dict.fromkeys(draw.frames for _, draw in asked):
                alike = [(k, i, draw) for k, (i, draw) in enumerate(asked) if draw.frames == frames]
                some = [_Clip(row, draw.seed, clips[i].meta) for row, (_, i, draw) in enumerate(alike)]
                texts = [draw.text for _, _, draw in alike]
                drawn = self._make(texts, some, dataclasses.replace(quiet, frames=frames), clock)
                found |= {k: one.motion for (k, _, _), one in zip(alike, drawn, strict=True)}
            return [found[k] for k in range(len(asked))]

        refine(refiners, draws, make)
        return [self._refined(one, refiner) for one, refiner in zip(made, refiners, strict=True)]

    def _refined(self, first: _Made, refiner: Refiner) -> _Made:
        """The clip as refined; of a motion that no single draw made, the tokens that encode it."""
        tokens = first.tokens
        if refiner.best is not refiner.first:
            tokens = runtime.encode(self.bundle, self.bundle.feature.from_motion(refiner.best)).tokens
        return dataclasses.replace(first, motion=refiner.result(), tokens=tokens)

    def _clips(self, prompts: list[str], indices: Sequence[int], seeds: Sequence[int], ask: _Settings) -> list[_Clip]:
        shared = runtime.bundle_meta(self.bundle)
        shared |= runtime.sampling_meta(self.bundle, ask.config, ask.post_process, ask.scales)
        return [
            _Clip(row, derive_seed(own, "sample", i), {"prompt": p, "seed": own, "sample": i, **shared})
            for row, (p, own) in enumerate(zip(prompts, seeds, strict=True))
            for i in indices
        ]

    def _check_scales(self, scales: int | None) -> None:
        most = len(self.bundle.tokenizer.layout().scales)
        if scales is not None and not 1 <= scales <= most:
            raise InputError(f"{scales} scales; this bundle has 1 to {most}.")

    def _sampled(self, text: TextFeatures, batch: list[_Clip], ask: _Settings) -> TokenMap:
        """The tokens of a batch of clips."""
        bundle = self.bundle
        rows = [clip.row for clip in batch]
        whole = -(-ask.frames // bundle.stride) * bundle.stride
        lengths = torch.full((len(batch),), whole // bundle.stride, device=bundle.device)
        sampled = runtime.sample(
            bundle,
            TextFeatures(text.tokens[rows], text.mask[rows]),
            bundle.tokenizer.layout(whole),
            lengths,
            config=ask.config,
            rngs=[torch.Generator().manual_seed(clip.seed) for clip in batch],
            on_scale=self._watcher(batch, lengths[:1], ask),
            shared_passes=ask.shared_passes,
        )
        return bundle.plain(sampled.tokens)

    def _watcher(self, batch: list[_Clip], length: Tensor, ask: _Settings) -> OnLatent | None:
        """What decodes the latents after each scale for the caller's ``on_scale``."""
        if (on_scale := ask.on_scale) is None:
            return None

        def watch(scale: int, latent: Tensor) -> None:
            decoded = [
                runtime.decode_latent(self.bundle, latent[i : i + 1].clone(), length, ask.frames)
                for i in range(len(batch))
            ]
            on_scale(scale, [self._motion(one, clip, ask) for one, clip in zip(decoded, batch, strict=True)])

        return watch

    def _motion(self, features: Float[Tensor, "T F"], clip: _Clip, ask: _Settings) -> Motion:
        done = postprocess(self.bundle.feature, features, ask.post_process)
        return done.motion.with_meta(**clip.meta, **done.report)


def _checked_seeds(prompts: Sequence[str], indices: Sequence[int], seed: int | Sequence[int]) -> list[int]:
    """A seed per prompt; ``InputError`` for another number of them, or too many clips."""
    seeds = [seed] * len(prompts) if isinstance(seed, int) else list(seed)
    if len(seeds) != len(prompts):
        raise InputError(f"{len(seeds)} seeds for {len(prompts)} prompts; give one, or one for each prompt.")
    if not 1 <= len(prompts) * len(indices) <= runtime.MAX_CLIPS:
        raise InputError(
            f"{len(prompts)} prompts with {len(indices)} samples each; expected 1 to {runtime.MAX_CLIPS} clips."
        )
    return seeds


@contextlib.contextmanager
def _timed(clock: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        clock[name] += time.perf_counter() - start
