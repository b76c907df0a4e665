"""Draws: which windows of which clips a step sees; a pure function of seed, step and batch size.

Steps are planned in pools of ``POOL``: a pool's clips are drawn, given a window each, sorted by length and
cut into batches, whose order is then shuffled. So clips of like length share a batch and little is padded,
every clip keeps its chance, and a resumed run needs nothing but the step number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kinescale.core.errors import DataError
from kinescale.core.randomness import derive_seed
from kinescale.training.config import DrawConfig

POOL = 32


@dataclass(frozen=True)
class Candidate:
    """A clip that may be drawn.

    Its index in the store, frames, whether it may be cut and mirrored, class and corpus.
    """

    clip: int
    frames: int
    cuttable: bool = True
    mirrorable: bool = True
    label: str = ""
    corpus: str = ""


@dataclass(frozen=True)
class Window:
    """``length`` frames of a clip from ``start``; ``chance`` in [0, 1) picks its caption."""

    clip: int
    start: int
    length: int
    mirrored: bool
    chance: float


class Draws:
    """The stateless sampler of a stage.

    Parameters
    ----------
    candidates : clips to draw from; those that no window fits are left out.
    config : how to draw.
    stride : lengths are multiples of it (and of ``config.unit``).
    max_frames : the longest window; a clip that is longer and not ``cuttable`` is left out.
    seed : names the whole sequence.
    """

    def __init__(self, candidates: Sequence[Candidate], config: DrawConfig, *, stride: int, max_frames: int, seed: int):
        top = min(config.crop_frames or max_frames, max_frames)
        stride = math.lcm(stride, config.unit or 1)
        self.config, self.seed, self.stride = config, seed, stride
        self.top = top // stride * stride
        self.low = -(-config.min_frames // stride) * stride
        self.candidates = [c for c in candidates if self._fits(c)]
        if not self.candidates:
            raise DataError(
                f"none of the {len(candidates)} clips can be used; windows of {self.low} to {self.top} frames "
                "were asked for: change draw.min_frames or draw.crop_frames, or prepare other data."
            )
        self._frames = np.array([c.frames for c in self.candidates])
        self._cuttable = np.array([c.cuttable for c in self.candidates])
        self._mirrorable = np.array([c.mirrorable for c in self.candidates]) & config.mirror
        self._weights = self._weigh()
        self._pool = lru_cache(maxsize=2)(self._plan)

    def __len__(self) -> int:
        return len(self.candidates)

    def windows(self, step: int, batch_size: int) -> tuple[Window, ...]:
        """The windows of a step: of the whole batch, however many processes share it."""
        return self._pool(step // POOL, batch_size)[step % POOL]

    def every(self, batch_size: int) -> list[tuple[Window, ...]]:
        """Each candidate once, plain, its longest window from the middle, in batches of like length."""
        lengths = np.minimum(self._frames, self.top) // self.stride * self.stride
        order = np.argsort(lengths, kind="stable")
        windows = [
            Window(self.candidates[i].clip, int(self._frames[i] - lengths[i]) // 2, int(lengths[i]), False, 0.0)
            for i in order
        ]
        return [tuple(windows[at : at + batch_size]) for at in range(0, len(windows), batch_size)]

    def _fits(self, candidate: Candidate) -> bool:
        usable = min(candidate.frames, self.top) // self.stride * self.stride
        wanted = self.config.corpora.get(candidate.corpus, 1.0) > 0
        if self.config.shares:
            wanted = wanted and self.config.shares.get(candidate.corpus, 0.0) > 0
        # less than one latent step past the top is lost to rounding anyway
        whole = candidate.cuttable or candidate.frames < self.top + self.stride
        return wanted and whole and usable >= max(self.low, self.stride)

    def _weigh(self) -> np.ndarray | None:
        """Probability of each candidate; ``None`` when all are alike and each is seen once an epoch."""
        weights = np.array([self.config.corpora.get(c.corpus, 1.0) for c in self.candidates], dtype=np.float64)
        if self.config.balance in ("frames", "class_frames"):
            weights *= np.maximum(1.0, self._frames / self.top)
        if self.config.balance in ("class", "class_frames"):
            sizes = weights if self.config.balance == "class_frames" else np.ones(len(weights))
            _, inverse = np.unique([c.label for c in self.candidates], return_inverse=True)
            weights = weights * np.bincount(inverse, weights=sizes)[inverse] ** -self.config.balance_power
        if self.config.shares:
            names, inverse = np.unique([c.corpus for c in self.candidates], return_inverse=True)
            shares = np.array([self.config.shares[name] for name in names.tolist()])
            weights = weights / np.bincount(inverse, weights=weights)[inverse] * shares[inverse]
        return None if np.all(weights == weights[0]) else weights / weights.sum()

    def _plan(self, pool: int, batch: int) -> tuple[tuple[Window, ...], ...]:
        rng = np.random.Generator(np.random.PCG64(derive_seed(self.seed, "pool", pool)))
        chosen = self._choose(pool, POOL * batch, rng)
        lengths, starts = self._cut(chosen, rng)
        mirrored = (rng.random(len(chosen)) < 0.5) & self._mirrorable[chosen]
        chances = rng.random(len(chosen))
        # Random order before the stable sort: clips of one length must not always meet the same companions.
        shuffled = rng.permutation(len(chosen))
        order = shuffled[np.argsort(lengths[shuffled], kind="stable")]
        windows = [
            Window(
                self.candidates[chosen[i]].clip,
                int(starts[i]),
                int(lengths[i]),
                bool(mirrored[i]),
                float(chances[i]),
            )
            for i in order
        ]
        places = rng.permutation(POOL)
        return tuple(tuple(windows[p * batch : (p + 1) * batch]) for p in places)

    def _choose(self, pool: int, count: int, rng: np.random.Generator) -> np.ndarray:
        total = len(self.candidates)
        if self._weights is not None:
            return rng.choice(total, size=count, p=self._weights)
        at = np.arange(pool * count, (pool + 1) * count)
        chosen = np.empty(count, dtype=np.int64)
        for epoch in np.unique(at // total):
            inside = at // total == epoch
            turn = np.random.Generator(np.random.PCG64(derive_seed(self.seed, "epoch", int(epoch))))
            chosen[inside] = turn.permutation(total)[at[inside] % total]
        return chosen

    def _cut(self, chosen: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Lengths (multiples of the stride) and starts."""
        frames, stride = self._frames[chosen], self.stride
        lengths = np.minimum(frames, self.top) // stride
        low = np.minimum(max(self.low, stride) // stride, lengths)
        shorter = low + np.floor(rng.random(len(chosen)) * (lengths - low + 1)).astype(np.int64)
        cut = (rng.random(len(chosen)) < self.config.shorten) & self._cuttable[chosen]
        lengths = np.where(cut, shorter, lengths)
        if self.config.coin:
            lengths = lengths - ((rng.random(len(chosen)) < self.config.coin) & (lengths > 1))
        lengths = lengths * stride
        starts = np.floor(rng.random(len(chosen)) * (frames - lengths + 1)).astype(np.int64)
        return lengths, starts
