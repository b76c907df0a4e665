"""Every motion is sound after it is normalized, and no clip is stretched to more than its size allows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kinescale import skeletons
from kinescale.core.conventions import MAX_FPS, MAX_LENGTH_M, MAX_SECONDS, MIN_FPS
from kinescale.core.errors import InputError, MotionError, SkeletonError
from kinescale.motion import Motion, resample
from kinescale.motion.resample import FREE_POSES, MAX_STRETCH
from kinescale.skeletons import EndSite, Skeleton

SKELETON = skeletons.get("humanml22")


def clip(
    frames: int = 5, fps: float = 30.0, dtype: torch.dtype = torch.float32, skeleton: Skeleton = SKELETON
) -> Motion:
    rotations = torch.zeros(frames, len(skeleton), 4, dtype=dtype)
    rotations[..., 3] = 1
    return Motion(skeleton, fps, torch.zeros(frames, 3, dtype=dtype), rotations)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("length", [1e-5, 0.1, 1 + 1e-5, 3.0, 1e3, 1e15])
def test_quaternions_of_any_length_are_normalized(dtype, length):
    one = clip(dtype=dtype)
    made = one.replace(rotations=one.rotations * length)
    assert torch.allclose(made.rotations, one.rotations, atol=1e-6)


@pytest.mark.parametrize("length", [4e19, 1e25, 3e38, 0.0, 1e-12, float("nan"), float("inf"), -float("inf")])
def test_quaternions_that_cannot_be_are_refused(length):
    rotations = clip().rotations.clone()
    rotations[2, 7] *= length
    with pytest.raises(MotionError):
        clip().replace(rotations=rotations)
    # a single component suffices
    rotations = clip().rotations.clone()
    rotations[1, 3, 0] = length if length else float("nan")
    if not 0 < abs(length) < 1:
        with pytest.raises(MotionError):
            clip().replace(rotations=rotations)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), MAX_LENGTH_M * 1.01, -1e30, 3e38])
def test_a_root_too_far_is_refused(value):
    root = torch.zeros(5, 3)
    root[4, 1] = value
    with pytest.raises(MotionError):
        clip().replace(root=root)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), MAX_LENGTH_M * 1.01, -1e300])
def test_bones_too_long_are_refused(value):
    offsets = SKELETON.offsets.copy()
    offsets[5, 2] = value
    with pytest.raises(SkeletonError):
        Skeleton("x", SKELETON.joints, SKELETON.parents, offsets)
    with pytest.raises(SkeletonError):
        Skeleton("x", SKELETON.joints, SKELETON.parents, SKELETON.offsets, ends=(EndSite(3, (0.0, value, 0.0)),))


@pytest.mark.parametrize("fps", [0.0, -1.0, MIN_FPS / 2, 1e-300, MAX_FPS * 1.01, float("nan"), float("inf")])
def test_frame_rates_out_of_bounds_are_refused(fps):
    with pytest.raises(InputError):
        clip(fps=fps)


def test_a_clip_lasts_at_most_some_years():
    with pytest.raises(MotionError, match="seconds"):
        clip(frames=int(MAX_SECONDS * MIN_FPS) + 1, fps=MIN_FPS)


def test_the_farthest_motion_has_finite_positions():
    count = 60
    offsets = np.full((count, 3), MAX_LENGTH_M)
    chain = Skeleton("chain", tuple(f"j{i}" for i in range(count)), (-1, *range(count - 1)), offsets)
    made = clip(skeleton=chain).replace(root=torch.full((5, 3), MAX_LENGTH_M))
    assert bool(torch.isfinite(made.positions()).all()) and bool(torch.isfinite(made.global_rotations()).all())


@pytest.mark.parametrize(("frames", "slow"), [(2, 1e-5), (7, 2.1e-4), (40, 0.005), (1000, 0.02)])
@pytest.mark.parametrize("fps", [30.0, 120.0, 1000.0])
def test_no_clip_is_stretched_past_its_bound(frames, slow, fps):
    one = clip(frames, slow)
    count = int((frames - 1) * fps / slow) + 1
    if count <= max(FREE_POSES // len(SKELETON), MAX_STRETCH * frames):
        assert len(resample(one, fps)) == count
        return
    with pytest.raises(InputError, match="is the frame rate of the clip right"):
        resample(one, fps)


@pytest.mark.parametrize(
    ("frames", "fps", "to"), [(300, 30.0, 1000.0), (100, 1.0, 60.0), (20, 0.1, 120.0), (500, 10.0, 500.0)]
)
def test_ordinary_resampling_is_free(frames, fps, to):
    assert len(resample(clip(frames, fps), to)) == int((frames - 1) * to / fps + 1e-6) + 1
