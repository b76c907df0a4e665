"""The metric contract: a file offers ``UNIT``, ``BETTER`` and free functions; arrays in, float64 numbers out.

A function takes NumPy arrays or tensors of any float type and computes in float64. Which rows make a pair or a pool is
never drawn inside: indices come in, so that the same call gives the same number.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import InputError

Better = Literal["lower", "higher", "as real", "neither"]
"""Which way is better; "as real": the nearer to real motion's own value."""

Numbers = Float[np.ndarray, "..."] | Float[Tensor, "..."]
Rows = Float[np.ndarray, "_ _"] | Float[Tensor, "_ _"]
Indices = Int[np.ndarray, "..."] | Int[Tensor, "..."]


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
