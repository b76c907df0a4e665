"""Numbers of a prompt met by bounded changes of a motion: angle, speed, way and steps; feet stay where they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinescale.data.compose.physics import physics_of
from kinescale.data.compose.track import Track
from kinescale.description.claim_language import MeasuredMotion, claim_holds
from kinescale.metrics import peaks
from kinescale.pipelines.adjustment import LONGEST, SHORTEST, adjusted, stops
from made_bodies import Plan, made, ramp, walking

FRAMES = 120
WALK = made(walking(1.2, seconds=6.0))
STANDING = made(Plan(seconds=6.0))


def holds(claim, motion):
    return claim_holds(claim, MeasuredMotion(motion, peaks.peaks))


def slide(motion):
    return physics_of(Track.of(motion), "walk")[0].skate_m_s


@pytest.mark.parametrize("claim", ["turns left 68 112", "speed 0.95 1.08", "way 5.2 5.9"])
def test_a_number_that_is_missed_is_met_and_feet_slide_no_more(claim):
    before = WALK.slice(0, FRAMES)
    assert not holds(claim, before)
    made_up = adjusted(WALK, (claim,), FRAMES)
    assert made_up is not None and len(made_up.motion) == FRAMES and holds(claim, made_up.motion)
    assert holds("goes forward", made_up.motion)
    assert slide(made_up.motion) <= slide(before) + 0.08
    report = made_up.report
    assert SHORTEST <= report.get("step_length", 1.0) <= LONGEST and 0.75 <= report.get("tempo", 1.0) <= 1.3


def test_a_turn_is_made_larger_or_smaller_to_its_own_side():
    turning = made(replace(walking(1.2, seconds=5.0), yaw=ramp(np.radians(60), 1.0, 3.0)))
    for claim, sign in (("turns left 90 110", 1), ("turns any 90 110", 1), ("turns left 20 40", -1)):
        done = adjusted(turning, (claim,), len(turning))
        assert done is not None and holds(claim, done.motion) and np.sign(done.report["turn_deg"]) == sign


@pytest.mark.parametrize("claim", ["does wave", "goes left", "steps 3"])
def test_what_is_no_number_of_the_path_is_left(claim):
    assert adjusted(WALK, (claim,), FRAMES) is None


def test_bounds_are_kept_where_the_number_is_out_of_reach():
    assert adjusted(WALK, ("turns left 300 340",), FRAMES) is None
    done = adjusted(WALK, ("speed 5 6",), FRAMES)
    assert done is None or done.report["step_length"] <= LONGEST


@pytest.mark.parametrize("claim", ["steps 3", "way 1.6 2.4"])
def test_the_way_is_cut_short_and_the_body_stands(claim):
    tries = [one.motion for one in stops(WALK, STANDING, (claim,), FRAMES)]
    assert tries and all(len(motion) == FRAMES for motion in tries)
    assert any(holds(claim, motion) and holds("order travel stand_still", motion) for motion in tries)
