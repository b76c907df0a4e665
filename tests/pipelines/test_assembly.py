"""Motions put together from parts: in sequence, once cut out, and the arms of one on the walk of another."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.data.compose.physics import physics_of
from kinescale.data.compose.track import Track
from kinescale.description.claim_language import MeasuredMotion, claim_holds
from kinescale.description.prompts import Part, parse_prompt
from kinescale.metrics import peaks
from kinescale.pipelines.assembly import MOST_M_S2, SEAM_S, SPARE_S, in_sequence, layered, once, schedule
from made_bodies import Plan, arm, bump, made, walking, waving

WALK = made(walking(1.2))
WAVE = made(Plan(seconds=4.0, arms={"left": waving(0.8, 0.5, 3.5)}))


def holds(claim, motion):
    return claim_holds(claim, MeasuredMotion(motion, peaks.peaks))


def slide(motion):
    return physics_of(Track.of(motion), "walk")[0].skate_m_s


def jerks(motion):
    """Largest acceleration of a joint, m/s2."""
    at = motion.positions()
    return float((at[2:] - 2 * at[1:-1] + at[:-2]).norm(dim=-1).max()) * motion.fps**2


def test_parts_in_sequence_keep_their_order_and_hardly_slide():
    whole = in_sequence([WALK, WAVE], 230)
    assert whole is not None and len(whole) == 230
    assert holds("order travel wave:left", whole) and not holds("order wave:left travel", whole)
    assert torch.allclose(whole.positions()[:60], WALK.positions()[:60], atol=1e-5)
    assert jerks(whole) <= max(jerks(WALK), jerks(WAVE), MOST_M_S2)
    assert slide(whole) <= slide(WALK) + 0.05


def test_too_few_frames_are_no_motion():
    assert in_sequence([WALK, WAVE], 400) is None


def test_an_act_is_cut_out_only_where_it_happens_once():
    bow = made(Plan(seconds=4.0, lean=bump(0.9, 1.0, 2.2)))
    single = once(bow, ("bend",))
    assert single is not None and len(single) < len(bow)
    twice = in_sequence([single, single, made(Plan(seconds=3.0))], 120)
    assert twice is not None and holds("times bend 2", twice)
    assert once(WALK, ("bend",)) is None


def test_the_arm_of_one_is_put_on_the_walk_of_another():
    both = layered(WALK, WAVE, "left", 110)
    assert len(both) == 110 and holds("does wave:left", both) and holds("goes forward", both)
    assert torch.equal(both.root, WALK.root.float()[:110].to(both.root))
    right = made(Plan(seconds=4.0, arms={"right": arm(0.8, 0.5, 3.5)}))
    assert not holds("does raise_hand:right|wave:right", layered(WALK, right, "left", 110))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(1, 6), st.booleans()), min_size=2, max_size=6), st.floats(2, 9))
def test_a_schedule_fills_the_time_unless_parts_would_be_too_short(rows, seconds):
    parts = [Part(f"a person acts {k}", need, elastic) for k, (need, elastic) in enumerate(rows)]
    shares = schedule(parts, seconds)
    assert len(shares) == len(parts) and min(shares) >= 1.0
    assert sum(shares) + 1e-6 >= seconds - SEAM_S * (len(parts) - 1) + SPARE_S


@pytest.mark.parametrize("prompt", ["walks to the door and waves at the end", "jumps, then bows"])
def test_what_does_not_move_on_is_not_stretched_where_travel_can_be(prompt):
    parts = parse_prompt(prompt).parts
    shares = schedule(parts, 8.0)
    elastic = [share / part.seconds for part, share in zip(parts, shares, strict=True) if part.elastic]
    assert not elastic or elastic[0] > 1.5
