"""fid: Frechet distance of two Gaussians fitted to embeddings, real and generated; 0 for equal sets, no unit.

Heusel et al. 2017 (TTUR, section 4), as text-to-motion uses it since Guo et al. 2022, section 5.1. With covariances
``S = F F^T`` (from their eigenvalues), the trace of ``(S1 S2)^1/2`` is the sum of the singular values of ``F1^T F2``.
Both are symmetric problems, so there are no complex numbers to drop, and a singular covariance (fewer rows than the
embedding is wide) is no special case: the value is then exact for the sets given, but far above what more rows would
give; see ``Gaussian.full_rank``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Column, EmbeddedClips, Input, Rows, float64

INPUT: Input = "embeddings"
TITLE = "FID"
UNIT = ""
BETTER: Better = "lower"
COLUMNS = {"fid": Column(TITLE, UNIT, BETTER), "fid_halves": Column("FID of halves")}


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean [D] and unbiased covariance [D, D] (n - 1) of ``count`` rows, float64."""

    mean: Float[Tensor, "D"]
    covariance: Float[Tensor, "D D"]
    count: int

    @property
    def full_rank(self) -> bool:
        """Whether there are rows enough for a covariance without empty directions: more than D."""
        return self.count > self.mean.shape[0]

    @property
    def note(self) -> str:
        """One sentence where the rows are too few, else nothing."""
        width = self.mean.shape[0]
        return (
            ""
            if self.full_rank
            else f"FID of {self.count} motions in {width} dimensions: the covariance is singular and the value biased "
            "upwards; compare it only with values of as many motions."
        )

    def factor(self) -> Float[Tensor, "D D"]:
        """F with ``F F^T`` the covariance."""
        values, vectors = torch.linalg.eigh(self.covariance)
        return vectors * values.clamp(min=0).sqrt()


def gaussian(rows: Rows) -> Gaussian:
    """The Gaussian of embeddings [N, D]. ``InputError`` for fewer than two."""
    values = float64(rows, "embeddings")
    if len(values) < 2:
        raise InputError("a covariance needs at least two motions; one was given.")
    mean = values.mean(0)
    centered = values - mean
    return Gaussian(mean, centered.T @ centered / (len(values) - 1), len(values))


def distance(first: Gaussian, second: Gaussian) -> float:
    """Frechet distance of two Gaussians; symmetric, never below 0."""
    if first.mean.shape != second.mean.shape:
        raise InputError(
            f"Gaussians of {len(first.mean)} and {len(second.mean)} dimensions; expected one evaluator's embeddings."
        )
    gap = (first.mean - second.mean.to(first.mean.device)).square().sum()
    shared = torch.linalg.svdvals(first.factor().T @ second.factor().to(first.mean.device)).sum()
    return max(0.0, float(gap + first.covariance.trace() + second.covariance.trace() - 2 * shared))


def fid(real: Rows, generated: Rows) -> float:
    """FID of embeddings [N, D] and [M, D] of one evaluator."""
    return distance(gaussian(real), gaussian(generated))


def measure(clips: EmbeddedClips) -> dict[str, float]:
    """FID to the reference; of two halves of the recordings under a name of its own, since it has half the clips."""
    return {"fid_halves" if clips.halves else "fid": fid(clips.reference, clips.features)}
