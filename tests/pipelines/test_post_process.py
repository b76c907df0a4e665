"""Post-processing: reports what it did, smooths what trembles alone, and each clip by itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from kinescale.core.errors import ConfigError
from kinescale.features import rotations
from kinescale.pipelines import FINISH, RAW, PostProcess
from kinescale.pipelines.post_process import SIGMAS, TREMOR_PER_S2, postprocess, smoothing_of, tremor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from motion_strategies import walk

FEATURE = rotations.build(rotations.Config())


def features(tremble: float = 0.0, seed: int = 0):
    made = FEATURE.from_motion(walk(seconds=2.0).to(torch.float32))
    return made + tremble * torch.randn(made.shape, generator=torch.Generator().manual_seed(seed))


def test_raw_is_what_the_features_decode_to():
    made = postprocess(FEATURE, features(), RAW).motion
    plain = FEATURE.to_motion(features())
    assert torch.equal(made.root, plain.root) and torch.equal(made.rotations, plain.rotations)


def test_only_a_clip_that_trembles_is_smoothed_and_no_more_than_it_must_be():
    assert smoothing_of(FEATURE, features(), FINISH) == 0.0
    shaken = features(0.05)
    sigma = smoothing_of(FEATURE, shaken, FINISH)
    assert tremor(FEATURE, shaken) > TREMOR_PER_S2 and sigma in SIGMAS[1:]
    assert smoothing_of(FEATURE, shaken, PostProcess(smoothing=0.25)) == 0.25


def test_the_frames_that_were_not_decoded_are_not_smoothed():
    shaken = features(0.05)
    decoded = torch.zeros(len(shaken), dtype=torch.bool)
    decoded[20:] = True
    made = postprocess(FEATURE, shaken, PostProcess(anchor=False, plant=False), decoded=decoded).motion
    plain = FEATURE.to_motion(shaken)
    assert torch.allclose(made.rotations[:20, 1:], plain.rotations[:20, 1:], atol=1e-5)
    assert not torch.allclose(made.rotations[20:, 1:], plain.rotations[20:, 1:], atol=1e-3)


def test_what_was_done_is_reported():
    report = postprocess(FEATURE, features(0.02)).report
    names = {"smoothing", "root_m", "foot_m", "hips_up_m", "hips_down_m"}
    assert set(report) == {f"finish_{name}" for name in names} and all(value >= 0 for value in report.values())


@pytest.mark.parametrize("value", [-1.0, float("nan"), 1e9])
def test_a_smoothing_that_is_none_is_refused(value):
    with pytest.raises((ConfigError, ValueError)):
        PostProcess(smoothing=value)


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_very_short_clips_are_finished_too(frames):
    made = postprocess(FEATURE, features(0.02)[:frames]).motion
    assert len(made) == frames
