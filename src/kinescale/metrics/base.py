"""Metric contract: what a metric's module declares, and how evaluation calls it.

A module declares ``INPUT``, ``TITLE``, ``UNIT`` and ``BETTER``, and ``measure``, whose argument depends on ``INPUT``:

- ``"embeddings"``: an ``EmbeddedClips``; one number per set of clips.
- ``"motion"``: a ``Motion`` of four frames or more; one number per clip, averaged over clips.
- ``"reconstruction"``: a recording and its reconstruction, both a ``Motion``; one number per clip, averaged over clips.
- ``"tokens"``: token indices of one scale, and the size of its codebook; one number per scale.
- ``"gap"``: arrays of recorded and of filled gaps, as the metric's own function takes them; used by the in-betweening
  benchmark, not by ``kinescale evaluate``.

``measure`` returns a number, a ``Value``, or a dictionary of them by column name. A metric with several columns, or
with another name for its column, declares ``COLUMNS: Mapping[str, Column]``. ``SkeletonError`` means that the metric
does not apply to the skeleton; a missing column is left empty. A motion metric that needs the recordings' level also
offers ``calibrate(results of recordings) -> level`` and ``numbers(result, level)``; ``measure`` may then return any
object.

Functions take NumPy arrays or tensors of any float type and compute in float64. Rows of pairs and pools come in as
indices and are never drawn inside, so that the same call gives the same number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import InputError

Input = Literal["embeddings", "motion", "reconstruction", "tokens", "gap"]
Better = Literal["lower", "higher", "as real", "neither"]
"""Which way is better; "as real": the nearer to real motion's own value."""

ARROWS = {"lower": "↓", "higher": "↑", "as real": "→", "neither": ""}

Numbers = Float[np.ndarray, "..."] | Float[Tensor, "..."]
Rows = Float[np.ndarray, "_ _"] | Float[Tensor, "_ _"]
Indices = Int[np.ndarray, "..."] | Int[Tensor, "..."]


@dataclass(frozen=True)
class Column:
    """Heading of one column of a table of metrics."""

    title: str
    unit: str = ""
    better: Better = "neither"

    @property
    def heading(self) -> str:
        """Title, unit and arrow.

        Example
        -------
        >>> Column("foot skate", "m/s", "lower").heading
        'foot skate m/s ↓'
        """
        return " ".join(part for part in (self.title, self.unit, ARROWS[self.better]) if part)


@dataclass(frozen=True)
class Value:
    """A number and, where it is a mean over clips, its standard error over them."""

    value: float
    error: float | None = None

    @staticmethod
    def mean_of(values: Float[Tensor, "N"]) -> Value:
        """Mean and standard error of one number per clip."""
        error = float(values.std() / len(values) ** 0.5) if len(values) > 1 else None
        return Value(float(values.mean()), error)


def _no_rows() -> Tensor:
    return torch.empty(0, dtype=torch.long)


@dataclass(frozen=True, eq=False)
class EmbeddedClips:
    """Embeddings of N clips, with the rows that a protocol's repeat counts: input of the embedding metrics.

    Parameters
    ----------
    text, motion : [N, D] in the space that compares texts with motions.
    reference, features : [M, D2] and [M2, D2] of recordings and of the motions, in the space of FID.
    halves : ``reference`` and ``features`` are two halves of the recordings.
    counted : [C] rows that count.
    pools : [Q, P] rows of each pool (-1: none), or with ``own_pools`` [C, P] each row's own pool, the row itself first.
    pairs : [2, pairs] of rows for diversity; [2, 0] for all pairs.
    samples : [K, S, D] motions of each of K prompts, ``None`` where there are none.
    sample_pairs : [2, pairs] of samples; [2, 0] for all pairs.
    cosine : whether the evaluator compares by angle instead of distance.
    """

    text: Float[Tensor, "N D"]
    motion: Float[Tensor, "N D"]
    reference: Float[Tensor, "M D2"]
    features: Float[Tensor, "M2 D2"]
    counted: Int[Tensor, "C"]
    pools: Int[Tensor, "Q P"]
    own_pools: bool = False
    halves: bool = False
    pairs: Int[Tensor, "..."] = field(default_factory=_no_rows)
    samples: Float[Tensor, "K S D"] | None = None
    sample_pairs: Int[Tensor, "..."] = field(default_factory=_no_rows)
    cosine: bool = False


def float64(values: Numbers, what: str) -> Float[Tensor, "..."]:
    """The values as a float64 tensor; ``InputError`` when there are none or one is not finite."""
    found = torch.as_tensor(values).detach().to(torch.float64)
    if found.numel() == 0:
        raise InputError(f"{what} of shape {tuple(found.shape)} hold no numbers; give at least one row.")
    if not bool(torch.isfinite(found).all()):
        raise InputError(f"{what} hold numbers that are not finite; mend or leave out the clips they come from.")
    return found


def paired(first: Numbers, second: Numbers, what: str) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    """Two arrays of one shape as float64 on the first's device; ``InputError`` when their shapes differ."""
    one, two = float64(first, what), float64(second, what)
    if one.shape != two.shape:
        raise InputError(f"{what} of shapes {tuple(one.shape)} and {tuple(two.shape)}; expected the same.")
    return one, two.to(one.device)


def distances(first: Rows, second: Rows) -> Float[Tensor, "N M"]:
    """Euclidean distance of every row of ``first`` [N, D] to every row of ``second`` [M, D]."""
    one = float64(first, "embeddings")
    two = float64(second, "embeddings").to(one.device)
    if one.shape[-1] != two.shape[-1]:
        raise InputError(f"embeddings {one.shape[-1]} and {two.shape[-1]} wide; expected one evaluator's.")
    # Around a common center the expanded square loses no digits to a far origin.
    center = one.mean(0)
    one, two = one - center, two - center
    squares = one.square().sum(1)[:, None] + two.square().sum(1)[None] - 2 * one @ two.T
    return squares.clamp_(min=0).sqrt_()


def similarities(first: Rows, second: Rows) -> Float[Tensor, "N M"]:
    """Cosine of every row of ``first`` with every row of ``second``; a row of zeros is like nothing (0)."""
    one = float64(first, "embeddings")
    two = float64(second, "embeddings").to(one.device)
    return unit(one) @ unit(two).T


def unit(rows: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Rows of length one."""
    return rows / rows.norm(dim=-1, keepdim=True).clamp(min=1e-300)
