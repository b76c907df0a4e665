"""Statistics over several training processes: sums, rows of all batches, a draw of one process for all.

Without ``torch.distributed`` (or with one process) each function returns its argument. All processes must
call them in the same order, with or without vectors of their own.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, distributed


def together() -> bool:
    """Whether more than one process trains."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def summed(value: Tensor) -> Tensor:
    """The sum over all processes."""
    if not together():
        return value
    value = value.clone()
    distributed.all_reduce(value)
    return value


def agreed(value: Tensor) -> Tensor:
    """The first process's value."""
    if not together():
        return value
    value = value.clone()
    distributed.broadcast(value, 0)
    return value


def counts(rows: Float[Tensor, "N D"]) -> list[int]:
    """Rows that each process has, by rank."""
    if not together():
        return [len(rows)]
    held = torch.zeros(distributed.get_world_size(), dtype=torch.int64, device=rows.device)
    held[distributed.get_rank()] = len(rows)
    return summed(held).tolist()


def take(rows: Float[Tensor, "N D"], held: list[int], places: Int[Tensor, "n"]) -> Float[Tensor, "n D"]:
    """Rows of all processes' batches, concatenated in order of rank; ``held`` is the result of ``counts``."""
    places = places.to(rows.device)
    if not together():
        return rows[places]
    rank = distributed.get_rank()
    local = places - sum(held[:rank])
    mine = (local >= 0) & (local < held[rank])
    taken = torch.zeros(len(places), rows.shape[1], dtype=rows.dtype, device=rows.device)
    taken[mine] = rows[local[mine]]
    return summed(taken)


def root_mean_square(vectors: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """Root mean square of all processes' vectors."""
    square = summed(vectors.detach().square().sum())
    count = summed(torch.tensor(float(vectors.numel()), device=vectors.device))
    return (square / count.clamp(min=1.0)).sqrt()
