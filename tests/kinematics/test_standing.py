"""Stance corrections: standing points are brought to rest, keep their mean place, and forget what went before."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.kinematics.stance_correction import filled, stance_corrections


def drifting(frames: int = 120, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """One foot (ankle, toes) in steps of 30 frames: it stands for 20, its points drifting apart, then flies."""
    rng = torch.Generator().manual_seed(seed)
    noise = 1e-4 * torch.randn(frames, 1, 2, 3, generator=rng, dtype=torch.float64).cumsum(0)
    flying = (torch.arange(frames) % 30) >= 20
    ahead = (0.05 * flying.double()).cumsum(0)[:, None, None, None] + torch.tensor([[0.0], [0.1]])
    feet = noise + ahead * torch.tensor([0.0, 0.0, 1.0])
    return feet.double(), (~flying)[:, None, None].expand(frames, 1, 2)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_standing_points_rest_after_the_correction(seed: int) -> None:
    feet, stands = drifting(seed=seed)
    made = feet + stance_corrections(feet, stands, 1.0, 5.0)
    steps = (made[1:] - made[:-1])[..., [0, 2]].norm(dim=-1)
    assert float(steps[stands[1:] & stands[:-1]].max()) < 1e-12
    assert torch.equal(made[..., 1], feet[..., 1])


def test_what_rests_already_is_left_where_it_is_however_the_foot_turned_before() -> None:
    """The points' drift apart in one stance must not be carried on into the next."""
    feet, stands = drifting()
    still = feet.clone()
    still[60:80] = feet[60:61]
    shift = stance_corrections(still, stands, 1.0, 5.0)
    assert float(shift[:20].norm(dim=-1).max()) > 1e-4
    assert float(shift[60:80].norm(dim=-1).max()) < 1e-12


def test_a_stance_keeps_its_mean_place() -> None:
    feet, stands = drifting(seed=3)
    shift = stance_corrections(feet, stands, 1.0, 5.0)
    for first in range(0, 120, 30):
        assert float(shift[first : first + 20].mean(0).norm(dim=-1).max()) < 1e-12


def test_a_foot_that_rolls_is_held_where_it_bears() -> None:
    """Heel, whole foot, toes: while the heel alone stands the toes go along with it, and the other way round."""
    feet, _ = drifting(30, seed=4)
    stands = torch.zeros(30, 1, 2, dtype=torch.bool)
    stands[:12, 0, 0] = True
    stands[8:20, 0, 1] = True
    made = feet + stance_corrections(feet, stands, 1.0, 5.0)
    steps = (made[1:] - made[:-1])[..., [0, 2]].norm(dim=-1)
    assert float(steps[stands[1:] & stands[:-1]].max()) < 1e-12


def test_a_foot_that_drags_is_corrected_so_far_only() -> None:
    feet, stands = drifting()
    dragging = feet + torch.linspace(0, 1, 120, dtype=torch.float64)[:, None, None, None]
    shift = stance_corrections(dragging, torch.ones_like(stands), 0.06, 5.0)
    assert abs(float(shift.norm(dim=-1).max()) - 0.06) < 1e-9


def test_in_the_air_a_correction_fades() -> None:
    feet, stands = drifting(200)
    stands = stands.clone()
    stands[30:180] = False
    shift = stance_corrections(feet, stands, 1.0, 5.0)
    assert float(shift[26:174].norm(dim=-1).max()) < 1e-12
    assert float((shift[1:] - shift[:-1]).norm(dim=-1).max()) < 2e-3


def test_passages_between_known_values_are_even() -> None:
    values = torch.tensor([1.0, 0, 0, 0, 3.0, 0], dtype=torch.float64)[:, None, None]
    known = torch.tensor([True, False, False, False, True, False])[:, None]
    made = filled(values, known)[:, 0, 0]
    torch.testing.assert_close(made[[0, 2, 4, 5]], torch.tensor([1.0, 2.0, 3.0, 3.0], dtype=torch.float64))
    assert bool((made[1:5] >= made[:4]).all())
    assert float(filled(values, torch.zeros_like(known)).abs().max()) == 0.0
