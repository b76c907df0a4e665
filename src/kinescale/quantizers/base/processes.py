"""Statistics over several training processes: sums, rows of all batches, a draw of one process for all.

Without ``torch.distributed`` (or with one process) each function returns its argument. All processes must
call them in the same order, with or without vectors of their own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, distributed

from kinescale.nn.global_batch import together

_sections: list[int] = []


@contextlib.contextmanager
def sections(sizes: Sequence[int]) -> Iterator[None]:
    """Inside, rows stand in sections of ``sizes`` (scales that share a codebook), each of which spans all processes.

    The order of all rows is then that of one process with the whole batch: section by section, in each by rank.
    """
    before, _sections[:] = list(_sections), sizes
    try:
        yield
    finally:
        _sections[:] = before


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
    """Rows of each section that each process has: section by section, by rank."""
    if not together():
        return [len(rows)]
    sizes = _sections or [len(rows)]
    # rows of a quantizer with groups are every so-manieth
    share = max(1, sum(sizes) // max(1, len(rows)))
    held = torch.zeros(len(sizes), distributed.get_world_size(), dtype=torch.int64, device=rows.device)
    held[:, distributed.get_rank()] = torch.tensor(sizes, device=rows.device) // share
    return summed(held).flatten().tolist()


def take(rows: Float[Tensor, "N D"], held: list[int], places: Int[Tensor, "n"]) -> Float[Tensor, "n D"]:
    """Rows of all processes' batches, in the order of ``counts``, whose result is ``held``."""
    places = places.to(rows.device)
    if not together():
        return rows[places]
    rank, world = distributed.get_rank(), distributed.get_world_size()
    taken = torch.zeros(len(places), rows.shape[1], dtype=rows.dtype, device=rows.device)
    first = 0
    for section in range(rank, len(held), world):
        local = places - sum(held[:section])
        mine = (local >= 0) & (local < held[section])
        taken[mine] = rows[first + local[mine]]
        first += held[section]
    return summed(taken)


def root_mean_square(vectors: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """Root mean square of all processes' vectors."""
    square = summed(vectors.detach().square().sum())
    count = summed(torch.tensor(float(vectors.numel()), device=vectors.device))
    return (square / count.clamp(min=1.0)).sqrt()
