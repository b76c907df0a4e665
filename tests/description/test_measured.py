"""Measured captions: made motions give the numbers they were made with; laws of mirror, place, time and rate."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import SkeletonError
from kinescale.description import Description, describe
from kinescale.motion.canonicalize import transform
from kinescale.motion.mirror import mirror
from kinescale.motion.motion import Motion
from made_bodies import (
    LEG_M,
    SKELETON,
    Plan,
    arm,
    bump,
    jumping,
    made,
    ramp,
    steady,
    walking,
    waving,
)

MOTIONS = {
    "walk": walking(1.2),
    "slow walk": walking(0.7, cadence=1.6),
    "walk back": walking(-0.8, cadence=1.6),
    "walk left": walking(0.9, leftward=steady(0.8)),
    "turn": walking(1.2, seconds=5.0, yaw=ramp(math.pi / 2, 1.5, 3.0)),
    "spot turn": Plan(
        yaw=ramp(-1.2, 1.0, 2.5), hips={"left": bump(0.8, 1.0, 2.0)}, knees={"left": bump(1.6, 1.0, 2.0)}
    ),
    "jump": Plan(lift=jumping(0.3, (1.0, 2.4))),
    "raise": Plan(arms={"right": arm(1.2, 1.0, 3.0)}),
    "wave": Plan(arms={"left": waving(1.0, 0.5, 3.5)}),
    "wave both": Plan(arms={"left": waving(1.0, 0.5, 3.5), "right": waving(1.0, 0.5, 3.5)}),
    "kick": Plan(hips={"right": bump(1.4, 1.0, 1.9)}),
    "knee": Plan(hips={"left": bump(1.5, 1.0, 2.5)}, knees={"left": bump(1.5, 1.0, 2.5)}),
    "bow": Plan(lean=bump(0.9, 1.0, 3.0)),
    "stand": Plan(),
}


def classes(found: Description) -> list[tuple]:
    """What is said, without the figures."""
    return [(e.kind, e.side, e.direction, e.gait, e.level, e.count) for e in found.events]


@pytest.mark.parametrize(("speed", "cadence"), [(1.2, 2.0), (0.8, 1.5), (-0.9, 1.8)])
def test_a_walk_has_the_distance_speed_and_steps_it_was_made_with(speed, cadence):
    found = describe(made(walking(speed, cadence)))
    (event,) = found.of("travel")
    assert found.path.distance_m == pytest.approx(4 * abs(speed), rel=0.03)
    assert found.path.displacement_m == pytest.approx(4 * abs(speed), rel=0.03)
    assert found.path.speed_m_s == pytest.approx(abs(speed), rel=0.05)
    assert event.direction == found.path.direction == ("forward" if speed > 0 else "backward")
    assert found.path.gait == "walk"
    assert abs(found.steps - 4 * cadence) <= 1
    assert found.jumps == found.hops == 0 and not found.of("turn", "circle")


@pytest.mark.parametrize("angle", [-150, -90, -45, 60, 90, 180])
def test_a_turn_has_the_angle_and_the_side_it_was_made_with(angle):
    found = describe(made(walking(1.2, seconds=5.0, yaw=ramp(math.radians(angle), 1.5, 3.5))))
    (event,) = found.of("turn")
    assert event.side == ("left" if angle > 0 else "right")
    assert event.angle_deg == pytest.approx(abs(angle), abs=4)
    assert found.path.turn_deg == pytest.approx(angle, abs=4)
    assert 1.2 < event.start_s < 2.2 and 2.8 < event.end_s < 3.8
    assert [e.direction for e in found.of("travel")] == ["forward"]


def test_a_walk_once_round_is_a_circle():
    found = describe(made(walking(1.2, seconds=8.0, yaw=lambda t: -2 * math.pi * t / 8)))
    (event,) = found.of("circle")
    assert event.side == "right" and event.angle_deg == pytest.approx(360, abs=10) and found.path.circle


@pytest.mark.parametrize(
    ("degrees", "word"),
    [(0, "forward"), (40, "forward left"), (90, "left"), (-90, "right"), (140, "backward left"), (180, "backward")],
)
def test_directions_are_the_bodys_own(degrees, word):
    angle = math.radians(degrees)
    plan = replace(walking(1.0), forward=steady(math.cos(angle)), leftward=steady(math.sin(angle)), yaw=steady(2.0))
    found = describe(made(plan)).path
    assert found.direction == word and found.angle_deg is not None
    assert abs((found.angle_deg - degrees + 180) % 360 - 180) < 4


@pytest.mark.parametrize("height", [0.12, 0.3, 0.5])
def test_jumps_are_counted_and_measured(height):
    found = describe(made(Plan(lift=jumping(height, (0.8, 2.4)))))
    assert found.jumps == 2 and found.hops == 0
    assert found.of("jump")[0].height_m == pytest.approx(height, rel=0.2)


def test_a_flight_on_one_lifted_leg_is_a_hop():
    plan = Plan(lift=jumping(0.15, (1.5,)), hips={"left": bump(1.2, 0.5, 3.5)}, knees={"left": bump(1.8, 0.5, 3.5)})
    found = describe(made(plan))
    assert (found.jumps, found.hops) == (0, 1)
    assert found.of("hop")[0].side == "right"


def test_a_slow_lift_is_no_jump():
    assert describe(made(Plan(lift=bump(0.3, 1.0, 3.0)))).jumps == 0


@pytest.mark.parametrize(("angle", "level"), [(-0.2, "chest"), (0.1, "shoulder"), (0.5, "head"), (1.4, "overhead")])
def test_raised_hands_have_side_height_and_time(angle, level):
    found = describe(made(Plan(arms={"right": arm(angle, 1.0, 3.0)})))
    (event,) = found.of("raise_hand")
    assert (event.side, event.level) == ("right", level)
    assert 1.0 < event.start_s < 1.5 and 2.5 < event.end_s < 3.0
    assert not found.of("wave", "clap", "punch", "travel", "turn")
    both = describe(made(Plan(arms={side: arm(angle, 1.0, 3.0) for side in ("left", "right")})))
    assert [(e.side, e.level) for e in both.of("raise_hand")] == [("both", level)]


@pytest.mark.parametrize("rate", [0.8, 1.5, 2.5])
def test_waving_is_told_from_raising(rate):
    found = describe(made(Plan(seconds=5.0, arms={"left": waving(1.0, 0.5, 4.5, rate)})))
    (event,) = found.of("wave")
    assert event.side == "left"
    assert event.count == pytest.approx(3.2 * rate, abs=1.2)


def test_kicks_knees_bends_squats_and_stillness():
    kick = describe(made(MOTIONS["kick"]))
    assert [(e.kind, e.side) for e in kick.of("kick", "knee_lift")] == [("kick", "right")]
    knee = describe(made(MOTIONS["knee"]))
    assert [(e.kind, e.side) for e in knee.of("kick", "knee_lift")] == [("knee_lift", "left")]
    bend = describe(made(MOTIONS["bow"])).of("bend")
    # the spine bends above the hips, so that the line to the neck leans less
    assert len(bend) == 1 and 25 < bend[0].angle_deg < math.degrees(0.9)
    still = describe(made(Plan()))
    assert [e.kind for e in still.events] == ["stand_still"] and still.path.gait == "stand"
    deep, share = 1.3, lambda t: bump(1.3, 1.0, 2.6)(t)
    squat = Plan(
        lift=lambda t: -2 * LEG_M / 2 * (1 - torch.cos(share(t))),
        hips=dict.fromkeys(("left", "right"), share),
        knees={s: (lambda t: 2 * share(t)) for s in ("left", "right")},
    )
    assert deep and [e.kind for e in describe(made(squat)).of("squat", "sit", "lie", "jump")] == ["squat"]


@pytest.mark.parametrize("name", sorted(MOTIONS))
def test_the_mirror_image_is_described_by_the_mirrored_description(name):
    motion = made(MOTIONS[name])
    here, there = describe(motion), describe(mirror(motion)).mirrored()
    assert classes(here) == classes(there)
    assert here.path.direction == there.path.direction and here.steps == there.steps
    for one, other in zip(here.events, there.events, strict=True):
        assert one.start_s == pytest.approx(other.start_s, abs=0.05)
        assert one.angle_deg == pytest.approx(other.angle_deg, abs=1)
        assert one.distance_m == pytest.approx(other.distance_m, abs=0.02)
    assert here.path.turn_deg == pytest.approx(there.path.turn_deg, abs=1)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(MOTIONS)), st.floats(-3, 3), st.floats(-20, 20), st.floats(-20, 20))
def test_place_and_heading_change_nothing(name, yaw, x, z):
    motion = made(MOTIONS[name])
    moved = transform(motion, torch.tensor(yaw, dtype=torch.float64), torch.tensor([x, 0.7, z], dtype=torch.float64))
    assert _near(describe(moved), describe(motion))


@pytest.mark.parametrize("speed", [1.2, -0.9])
def test_backwards_in_time_a_walk_goes_the_other_way(speed):
    motion = made(walking(speed))
    here = describe(motion)
    there = describe(motion.replace(root=motion.root.flip(0), rotations=motion.rotations.flip(0)))
    assert {here.path.direction, there.path.direction} == {"forward", "backward"}
    assert there.path.distance_m == pytest.approx(here.path.distance_m, rel=0.01)
    assert abs(there.steps - here.steps) <= 1


@pytest.mark.parametrize("fps", [20.0, 24.0, 60.0, 120.0])
@pytest.mark.parametrize("name", sorted(MOTIONS))
def test_the_frame_rate_changes_no_class(name, fps):
    here, there = describe(made(MOTIONS[name])), describe(made(MOTIONS[name], fps))
    assert [c[:5] for c in classes(here)] == [c[:5] for c in classes(there)]
    assert here.path.distance_m == pytest.approx(there.path.distance_m, rel=0.03, abs=0.02)
    assert abs(here.steps - there.steps) <= 1


@pytest.mark.parametrize("name", ["walk", "turn", "jump", "wave", "raise", "stand"])
def test_noise_changes_no_class(name):
    motion = made(MOTIONS[name])
    rng = torch.Generator().manual_seed(0)
    noise = 0.004 * torch.randn(motion.root.shape, generator=rng, dtype=torch.float64)
    turned = motion.rotations + 0.004 * torch.randn(motion.rotations.shape, generator=rng, dtype=torch.float64)
    noisy = motion.replace(root=motion.root + noise, rotations=turned / turned.norm(dim=-1, keepdim=True))
    assert [c[:4] for c in classes(describe(noisy))] == [c[:4] for c in classes(describe(motion))]


@pytest.mark.parametrize("name", ["walk", "turn", "raise", "wave", "kick"])
def test_a_small_body_does_the_same_things(name):
    motion = made(MOTIONS[name])
    half = replace(SKELETON, offsets=SKELETON.offsets * 0.5, roles=dict(SKELETON.roles))
    found = describe(motion.replace(skeleton=half, root=motion.root * 0.5))
    assert [c[:3] for c in classes(found)] == [c[:3] for c in classes(describe(motion))]
    assert found.path.distance_m == pytest.approx(describe(motion).path.distance_m / 2, rel=0.02, abs=0.01)


def test_short_clips_and_bodies_without_arms_are_described():
    motion = made(walking(1.2))
    for frames in (1, 2, 3, 7):
        assert describe(motion.slice(0, frames)).seconds == pytest.approx(frames / 30, abs=1e-3)
    legs = {r: j for r, j in SKELETON.roles.items() if r.split("_")[-1] in ("hips", "hip", "knee", "ankle")}
    bare = replace(SKELETON, roles=legs)
    assert describe(motion.replace(skeleton=bare)).path.direction == "forward"
    with pytest.raises(SkeletonError, match="left_knee"):
        describe(motion.replace(skeleton=replace(SKELETON, roles={"hips": "pelvis", "left_hip": "left_hip"})))


def test_the_input_is_not_altered_and_the_record_goes_through_json():
    motion = made(MOTIONS["turn"])
    before = motion.root.clone(), motion.rotations.clone()
    found = describe(motion)
    assert torch.equal(before[0], motion.root) and torch.equal(before[1], motion.rotations)
    assert Description.parse(json.loads(json.dumps(found.to_json()))) == found


def _near(one: Description, other: Description) -> bool:
    here, there = json.loads(json.dumps(one.to_json())), json.loads(json.dumps(other.to_json()))
    for found in (here, there):
        # straight back is 180 degrees to either side
        found["path"]["angle_deg"] = abs(found["path"]["angle_deg"] or 0.0)
    return _same(here, there)


def _same(one, other) -> bool:
    if isinstance(one, dict):
        return set(one) == set(other) and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, int | float):
        return abs(one - other) < 0.11
    return one == other


def test_every_motion_here_is_a_motion():
    assert all(isinstance(made(plan), Motion) for plan in MOTIONS.values())
