"""ScaleMoGen's lists of scales: a time factor and a grouping of the seven latent parts each, coarse to fine.

Section 2.2 of the method notes: 5 is the HumanML3D release, 3 the SnapMoGen release, 0, 1, 2 and 4 their ablations.
"""

from __future__ import annotations

Grouping = tuple[tuple[int, ...], ...]
Schedule = tuple[tuple[int, Grouping], ...]
"""(latents a bin, groups of parts) of each scale."""

ALL: Grouping = ((0, 1, 2, 3, 4, 5, 6),)
SINGLE: Grouping = ((0,), (1,), (2,), (3,), (4,), (5,), (6,))

OUTWARD: tuple[Grouping, ...] = (
    ALL,
    ((0, 3), (1, 2, 4, 5, 6)),
    ((0, 3), (1, 2), (4, 5, 6)),
    ((0,), (3,), (1, 2), (4, 5), (6,)),
    SINGLE,
)
"""Inner body against limbs, then limbs apart."""

LOWER_UPPER: tuple[Grouping, ...] = (
    ALL,
    ((0, 1, 2), (3, 4, 5, 6)),
    ((0,), (1, 2), (3, 6), (4, 5)),
    SINGLE,
)
"""Lower body against upper body."""

_PAIRS: dict[int, tuple[tuple[Grouping, ...], str]] = {
    0: (OUTWARD, "00 10 20 30 40 50 60 61 62 63 64"),
    1: (LOWER_UPPER, "00 10 20 21 31 41 42 52 62 63"),
    2: ((ALL,), "00 10 20 30 40 50 60"),
    3: ((SINGLE,), "00 10 20 30 40 50 60"),
    4: (LOWER_UPPER, "00 10 20 30 40 50 60 61 62 63"),
    5: (OUTWARD, "00 10 11 21 31 32 42 52 53 63 64"),
}
"""Groupings, and the scales as (index of the time factor, index of the grouping)."""

IDS = tuple(_PAIRS)
FACTORS = 7
"""Time factors that the lists above tell apart."""


def schedule(number: int, factors: tuple[int, ...]) -> Schedule:
    """The published list of that id over seven time factors, as declared; ``ValueError`` when there is none."""
    if number not in _PAIRS:
        raise ValueError(f"schedule is {number}; expected one of {IDS}, or a list of (factor, groups)")
    if len(factors) != FACTORS:
        raise ValueError(f"factors are {factors}; schedule {number} takes {FACTORS} of them")
    groupings, pairs = _PAIRS[number]
    return tuple((factors[int(time)], groupings[int(group)]) for time, group in pairs.split())


def quantized(declared: Schedule) -> Schedule:
    """What the reference quantizes for a declared list: at the last scale the residual as it is, all parts single.

    Only list 2 declares anything else there. Method notes, section 2.2, step 2.
    """
    return (*declared[:-1], (declared[-1][0], SINGLE))
