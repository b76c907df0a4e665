"""Global batch: draws, sums and means of a batch whose rows several processes, or several passes of one, hold.

Data-parallel training gives the numbers of one process with the whole batch when (1) a row's random numbers depend on
its place in the whole batch, (2) each mean is that of the whole batch, (3) what learns outside the gradient learns
from the whole batch. So a draw is made for all rows and the own ones are kept; a sum is that of all processes, with a
gradient that is right once gradients are averaged over the processes. Where one process holds the whole batch, every
function here is the plain one of ``torch``, bit for bit.

Gradient accumulation uses the same functions: ``recorded`` notes the sums of the whole batch in a pass without
gradients, ``replayed`` uses them in the passes with gradients over its parts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, distributed
from torch.nn import functional

from kinescale.core.errors import ConfigError


@dataclass
class Notes:
    """What ``recorded`` notes: sums in the order in which they are asked for, the places of draws of ragged rows, and
    updates that wait for the end of the step."""

    sums: list[Tensor] = field(default_factory=list)
    places: list[list[int]] = field(default_factory=list)
    later: list[Callable[[], object]] = field(default_factory=list)


@dataclass
class _State:
    """``rows`` of the ``total`` rows of the batch are at hand, from ``first`` on (None: all of them)."""

    first: int = 0
    rows: int | None = None
    total: int = 0
    notes: Notes | None = None
    replay: bool = False
    at_sum: int = 0
    at_place: int = 0
    alone: bool = False


_state = _State()


@contextlib.contextmanager
def _set(**changes: object) -> Iterator[None]:
    before = {name: getattr(_state, name) for name in changes}
    for name, value in changes.items():
        setattr(_state, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(_state, name, value)


def together() -> bool:
    """Whether more than one process shares the batch at hand."""
    if _state.alone:
        return False
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def parted() -> bool:
    """Whether the rows at hand are not the whole batch."""
    return _state.rows is not None and _state.rows != _state.total and not _state.alone


def own(first: int, rows: int, total: int) -> contextlib.AbstractContextManager[None]:
    """Inside, the rows at hand are ``first`` to ``first + rows - 1`` of a batch of ``total``."""
    return _set(first=first, rows=rows, total=total)


def alone() -> contextlib.AbstractContextManager[None]:
    """Inside, this process works by itself: what it holds is the whole batch."""
    return _set(alone=True)


def recorded(notes: Notes) -> contextlib.AbstractContextManager[None]:
    """Inside, the sums of the batch are noted and ``settle`` waits."""
    return _set(notes=notes, replay=False)


def replayed(notes: Notes) -> contextlib.AbstractContextManager[None]:
    """Inside, one part of the batch is at hand and sums are those of ``notes``; ``settle`` does nothing."""
    return _set(notes=notes, replay=True, at_sum=0, at_place=0)


def replaying() -> bool:
    """Whether a part of a batch is at hand whose whole has been seen before (``replayed``)."""
    return _state.replay


def settle(update: Callable[[], object]) -> None:
    """Run what changes weights outside the gradient (codebooks): now, or once at the end of an accumulated step."""
    if _state.notes is None:
        update()
    elif not _state.replay:
        _state.notes.later.append(update)


# Draws


def rand(
    shape: Sequence[int], rng: torch.Generator | None, axis: int = 0, device: torch.device | None = None
) -> Tensor:
    """``torch.rand`` for the rows at hand, which ``axis`` counts (or several entries for each row)."""
    return _drawn(shape, axis, lambda size: torch.rand(size, generator=rng, device=device))


def randint(low: int, high: int, shape: Sequence[int], rng: torch.Generator) -> Int[Tensor, "..."]:
    """``torch.randint`` for the rows at hand."""
    return _drawn(shape, 0, lambda size: torch.randint(low, high, size, generator=rng))


def rand_ragged(rows: Tensor, width: int, rng: torch.Generator) -> Float[Tensor, "N width"]:
    """``torch.rand`` for each of ``rows`` [N, ...], however many of them each process or pass has."""
    if not parted() and _state.notes is None:
        return torch.rand(len(rows), width, generator=rng)
    first, total = _place(rows)
    return torch.rand(total, width, generator=rng)[first : first + len(rows)]


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """``torch``'s dropout; axis 0 of ``x`` counts the rows at hand, or several entries for each."""
    if not (training and rate and parted()):
        return functional.dropout(x, rate, training)

    def noise(size: tuple[int, ...]) -> Tensor:
        # masks are drawn in the order of memory, so the whole batch is laid out like ``x``
        order = sorted(range(x.ndim), key=lambda axis: -x.stride(axis))
        ones = torch.ones([size[axis] for axis in order], dtype=x.dtype, device=x.device)
        return functional.dropout(ones.permute([order.index(axis) for axis in range(x.ndim)]), rate)

    return x * _drawn(x.shape, 0, noise)


def _drawn(shape: Sequence[int], axis: int, draw: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
    if not parted():
        return draw(tuple(shape))
    assert _state.rows is not None
    each, rest = divmod(shape[axis], _state.rows)
    if rest:
        raise ValueError(f"{shape[axis]} entries are no multiple of the {_state.rows} rows at hand; use rand_ragged.")
    whole = (*shape[:axis], each * _state.total, *shape[axis + 1 :])
    return draw(whole).narrow(axis, each * _state.first, shape[axis])


def _place(rows: Tensor) -> tuple[int, int]:
    """Place of the first of ``rows`` among those of the whole batch, and how many there are."""
    if _state.replay:
        assert _state.notes is not None
        place = _state.notes.places[_state.at_place]
        _state.at_place += 1
        place[0] += len(rows)
        return place[0] - len(rows), place[1]
    held = counts(rows)
    first, total = sum(held[: rank()]), sum(held)
    if _state.notes is not None:
        _state.notes.places.append([first, total])
    return first, total


def rank() -> int:
    """The own place among the processes that share the batch."""
    return distributed.get_rank() if together() else 0


def counts(rows: Shaped[Tensor, "N ..."]) -> list[int]:
    """Rows that each process has, by rank."""
    if not together():
        return [len(rows)]
    held = torch.zeros(distributed.get_world_size(), dtype=torch.int64, device=rows.device)
    held[distributed.get_rank()] = len(rows)
    distributed.all_reduce(held)
    return held.tolist()


# Sums and means


def total(values: Tensor) -> Tensor:
    """The sum over all processes (and passes), the same on all; its gradient is the mean's over the processes.

    That is: once gradients are averaged over processes and added over passes, they are those of the whole batch.
    """
    if _state.notes is None and not together():
        return values
    if _state.replay:
        assert _state.notes is not None
        whole = _state.notes.sums[_state.at_sum].to(values.dtype)
        _state.at_sum += 1
    else:
        whole = values.detach().clone()
        if together():
            distributed.all_reduce(whole)
        if _state.notes is not None:
            _state.notes.sums.append(whole)
    if not values.requires_grad:
        return whole
    return whole + (values - values.detach()) * (distributed.get_world_size() if together() else 1)


def mean(values: Float[Tensor, "..."], axis: int | None = None) -> Float[Tensor, "..."]:
    """Mean over the whole batch of all entries, or along one axis, which counts rows of clips."""
    if _state.notes is None and not together():
        return values.mean() if axis is None else values.mean(axis)
    if axis is None:
        return total(values.sum()) / count(values.numel(), values)
    return total(values.sum(axis)) / count(values.shape[axis], values)


def count(number: int, like: Tensor) -> Float[Tensor, ""]:
    """A number of entries, over the whole batch; on the device of ``like``."""
    return total(torch.tensor(float(number), device=like.device))


def cross_entropy(logits: Float[Tensor, "N V"], labels: Int[Tensor, "N"]) -> Float[Tensor, ""]:
    """Mean cross entropy over the labels of the whole batch."""
    if _state.notes is None and not together():
        return functional.cross_entropy(logits, labels)
    return total(functional.cross_entropy(logits, labels, reduction="sum")) / count(len(labels), logits)


def before(rows: Shaped[Tensor, "B ..."]) -> Shaped[Tensor, "B ..."]:
    """For each row the one before it in the whole batch; the last one for the first."""
    if not together():
        if parted():
            raise ConfigError("this stage mixes neighbors of a batch, which accumulate would part; leave it at 1.")
        return rows.roll(1, 0)
    here, gathered = rank(), [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
    if rows.requires_grad:
        from torch.distributed.nn import functional as collective

        gathered = list(collective.all_gather(rows.contiguous()))
    else:
        distributed.all_gather(gathered, rows.contiguous())
    return torch.cat([gathered[here - 1][-1:], rows[:-1]])
