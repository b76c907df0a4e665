"""Clean-up: planted faults are found and undone, what was sound stays, and the report tells what was moved."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from foreign_files import CASES, body, walking
from kinescale import skeletons
from kinescale.core.errors import ConfigError, InputError, SkeletonError
from kinescale.formats import read_motion
from kinescale.kinematics.rotations import axis_angle_quat, quat_angle, quat_multiply
from kinescale.motion import Motion
from kinescale.motion.clean_up import FAMILY, floor, foot_lock, jitter
from kinescale.motion.clean_up.base import rest_heights
from kinescale.skeletons.base import Skeleton
from motion_strategies import random_motion

UP = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)


def standing(frames: int = 60, height: float = 0.0) -> Motion:
    """A body in its T-pose, soles on ``height``."""
    skeleton = skeletons.get("humanml22")
    rotations = torch.zeros(frames, len(skeleton), 4, dtype=torch.float64)
    rotations[..., 3] = 1.0
    root = torch.zeros(frames, 3, dtype=torch.float64)
    root[:, 1] = float(rest_heights(skeleton)[0]) + height
    return Motion(skeleton, 30.0, root, rotations)


def bent(motion: Motion) -> Motion:
    """The same with bent knees, so that legs can reach."""
    rotations = motion.rotations.clone()
    for side in ("left", "right"):
        for role, angle in (("hip", -0.4), ("knee", 0.8), ("ankle", -0.4)):
            turn = axis_angle_quat(torch.tensor(angle, dtype=torch.float64), "x")
            rotations[:, motion.skeleton.role(f"{side}_{role}")] = turn
    return motion.replace(rotations=rotations)


def foot_speed(motion: Motion) -> torch.Tensor:
    joints = [motion.skeleton.role(f"{side}_toes") for side in ("left", "right")]
    feet = motion.positions()[:, joints]
    return (feet[1:] - feet[:-1]).norm(dim=-1) * motion.fps


def test_the_family_is_what_the_command_line_offers() -> None:
    assert FAMILY.names() == ("floor", "foot_lock", "jitter")


def test_a_sliding_stand_is_held_by_the_legs() -> None:
    motion = bent(standing())
    time = torch.arange(60, dtype=torch.float64) / 30
    root = motion.root.clone()
    root[:, 0] += 0.04 * torch.sin(2 * time)
    slid = motion.replace(root=root)
    assert float(foot_speed(slid).max()) > 0.05
    cleaned = foot_lock.clean(slid, foot_lock.Config())
    assert float(foot_speed(cleaned.motion).max()) < 1e-6
    assert cleaned.report["stances"] == 2
    assert cleaned.report["slide_before_m_s"] > 0.02 > 1e-6 > cleaned.report["slide_after_m_s"]
    # only the legs and the hips' height have moved
    legs = {f"{s}_{r}" for s in ("left", "right") for r in ("hip", "knee", "ankle")}
    others = [j for r, j in slid.skeleton.role_indices().items() if r not in legs]
    assert torch.equal(cleaned.motion.rotations[:, others], slid.rotations[:, others])
    torch.testing.assert_close(cleaned.motion.root[:, [0, 2]], slid.root[:, [0, 2]])
    feet = [slid.skeleton.role(f"{s}_ankle") for s in ("left", "right")]
    turned = quat_angle(cleaned.motion.global_rotations()[:, feet], slid.global_rotations()[:, feet])
    assert float(turned.max()) < 1e-6


def test_feet_that_stand_already_and_feet_in_flight_are_left_alone() -> None:
    still = bent(standing())
    for motion in (still, still.replace(root=still.root + UP * torch.linspace(0.5, 2.5, 60)[:, None])):
        cleaned = foot_lock.clean(motion, foot_lock.Config(floor=None if motion is still else 0.0))
        assert float((cleaned.motion.positions() - motion.positions()).norm(dim=-1).max()) < 1e-9


def test_a_correction_comes_and_goes_without_a_pop() -> None:
    motion = bent(standing(90))
    time = torch.arange(90, dtype=torch.float64) / 30
    slid = motion.replace(root=motion.root + 0.2 * time[:, None] * torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    contacts = torch.zeros(90, 4)
    contacts[20:45, :2] = 1
    contacts[60:80, 2:] = 1
    cleaned = foot_lock.clean(slid, foot_lock.Config(), contacts).motion
    toes = slid.skeleton.role("left_toes")
    track = cleaned.positions()[:, toes]
    assert float((track[21:45] - track[20:44]).norm(dim=-1).max()) < 1e-6
    acceleration = (track[2:] - 2 * track[1:-1] + track[:-2]).norm(dim=-1) * 30**2
    # 0.08 m of correction fade within five frames at 13 m/s²; all of it in one frame would be 0.08 * 30**2 = 72
    assert float(acceleration.max()) < 20
    torch.testing.assert_close(cleaned.rotations[-1], slid.rotations[-1])


def test_hips_sink_where_a_leg_is_too_short() -> None:
    straight = standing(30, height=0.02)
    cleaned = foot_lock.clean(straight, foot_lock.Config(floor=0.0))
    assert 0.015 < cleaned.report["hips_lowered_max_m"] < 0.03
    ankle = straight.skeleton.role("left_ankle")
    height = cleaned.motion.positions()[:, ankle, 1] - rest_heights(straight.skeleton)[ankle]
    assert float(height.abs().max()) < 2e-3


@pytest.mark.parametrize("off", [-0.3, 0.0, 0.12])
def test_the_floor_is_found_and_moved_to(off: float) -> None:
    cleaned = floor.clean(standing(height=off), floor.Config(height=0.5))
    assert cleaned.report["shift_m"] == pytest.approx(0.5 - off, abs=1e-6)
    torch.testing.assert_close(cleaned.motion.root, standing(height=0.5).root)


def test_a_tilted_walk_is_levelled() -> None:
    made = standing(100)
    path = torch.linspace(0, 2, 100, dtype=torch.float64)
    # three stops, not on one line, so that the ground is seen in both directions
    stops = torch.tensor([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]], dtype=torch.float64)[(path * 1.49).long()]
    root = made.root.clone()
    root[:, 0] += stops[:, 0]
    root[:, 2] += stops[:, 1]
    level = made.replace(root=root)
    turn = axis_angle_quat(torch.tensor(math.radians(4.0), dtype=torch.float64), "x")
    from kinescale.kinematics.rotations import quat_apply

    rotations = level.rotations.clone()
    rotations[:, 0] = quat_multiply(turn, rotations[:, 0])
    tilted = level.replace(root=quat_apply(turn, level.root), rotations=rotations)
    cleaned = floor.clean(tilted, floor.Config(level=True))
    assert cleaned.report["tilt_deg"] == pytest.approx(4.0, abs=0.3)
    upright = quat_apply(cleaned.motion.rotations[:, 0], UP)
    assert float(upright[:, 1].min()) > math.cos(math.radians(0.3))
    assert floor.clean(tilted, floor.Config()).report["tilt_deg"] == 0.0
    assert floor.clean(tilted, floor.Config(level=True, most_tilt_deg=2.0)).report["tilt_deg"] == 0.0


def test_what_sinks_is_lifted_smoothly() -> None:
    motion = standing()
    root = motion.root.clone()
    root[30:33, 1] -= 0.2
    cleaned = floor.clean(motion.replace(root=root), floor.Config(sink_m=0.01))
    assert cleaned.report["lift_max_m"] > 0.1
    assert float(cleaned.motion.positions()[..., 1].min()) > -0.01 - 1e-6


def test_planted_spikes_go_and_the_motion_stays() -> None:
    motion = random_motion(frames=80, spread=0.2)
    rotations, root = motion.rotations.clone(), motion.root.clone()
    for frame, joint in ((20, 4), (41, 17), (42, 17), (60, 0)):
        turn = axis_angle_quat(torch.tensor(2.0, dtype=torch.float64), "y")
        rotations[frame, joint] = quat_multiply(rotations[frame, joint], turn)
    root[33] += 0.5
    cleaned = jitter.clean(motion.replace(rotations=rotations, root=root), jitter.Config(smoothing_s=0.0))
    assert cleaned.report["joint_frames_replaced"] == 4
    assert cleaned.report["root_frames_replaced"] == 1
    assert float((cleaned.motion.positions() - motion.positions()).norm(dim=-1).max()) < 0.01
    clean = jitter.clean(motion, jitter.Config(smoothing_s=0.0))
    assert clean.report["moved_max_m"] < 1e-6


def test_a_tremor_is_smoothed_and_a_slow_motion_is_not() -> None:
    motion = random_motion(frames=80, spread=0.2)
    rng = torch.Generator().manual_seed(0)
    noise = 0.01 * torch.randn(motion.rotations.shape, generator=rng, dtype=torch.float64)
    cleaned = jitter.clean(motion.replace(rotations=motion.rotations + noise), jitter.Config())
    assert cleaned.report["jerk_after_m_s3"] < 0.3 * cleaned.report["jerk_before_m_s3"]
    slow = jitter.clean(motion, jitter.Config())
    middle = slice(8, -8)
    assert float((slow.motion.positions() - motion.positions())[middle].norm(dim=-1).max()) < 0.01


@pytest.mark.parametrize("module", [floor, foot_lock, jitter])
@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_short_clips_and_inputs_that_must_not_change(module, frames: int) -> None:
    motion = random_motion(frames=frames)
    before = motion.root.clone(), motion.rotations.clone()
    cleaned = module.clean(motion, module.Config())
    assert len(cleaned.motion) == frames
    assert all(math.isfinite(value) for value in cleaned.report.values())
    assert torch.equal(before[0], motion.root)
    assert torch.equal(before[1], motion.rotations)


def test_misfits_are_refused_in_a_sentence() -> None:
    chain = Skeleton("chain", ("a", "b"), (-1, 0), np.array([[0.0, 0, 0], [0, 1, 0]]))
    rotations = torch.zeros(3, 2, 4)
    rotations[..., 3] = 1
    motion = Motion(chain, 30.0, torch.zeros(3, 3), rotations)
    for module in (floor, foot_lock):
        with pytest.raises(SkeletonError, match="role"):
            module.clean(motion, module.Config())
    with pytest.raises(InputError, match="leave_m_s"):
        foot_lock.clean(standing(), foot_lock.Config(enter_m_s=1.0, leave_m_s=0.5))
    with pytest.raises(InputError, match="contacts"):
        foot_lock.clean(standing(), foot_lock.Config(), torch.zeros(5, 4))
    with pytest.raises(ConfigError, match="blend_s"):
        foot_lock.Config.parse({"blend_s": -1})


FRAMES = {"first": [0], "first two": [0, 1], "middle": [40], "two apart": [20, 45], "last": [59], "last two": [58, 59]}


@pytest.mark.parametrize("where", FRAMES)
@pytest.mark.parametrize("fault", ["rest pose", "origin", "anything"])
def test_bad_frames_are_replaced_whole_wherever_they_are(where: str, fault: str) -> None:
    clip, bad = walking(body(), frames=60), FRAMES[where]
    rotations, root = clip.rotations.clone(), clip.root.clone()
    still = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    noise = torch.nn.functional.normalize(torch.randn(clip.rotations.shape, dtype=torch.float64), dim=-1)
    for frame in bad:
        rotations[frame] = noise[frame] if fault == "anything" else still
        if fault == "origin":
            root[frame] = 0.0
    cleaned = jitter.clean(clip.replace(rotations=rotations, root=root), jitter.Config(smoothing_s=0.0))
    error = (cleaned.motion.positions() - clip.positions()).norm(dim=-1)
    assert float(error.max()) < 0.06
    assert cleaned.report["joint_frames_replaced"] >= len(bad)


def test_a_movement_that_begins_with_the_clip_is_kept() -> None:
    """A jump starts at full speed: nothing of it is a bad frame."""
    clip = walking(body(), frames=60, speed=4.0)
    cleaned = jitter.clean(clip, jitter.Config(smoothing_s=0.0))
    assert cleaned.report["joint_frames_replaced"] == cleaned.report["root_frames_replaced"] == 0
    torch.testing.assert_close(cleaned.motion.positions(), clip.positions(), atol=1e-9, rtol=0)


def test_the_case_of_a_bad_first_frame() -> None:
    if not (CASES / "bad_first_frame.bvh").is_file():
        pytest.skip(f"the small cases are not at {CASES}")
    good, bad = (read_motion(CASES / name) for name in ("base.bvh", "bad_first_frame.bvh"))
    cleaned = jitter.clean(bad, jitter.Config(smoothing_s=0.0)).motion
    assert float((cleaned.positions() - good.positions()).norm(dim=-1).max()) < 0.02
