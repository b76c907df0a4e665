"""Blends: exact outside, smooth at the borders, the path carried on; and the gap between two clips."""

from __future__ import annotations

import pytest
import torch

from edit_bundles import made_clip, moved_rigidly
from kinescale.core.errors import InputError
from kinescale.motion.canonicalize import transform
from kinescale.motion.resample import resample_cubic
from kinescale.pipelines.editing.blend import (
    AIM_M_S2,
    LIMIT_M_S2,
    REAL_MOTION,
    BlendSettings,
    blend,
    border_peak,
    joint_accelerations,
)
from kinescale.pipelines.editing.gap import joined

ALL = tuple(range(22))


@pytest.fixture(scope="module")
def clip():
    return made_clip(90, dtype=torch.float64)


def elsewhere(motion, yaw: float = 1.0):
    return transform(motion, torch.tensor(yaw), torch.tensor([4.0, 0.0, -2.0]))


@pytest.mark.parametrize("span", [(0, 90), (30, 60), (0, 40), (50, 90), (44, 45)])
@pytest.mark.parametrize("anchor_end", [False, True])
def test_the_clip_set_into_itself_is_itself(clip, span, anchor_end):
    """Wherever the stretch lies and however it is turned: editing nothing changes nothing."""
    done = blend(clip, elsewhere(clip), span, BlendSettings(ALL, True, anchor_end=anchor_end))
    torch.testing.assert_close(done.motion.positions(), clip.positions(), atol=1e-6, rtol=0)
    assert done.moved_m < 1e-6 and done.turned_rad < 1e-6 and done.bent_m < 1e-6


def test_speeds_go_on_across_the_borders(clip):
    other = made_clip(90, dtype=torch.float64)
    other = other.replace(rotations=other.rotations.flip(0), root=other.root.flip(0))
    done = blend(clip, elsewhere(other), (30, 70), BlendSettings(ALL, True))
    speeds = (done.motion.positions()[1:] - done.motion.positions()[:-1]) * 30
    jumps = (speeds[1:] - speeds[:-1]).norm(dim=-1).amax(-1)
    # at a border no more than elsewhere in the blend
    assert float(jumps[[28, 29, 68, 69]].max()) <= float(jumps[29:70].max())
    assert done.peak_m_s2 <= AIM_M_S2
    moved_rigidly(done.motion, clip, 70)
    assert torch.equal(done.motion.rotations[:30], clip.rotations[:30])


def test_only_the_joints_asked_for(clip):
    other = elsewhere(clip.replace(rotations=clip.rotations.flip(0)))
    done = blend(clip, other, (30, 60), BlendSettings((16, 18), False))
    others = [joint for joint in ALL if joint not in (16, 18)]
    assert torch.equal(done.motion.rotations[:, others], clip.rotations[:, others])
    assert torch.equal(done.motion.root, clip.root)
    assert torch.equal(done.motion.rotations[60:], clip.rotations[60:])
    # past the blends the joints are the stretch's own
    assert done.frames < 14
    torch.testing.assert_close(done.motion.rotations[45, 16].abs(), other.rotations[45, 16].abs())


def test_a_stretch_may_hold_the_frames_around_the_span_only(clip):
    whole = blend(clip, clip, (40, 50), BlendSettings(ALL, True))
    part = blend(clip, clip.slice(35, 55), (40, 50), BlendSettings(ALL, True), offset=35)
    torch.testing.assert_close(whole.motion.rotations, part.motion.rotations)
    with pytest.raises(InputError, match="hold them all"):
        blend(clip, clip.slice(41, 55), (40, 50), BlendSettings(ALL, True), offset=41)
    with pytest.raises(InputError, match="retarget"):
        blend(clip, made_clip(90, 60.0, dtype=torch.float64), (40, 50), BlendSettings(ALL, True))


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_accelerations_compare_across_frame_rates(fps):
    one, other = made_clip(60, 30.0, dtype=torch.float64), made_clip(round(2 * fps), fps, dtype=torch.float64)
    assert abs(float(joint_accelerations(one).max()) - float(joint_accelerations(other).max())) < 0.05
    assert border_peak(other, [(10, 20)]) <= float(joint_accelerations(other).max())


def test_the_limit_says_where_it_comes_from():
    assert REAL_MOTION["joint_acceleration_p99_m_s2"] == AIM_M_S2 < LIMIT_M_S2
    assert "benchmarks/editing.py" in REAL_MOTION["command"] and sum(REAL_MOTION["clips"].values()) >= 50


@pytest.mark.parametrize("fps", [15.0, 24.0, 60.0, 100.0])
def test_resampled_there_is_the_clip_at_that_rate(fps):
    one, wanted = made_clip(60, 30.0, dtype=torch.float64), made_clip(int(1.9 * fps), fps, dtype=torch.float64)
    got = resample_cubic(one, fps, len(wanted))
    torch.testing.assert_close(got.positions(), wanted.positions(), atol=2e-3, rtol=0)
    assert torch.equal(resample_cubic(one, 30.0, 60).rotations, one.rotations)


def test_a_gap_begins_and_ends_with_the_speeds_of_its_clips():
    first, second = made_clip(40, dtype=torch.float64), made_clip(90, dtype=torch.float64).slice(50, 90)
    whole, span = joined(first, second, 0.8)
    assert span == (40, 64) and len(whole) == 104
    assert torch.equal(whole.rotations[:40], first.rotations)
    assert torch.equal(whole.rotations[64:, 1:], second.rotations[:, 1:])
    assert border_peak(whole, [(38, 43), (61, 66)]) < AIM_M_S2
    steps = (whole.root[1:] - whole.root[:-1]).norm(dim=-1)
    assert float(steps.max()) < 0.06
