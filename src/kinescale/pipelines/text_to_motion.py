"""Text to motion: sentences and a length in, motions out; (prompt, seed, settings) fixes each motion.

A clip draws from its own random stream, and nothing of it is computed in a tensor that other clips share, on a fixed
number of threads (``nn.threads``): it does not matter what else is made in the same call.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

import kinescale
from kinescale.bundle.bundle import Bundle
from kinescale.bundle.hub import DEFAULT
from kinescale.core.conventions import DEFAULT_SEED
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.core.randomness import derive_seed
from kinescale.core.records import Record
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.provenance import sampling_meta
from kinescale.pipelines.runtime import FINISH, PostProcess, post_process
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

MAX_CLIPS = 4096
"""Clips of one call."""


OnScale = Callable[[int, Sequence[Motion]], None]


@dataclass(frozen=True, eq=False)
class Generated:
    """What a call made: ``len(prompts) x samples`` clips, prompt by prompt.

    Parameters
    ----------
    motions : the clips, each with its prompt, seed, license and generator in ``meta``.
    tokens : the tokens of each clip, all scales.
    seeds : the derived seed each clip was drawn from.
    timings : seconds spent on ``text``, ``sampling``, ``decoding``, and in ``total``.
    """

    motions: tuple[Motion, ...]
    tokens: tuple[TokenMap, ...]
    seeds: tuple[int, ...]
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Clip:
    """One clip to make: its prompt's row, what it draws from, and what is written into its ``meta``."""

    row: int
    seed: int
    meta: dict[str, Any]


class TextToMotion:
    """A bundle that is ready to be asked. Build it once and call it often."""

    def __init__(self, bundle: Bundle):
        bundle.sampler()
        self.bundle = bundle

    @classmethod
    def from_pretrained(cls, path_or_repo_id: str | Path = DEFAULT, **options: Any) -> TextToMotion:
        """The pipeline of a bundle; takes what ``Bundle.from_pretrained`` takes."""
        return cls(Bundle.from_pretrained(path_or_repo_id, **options))

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
    def __call__(
        self,
        prompt: str | Sequence[str],
        seconds: float | int = 4.0,
        samples: int | Sequence[int] = 1,
        seed: int = DEFAULT_SEED,
        *,
        scales: int | None = None,
        on_scale: OnScale | None = None,
        batch: int = 1,
        shared_passes: bool = False,
        finish: PostProcess = FINISH,
        **sampling: Any,
    ) -> Generated:
        """Make motions.

        Parameters
        ----------
        prompt : a sentence, or several.
        seconds : length of every clip, to the nearest frame.
        samples : how many clips a prompt, or which: ``[3]`` makes sample 3 alone, as it is among others.
        seed : sample i of any prompt draws from ``derive_seed(seed, "sample", i)``.
        scales : decode only the coarsest so many scales.
        on_scale : called with a scale's index and a batch's clips as they stand after it.
        batch : clips that advance scale by scale together, as ``on_scale`` sees them; no motion depends on it.
        shared_passes : draw a batch's clips in the same network passes: faster on an accelerator and for small
            networks, but matrix products then round differently, which now and then turns a draw, so that a motion
            may depend on what else is in its batch (``docs/batch_invariance.md``).
        finish : what is done to the decoded motion; ``RAW`` leaves it as the tokenizer decodes it.
        sampling : settings of the bundle's sampler that differ from its defaults, such as ``guidance``,
            ``steps``, ``temperature``, ``top_p``; ``None`` keeps the default.

        Raises ``InputError`` for a value out of range, ``ConfigError`` for a setting the sampler lacks.
        """
        clock: dict[str, float] = {"text": 0.0, "sampling": 0.0, "decoding": 0.0, "total": 0.0}
        motions: list[Motion] = []
        tokens: list[TokenMap] = []
        with _timed(clock, "total"), torch.no_grad():
            prompts = [check_prompt(p) for p in ([prompt] if isinstance(prompt, str) else prompt)]
            frames = self.frames(seconds)
            config = self._settings(sampling)
            known = sampling_meta(self.bundle, config, finish, scales=scales)
            clips = self._clips(prompts, sample_indices(samples), seed, known)
            self._check_scales(scales)
            if batch < 1:
                raise InputError(f"batch is {batch}; expected at least 1.")
            with _timed(clock, "text"):
                features = TextFeatures.stack([self.bundle.text_encoder.encode([p]) for p in prompts])
            for first in range(0, len(clips), batch):
                some = clips[first : first + batch]
                with _timed(clock, "sampling"):
                    drawn = self._draw(features, some, frames, config, on_scale, finish, shared_passes)
                with _timed(clock, "decoding"):
                    singles = [_single(drawn, i) for i in range(len(some))]
                    shown = singles if scales is None else [single.first(scales) for single in singles]
                    for single, clip in zip(shown, some, strict=True):
                        motions.append(self._motion(self.bundle.tokenizer.decode(single), clip, frames, finish))
                tokens += singles
        return Generated(tuple(motions), tuple(tokens), tuple(clip.seed for clip in clips), clock)

    def _clips(self, prompts: list[str], indices: Sequence[int], seed: int, known: dict[str, Any]) -> list[_Clip]:
        if not 1 <= len(prompts) * len(indices) <= MAX_CLIPS:
            raise InputError(
                f"{len(prompts)} prompts with {len(indices)} samples each; expected 1 to {MAX_CLIPS} clips."
            )
        shared = {
            "license": self.bundle.license,
            "generator": f"kinescale {kinescale.__version__}",
            "bundle": self.bundle.content_hash,
            **known,
        }
        return [
            _Clip(row, derive_seed(seed, "sample", i), {"prompt": p, "seed": seed, "sample": i, **shared})
            for row, p in enumerate(prompts)
            for i in indices
        ]

    def _settings(self, sampling: dict[str, Any]) -> Record:
        return self.bundle.settings(sampling)

    def _check_scales(self, scales: int | None) -> None:
        most = len(self.bundle.tokenizer.layout().scales)
        if scales is not None and not 1 <= scales <= most:
            raise InputError(f"{scales} scales; this bundle has 1 to {most}.")

    def _draw(
        self,
        features: TextFeatures,
        batch: list[_Clip],
        frames: int,
        config: Record,
        on_scale: OnScale | None,
        finish: PostProcess,
        shared_passes: bool,
    ) -> TokenMap:
        bundle = self.bundle
        sample, _ = bundle.sampler()
        rows = [clip.row for clip in batch]
        text = TextFeatures(features.tokens[rows], features.mask[rows]).to(bundle.device)
        whole = -(-frames // bundle.stride) * bundle.stride
        layout = bundle.tokenizer.layout(whole)
        latents = torch.full((len(batch),), whole // bundle.stride, device=bundle.device)
        rngs = [torch.Generator().manual_seed(clip.seed) for clip in batch]

        def show(scale: int, running: Tensor) -> None:
            assert on_scale is not None
            ones = [bundle.tokenizer.decode_latent(running[i : i + 1].clone(), latents[:1]) for i in range(len(batch))]
            on_scale(scale, [self._motion(one, clip, frames, finish) for one, clip in zip(ones, batch, strict=True)])

        watch = None if on_scale is None else show
        options = {"config": config, "rngs": rngs, "on_scale": watch, "shared_passes": shared_passes}
        drawn = sample(bundle.generator, bundle.codec, text, None, layout, latents, **options)
        return bundle.plain(drawn.tokens)

    def _motion(self, decoded: Float[Tensor, "1 T F"], clip: _Clip, frames: int, finish: PostProcess) -> Motion:
        features = self.bundle.normalizer.undo(decoded[0, :frames].float().cpu())
        done = post_process(self.bundle.feature, features, finish)
        return done.motion.with_meta(**clip.meta, **done.report)


def _single(tokens: TokenMap, clip: int) -> TokenMap:
    """One clip of a batch."""
    one = slice(clip, clip + 1)
    return TokenMap(tokens.layout, tokens.latents[one], tuple(scale[one] for scale in tokens.scales))


def sample_indices(samples: int | Sequence[int]) -> Sequence[int]:
    """How many samples, or which, as indices; ``InputError`` for none or too many."""
    if isinstance(samples, int):
        if not 1 <= samples <= MAX_CLIPS:
            raise InputError(f"{samples} samples; expected 1 to {MAX_CLIPS}.")
        return range(samples)
    if not 1 <= len(samples) <= MAX_CLIPS or any(index < 0 for index in samples):
        raise InputError(f"the samples asked for are {list(samples)}; expected whole numbers from 0.")
    return list(samples)


@contextlib.contextmanager
def _timed(clock: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        clock[name] += time.perf_counter() - start
