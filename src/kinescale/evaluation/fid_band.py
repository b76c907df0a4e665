"""FID beside FID of recordings at one size: random halves, again and again, with the band in which they lie.

FID of few motions is biased upwards, the more the fewer there are, so a value for all clips must not be held against
one for half as many. Here the recordings are cut in two at random. One half of the recordings, and the motions made for
the sentences of that half, are both measured against the other half: two FIDs of one size, that differ only in who made
the motions. Repeating the cut gives a band for each, and for their quotient and difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.core.randomness import derive_seed
from kinescale.core.records import Record
from kinescale.metrics import fid

CUTS = 24
LEAST_CLIPS = 16
BAND = (2.5, 97.5)
"""Percentiles of the band."""


class Band(Record):
    """Median over the cuts, with the band that holds 95 % of them."""

    median: float
    low: float
    high: float


class FidBand(Record):
    """FID of ``size`` generated motions and of ``size`` recordings, each against ``size`` other recordings.

    ``ratio`` falls towards 1 where motions are few, since both values then hold the same bias; ``excess``, the one less
    the other, is free of it to first order, and compares between sizes.
    """

    size: int
    cuts: int
    real: Band
    generated: Band
    ratio: Band
    excess: Band


def fid_band(
    real: Float[Tensor, "N D"],
    made: Float[Tensor, "M D"],
    *,
    seed: int,
    takes: Sequence[str] = (),
    cuts: int = CUTS,
) -> FidBand | None:
    """FID of halves, from embeddings of recordings and of the motions made for their sentences, row by row.

    ``takes``: the take that each row is a window of; windows of one take overlap, so they go into one half (but for the
    take at the cut). ``None`` for fewer than ``LEAST_CLIPS``; ``InputError`` for rows that do not pair up.
    """
    if real.shape != made.shape:
        raise InputError(f"embeddings {tuple(real.shape)} and {tuple(made.shape)}; expected a motion for each clip.")
    count = len(real)
    if count < LEAST_CLIPS:
        return None
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "fid cuts")))
    halves, generated = [], []
    for _ in range(cuts):
        order = torch.from_numpy(_order(takes, count, rng))
        one, two = order[: count // 2], order[count // 2 : count // 2 * 2]
        other = fid.gaussian(real[two])
        halves.append(fid.distance(fid.gaussian(real[one]), other))
        generated.append(fid.distance(fid.gaussian(made[one]), other))
    excess = [two - one for one, two in zip(halves, generated, strict=True)]
    ratios = [two / max(one, 1e-12) for one, two in zip(halves, generated, strict=True)]
    bands = {"real": halves, "generated": generated, "ratio": ratios, "excess": excess}
    return FidBand(size=count // 2, cuts=cuts, **{name: _band(values) for name, values in bands.items()})


def _order(takes: Sequence[str], count: int, rng: np.random.Generator) -> Int[np.ndarray, " N"]:
    """Rows in random order, those of one take together."""
    if not takes:
        return rng.permutation(count)
    names, number = np.unique(list(takes), return_inverse=True)
    place = rng.permutation(len(names))
    return np.argsort(place[number], kind="stable")


def _band(values: list[float]) -> Band:
    low, high = np.percentile(values, BAND)
    return Band(median=float(np.median(values)), low=float(low), high=float(high))
