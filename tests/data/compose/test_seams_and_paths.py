"""Laws of what composition does to a clip: seams whose feet stand, bent paths, other paces, lent arms."""

from __future__ import annotations

import math

import pytest
import torch

from kinescale.data.compose.overlay import overlay
from kinescale.data.compose.path import bend_path, ramp, stance_anchors
from kinescale.data.compose.retime import retime
from kinescale.data.compose.track import Track
from kinescale.data.compose.transition import NONE, best_transition, join_clips
from kinescale.description import describe
from kinescale.motion import canonicalize
from made_bodies import Plan, arm, made, walking


def track(plan: Plan) -> Track:
    return Track.of(canonicalize(made(plan)))


@pytest.fixture(scope="module")
def walk() -> Track:
    return track(walking(1.1, 1.8, seconds=5.0))


@pytest.fixture(scope="module")
def stand() -> Track:
    return track(Plan(seconds=2.0, arms={"left": arm(0.8, 0.8, 1.6)}))


@pytest.mark.parametrize("order", ["stop", "start", "on"])
def test_a_seam_keeps_both_clips_and_its_support_where_it_stands(walk, stand, order):
    first, second = {"stop": (walk, stand), "start": (stand, walk), "on": (walk, walk)}[order]
    transition = best_transition(first, second, range(40, 58, 2), range(4, 40, 2))
    whole, at, short = join_clips(first, second, transition)
    assert at == transition.last + 1 + transition.gap and len(whole) == at + len(second) - transition.first
    assert short < 0.01
    if transition.support == NONE:
        assert order == "on" and not (first.planted[transition.last].any() or second.planted[transition.first].any())
        return
    # away from the seam nothing but the legs is touched
    arms = [first.skeleton.role(f"{side}_{part}") for side in ("left", "right") for part in ("shoulder", "elbow")]
    assert torch.equal(whole.rotations[: transition.last, arms], first.rotations[: transition.last, arms])
    assert torch.equal(whole.rotations[at:, arms], second.rotations[transition.first :, arms])
    # the foot that stands on both sides does not slide
    foot = whole.feet[transition.last : at + 1, transition.support][:, [0, 2]]
    assert float((foot - foot[0]).norm(dim=-1).max()) < 0.01
    # it faces on as it did
    turned = whole.yaw[at] - whole.yaw[transition.last]
    assert abs(math.remainder(float(turned), 2 * math.pi)) < math.radians(12)


def test_a_seam_goes_on_without_a_jump(walk, stand):
    transition = best_transition(walk, stand, range(40, 58, 2), range(4, 20, 2))
    whole, _, _ = join_clips(walk, stand, transition)
    step = (whole.positions[1:] - whole.positions[:-1]).norm(dim=-1)
    most = max(float((t.positions[1:] - t.positions[:-1]).norm(dim=-1).max()) for t in (walk, stand))
    assert float(step.max()) < 1.6 * most


@pytest.mark.parametrize("angle", [-180, -90, -45, 40, 90, 150])
def test_a_bent_walk_turns_as_far_as_it_is_bent(walk, angle):
    turn = ramp(len(walk), 20, len(walk) - 20) * math.radians(angle)
    made_track, short = bend_path(walk, turn)
    found = describe(made_track.motion())
    (event,) = found.of("turn")
    assert event.side == ("left" if angle > 0 else "right")
    assert event.angle_deg == pytest.approx(abs(angle), abs=12)
    assert short < 0.02
    assert found.path.distance_m == pytest.approx(describe(walk.motion()).path.distance_m, rel=0.08)


@pytest.mark.parametrize("angle", [60, -120])
def test_feet_on_a_bent_path_stand_as_still_as_before(walk, angle):
    turn = ramp(len(walk), 10, len(walk) - 10) * math.radians(angle)
    made_track, _ = bend_path(walk, turn)

    def pace(one: Track) -> torch.Tensor:
        return (one.feet[1:] - one.feet[:-1])[..., [0, 2]].norm(dim=-1) * one.fps

    stands = walk.planted[1:] & walk.planted[:-1]
    assert stands.any()
    assert torch.allclose(pace(made_track)[stands], pace(walk)[stands], atol=0.02)


def test_no_bend_is_no_change(walk):
    same, short = bend_path(walk, torch.zeros(len(walk), dtype=torch.float64))
    assert short < 1e-6
    assert torch.allclose(same.positions, walk.positions, atol=1e-6)


@pytest.mark.parametrize("stretch", [0.7, 1.15])
def test_longer_steps_go_farther(walk, stretch):
    longer, _ = bend_path(walk, torch.zeros(len(walk), dtype=torch.float64), stretch)
    way = describe(walk.motion()).path.distance_m
    assert describe(longer.motion()).path.distance_m == pytest.approx(stretch * way, rel=0.08)


@pytest.mark.parametrize("factor", [0.75, 1.0, 1.3])
def test_another_pace_goes_the_same_way_in_other_time(walk, factor):
    other = retime(walk, factor)
    assert len(other) == pytest.approx((len(walk) - 1) / factor + 1, abs=1)
    assert torch.allclose(other.root[[0, -1]], walk.root[[0, -1]], atol=1e-9)


def test_anchors_hold_still_within_a_stance():
    planted = torch.tensor([0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0], dtype=torch.bool)
    before, after, share = stance_anchors(planted)
    assert before[2:5].tolist() == after[2:5].tolist() == [3, 3, 3]
    assert before[5:8].tolist() == [3] * 3 and after[5:8].tolist() == [8] * 3
    assert 0 < share[5] < share[6] < share[7] < 1
    assert before[0] == 3 and after[10] == 8


def test_lent_arms_leave_everything_else(walk, stand):
    lent = overlay(walk, stand, 30, ("left_arm",))
    arm_joints = {walk.skeleton.role(f"left_{part}") for part in ("collar", "shoulder", "elbow", "wrist")}
    others = [joint for joint in range(len(walk.skeleton)) if joint not in arm_joints]
    assert torch.equal(lent.rotations[:, others], walk.rotations[:, others])
    assert torch.equal(lent.root, walk.root)
    assert torch.equal(lent.rotations[:30], walk.rotations[:30])
    middle = 30 + len(stand) // 2
    shoulder = walk.skeleton.role("left_shoulder")
    same = (lent.rotations[middle, shoulder] * stand.rotations[len(stand) // 2, shoulder]).sum().abs()
    assert float(same) == pytest.approx(1.0, abs=1e-6)
