"""r_precision: how often a text's own motion is among the k nearest of its pool; a share from 0 to 1.

Guo et al. 2022, section 5.1: pools of 32, Euclidean distance, k = 1, 2, 3. The SnapMoGen evaluation: pools of 100,
cosine. Chance is k / pool.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Column, EmbeddedClips, Indices, Input, Rows, Value, distances, similarities

INPUT: Input = "embeddings"
TITLE = "R-precision"
UNIT = ""
BETTER: Better = "higher"

TOP = 3
COLUMNS = {f"top{k}": Column(f"R@{k}", UNIT, BETTER) for k in range(1, TOP + 1)}

ROWS = 1024
"""Texts compared with all motions at a time: the whole table of 5,000 would take 200 MB."""


def pool_hits(costs: Float[Tensor, "P P2"], top: int = TOP) -> Bool[Tensor, "P top"]:
    """Whether row i's own column i is among its k smallest ``costs``, k = 1 .. ``top``.

    Another column of equal cost comes first when it stands to the left, as in a stable sort.
    """
    own = costs.diagonal()[:, None]
    columns = torch.arange(costs.shape[1], device=costs.device)
    before = columns[None] < columns[: len(costs), None]
    rank = ((costs < own) | ((costs == own) & before)).sum(1)
    return rank[:, None] < torch.arange(1, top + 1, device=costs.device)


def hits(
    text: Rows, motion: Rows, pools: Indices, *, cosine: bool = False, top: int = TOP
) -> Bool[Tensor, "pools pool top"]:
    """Hits of pools [Q, P] of row numbers: within each, every text is ranked against the pool's motions."""
    chosen = torch.as_tensor(pools)
    _check(text, motion, chosen)
    rows, targets = torch.as_tensor(text), torch.as_tensor(motion)
    measure = _less_alike if cosine else distances
    return torch.stack([pool_hits(measure(rows[pool], targets[pool]), top) for pool in chosen])


def hits_against(
    text: Rows, motion: Rows, others: Int[Tensor, "N M"], *, cosine: bool = False, top: int = TOP
) -> Bool[Tensor, "N top"]:
    """Hits of every text i among its own motion and those of the rows ``others[i]``; ties count against it."""
    _check(text, motion, others)
    measure, targets, ranks = _less_alike if cosine else distances, torch.as_tensor(motion), []
    for rows in torch.arange(len(text)).split(ROWS):
        costs = measure(torch.as_tensor(text)[rows], targets)
        own = costs.gather(1, rows[:, None].to(costs.device))
        ranks.append((costs.gather(1, others[rows].to(costs.device)) <= own).sum(1))
    return torch.cat(ranks)[:, None] < torch.arange(1, top + 1, device=ranks[0].device)


def r_precision(text: Rows, motion: Rows, pools: Indices, *, cosine: bool = False) -> tuple[float, ...]:
    """R-precision top 1, 2, 3 over pools [Q, P] of row numbers."""
    return tuple(hits(text, motion, pools, cosine=cosine).double().mean((0, 1)).tolist())


def _less_alike(first: Rows, second: Rows) -> Float[Tensor, "N M"]:
    return -similarities(first, second)


def _check(text: Rows, motion: Rows, rows: Tensor) -> None:
    if text.shape != motion.shape:
        raise InputError(f"texts {tuple(text.shape)} and motions {tuple(motion.shape)} do not pair up; expected both.")
    if rows.numel() == 0 or int(rows.min()) < 0 or int(rows.max()) >= len(text):
        raise InputError(f"a pool names rows outside 0 to {len(text) - 1}, or none; expected row numbers.")


def measure(clips: EmbeddedClips) -> dict[str, Value]:
    """Mean hits of top 1, 2 and 3 over the clips that count."""
    found = hits_of(clips).double()
    return {column: Value.mean_of(found[:, k]) for k, column in enumerate(COLUMNS)}


def hits_of(clips: EmbeddedClips) -> Bool[Tensor, "C top"]:
    """Hits of every clip that counts, within its pool."""
    if clips.own_pools:
        return hits_against(clips.text, clips.motion, clips.pools[:, 1:], cosine=clips.cosine)
    return hits_in_turn(clips.text, clips.motion, clips.pools, cosine=clips.cosine)


def hits_in_turn(
    text: Rows, motion: Rows, pools: Int[Tensor, "Q P"], *, cosine: bool = False, top: int = TOP
) -> Bool[Tensor, "C top"]:
    """As ``hits``, pool after pool; places of -1 are empty, so that a pool may be smaller than the others."""
    return torch.cat([hits(text, motion, pool[pool >= 0][None], cosine=cosine, top=top)[0] for pool in pools])
