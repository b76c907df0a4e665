"""Plan: which caption, pool, pair and prompt each repeat of a protocol counts; a function of captions and seed alone.

It is made before generation, since it determines which captions are generated from, and how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Int

from kinescale.core.errors import InputError
from kinescale.core.randomness import derive_seed
from kinescale.evaluation.protocol import Protocol

Rows = Int[np.ndarray, "_"]


@dataclass(frozen=True, eq=False)
class Repeat:
    """One repeat over N clips; numbers are rows 0 to N - 1.

    Parameters
    ----------
    captions : [N] index of the caption that each clip is generated from.
    counted : rows that count, in order.
    pools : [Q, P] rows of each pool (-1: none, at the end of a smaller one), or [N, P] each row with its own pool,
        itself first.
    own_pools : which of the two.
    again : rows of a second pass over the real motions, whose FID to the first is the real row's.
    diversity : [2, pairs], or [2, 0] for all pairs.
    prompts : rows whose sentence is sampled many times.
    sample_pairs : [2, pairs] of samples, or [2, 0] for all pairs.
    windows : [N, 2] first frame and number of frames of each clip, where the lengths are known.
    """

    captions: Rows
    counted: Rows
    pools: Int[np.ndarray, "_ P"]
    own_pools: bool
    again: tuple[Rows, Rows]
    diversity: Int[np.ndarray, "2 _"]
    prompts: Rows
    sample_pairs: Int[np.ndarray, "2 _"]
    windows: Int[np.ndarray, "_ 2"] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))


def plan(
    protocol: Protocol,
    captions: Sequence[Sequence[str]],
    *,
    seed: int,
    repeats: int | None = None,
    lengths: Sequence[int] = (),
) -> tuple[Repeat, ...]:
    """The repeats of a protocol over clips, each given by its captions, and its frames where windows are wanted.

    ``InputError`` for a clip without captions, or too few clips that differ for a pool.
    """
    empty = [row for row, texts in enumerate(captions) if not texts]
    if empty:
        raise InputError(f"clip {empty[0]} of {len(captions)} has no caption; leave such clips out.")
    if len(captions) < protocol.pool:
        raise InputError(f"{len(captions)} clips do not fill a pool of {protocol.pool}; choose a smaller one.")
    count = protocol.repeats if repeats is None else repeats
    if protocol.pools == "batches":
        seeds = [derive_seed(seed, protocol.name, r) for r in range(count)]
        parts = (_batches(protocol, captions, one) for one in seeds)
        return tuple(
            replace(part, windows=windows(protocol, lengths, one)) for part, one in zip(parts, seeds, strict=True)
        )
    return (_own_pools(protocol, captions, derive_seed(seed, protocol.name)),) * count


def _batches(protocol: Protocol, captions: Sequence[Sequence[str]], seed: int) -> Repeat:
    rng = _rng(seed, "order")
    clips, pool = len(captions), protocol.pool
    whole = clips if protocol.tail == "kept" else clips // pool * pool
    counted = rng.permutation(clips)[:whole]
    filled = np.concatenate([counted, np.full(-whole % pool, -1)])
    chosen = (rng.random(clips) * [len(texts) for texts in captions]).astype(np.int64)
    return Repeat(
        captions=chosen,
        counted=counted,
        pools=filled.reshape(-1, pool),
        own_pools=False,
        again=(counted, rng.permutation(clips)[:whole]),
        diversity=_pairs(protocol, counted, protocol.diversity_pairs, rng),
        prompts=counted[: protocol.prompts],
        sample_pairs=_pairs(protocol, np.arange(protocol.samples), protocol.sample_pairs, rng),
    )


def _own_pools(protocol: Protocol, captions: Sequence[Sequence[str]], seed: int) -> Repeat:
    rng = _rng(seed, "pools")
    clips = len(captions)
    counted = np.arange(clips)
    halves = rng.permutation(clips)
    prompts = np.sort(_rng(seed, "prompts").permutation(clips)[: protocol.prompts])
    return Repeat(
        captions=np.zeros(clips, dtype=np.int64),
        counted=counted,
        pools=own_pools(captions, protocol.pool, rng),
        own_pools=True,
        again=(halves[: clips // 2], halves[clips // 2 :]),
        diversity=_pairs(protocol, counted, protocol.diversity_pairs, rng),
        prompts=prompts,
        sample_pairs=_pairs(protocol, np.arange(protocol.samples), protocol.sample_pairs, rng),
    )


def own_pools(captions: Sequence[Sequence[str]], pool: int, rng: np.random.Generator) -> Int[np.ndarray, "N P"]:
    """For each clip its own row and ``pool - 1`` others, no two of one first caption, of none of which its own is true.

    A caption is true of the clips that have it among theirs (case, white space and full stops aside).
    """
    normalized = [tuple(plain(text) for text in texts) for texts in captions]
    groups: dict[str, list[int]] = {}
    for row, texts in enumerate(normalized):
        groups.setdefault(texts[0], []).append(row)
    members = [np.array(rows) for rows in groups.values()]
    every = [frozenset(texts) for texts in normalized]
    pools = np.empty((len(normalized), pool), dtype=np.int64)
    for row, texts in enumerate(normalized):
        chosen = [row]
        # Only as many groups as are needed are walked, in an order of their own for each clip.
        for group in rng.permutation(len(members)):
            other = int(members[group][int(rng.random() * len(members[group]))])
            if texts[0] not in every[other] and normalized[other][0] not in every[row]:
                chosen.append(other)
                if len(chosen) == pool:
                    break
        if len(chosen) < pool:
            raise InputError(
                f"clip {row} ('{captions[row][0][:60]}') finds {len(chosen) - 1} clips of other captions, and a pool "
                f"of {pool} needs {pool - 1}; choose a smaller pool."
            )
        pools[row] = chosen
    return pools


def window_frames(protocol: Protocol, frames: int) -> int:
    """Frames of the longest window of a clip."""
    return min(protocol.longest, frames) // protocol.unit * protocol.unit


def windows(protocol: Protocol, lengths: Sequence[int], seed: int) -> Int[np.ndarray, "N 2"]:
    """First frame and number of frames of a window of each clip of ``lengths`` frames."""
    rng = _rng(seed, "windows")
    whole = np.array([window_frames(protocol, frames) for frames in lengths], dtype=np.int64)
    shorter = (rng.random(len(whole)) < protocol.coin) & (whole > protocol.unit)
    taken = whole - protocol.unit * shorter
    starts = (rng.random(len(whole)) * (np.array(lengths, dtype=np.int64) - taken + 1)).astype(np.int64)
    return np.stack([starts, taken], axis=1).astype(np.int64)


def plain(text: str) -> str:
    """A caption without case, surplus white space and the full stop at its end."""
    return " ".join(text.casefold().split()).rstrip(" .")


def _pairs(protocol: Protocol, rows: Rows, count: int, rng: np.random.Generator) -> Int[np.ndarray, "2 _"]:
    """Both sides without repeats; together, unless the protocol draws them apart, without self-pairs."""
    count = min(count, len(rows))
    first, second = rng.permutation(rows), rng.permutation(rows)
    if not protocol.self_pairs:
        second = np.roll(first, 1)
    return np.stack([first[:count], second[:count]]).astype(np.int64)


def _rng(seed: int, what: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(derive_seed(seed, what)))
