"""Seed derivation: one seed per run, and an independent random stream for each part of it."""

from __future__ import annotations

import hashlib

from kinescale.core.errors import InputError

MAX_SEED = 2**63 - 1


def derive_seed(seed: int, *path: int | str) -> int:
    """A seed for one part of a run, e.g. ``derive_seed(7, "sample", 3)``.

    It depends only on its arguments, so sample 3 is the same whether or not samples 0 to 2 are drawn.

    Example
    -------
    >>> derive_seed(7, "sample", 3) == derive_seed(7, "sample", 3) != derive_seed(7, "sample", 4)
    True
    """
    if not 0 <= int(seed) <= MAX_SEED:
        raise InputError(f"the seed is {seed}; expected a whole number from 0 to {MAX_SEED}.")
    text = "/".join([str(int(seed)), *(str(part) for part in path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") & MAX_SEED
