"""The checks that the tests put on every function do refuse: parameters, results, letters that must agree."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import Float, TypeCheckError, jaxtyped
from torch import Tensor

import shape_checks
from kinescale.kinematics.rotations import quat_multiply
from kinescale.tokens import TextFeatures
from shape_checks import lazily


@jaxtyped(typechecker=lazily)
def doubled(rows: Float[Tensor, "B T"], grow: int = 0, wrong: str = "") -> Float[Tensor, "B T"]:
    """Rows that are as long as they were, unless asked otherwise."""
    return torch.cat([rows, rows[:, :grow]], dim=1) if not wrong else rows.long()  # pyright: ignore


calls: list[int] = []


@jaxtyped(typechecker=lazily)
def longest(rows: list[Float[Tensor, "N D"]]) -> int:
    """Rows of the longest; each call is noted."""
    calls.append(max(map(len, rows)))
    return calls[-1]


# Twice: the first call puts the checks on.
@pytest.mark.parametrize("time", ["first", "second"])
def test_what_does_not_fit_is_refused(time: str) -> None:
    rows = torch.zeros(3, 4)
    assert doubled(rows).shape == (3, 4)
    with pytest.raises(TypeCheckError, match="parameters"):
        doubled(rows[0])
    with pytest.raises(TypeCheckError, match="parameters"):
        doubled(rows, 0.5)  # pyright: ignore
    with pytest.raises(TypeCheckError, match="return value"):
        doubled(rows, 2)
    with pytest.raises(TypeCheckError, match="return value"):
        doubled(rows, wrong="dtype")


def test_calls_are_checked_after_a_call_that_fits() -> None:
    """Of the same kind, but with another result; with other arguments; with other items in a list."""
    rows = torch.zeros(3, 4)
    assert doubled(rows, 0).shape == doubled(rows, 0).shape == (3, 4)
    for _ in range(2):
        with pytest.raises(TypeCheckError, match="return value"):
            doubled(rows, 2)
    assert doubled(rows, 0, "") is not rows
    with pytest.raises(TypeCheckError, match="return value"):
        doubled(rows, 0, "dtype")
    assert longest([rows, rows]) == 3
    with pytest.raises(TypeCheckError, match="parameters"):
        longest([1, 1])  # pyright: ignore
    with pytest.raises(TypeCheckError, match="parameters"):
        longest(rows=[rows[0]])


def test_a_call_like_one_before_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert longest([torch.zeros(2, 2)]) == longest([torch.ones(2, 2)]) == 2
    monkeypatch.setattr(shape_checks, "_jaxtyped", None)
    assert longest([torch.ones(2, 2)]) == 2 and calls[-1] == 2


def test_the_package_is_checked() -> None:
    with pytest.raises(TypeCheckError):
        quat_multiply(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(TypeCheckError):
        TextFeatures(torch.zeros(2, 3, 4), torch.zeros(2, 3))
