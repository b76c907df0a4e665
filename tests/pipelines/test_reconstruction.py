"""Reconstruction: what goes in comes back in its own place, however long it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kinescale import skeletons
from kinescale.core.errors import InputError, SkeletonError
from kinescale.kinematics.rotations import quat_about_y, quat_multiply
from kinescale.motion import Motion
from kinescale.pipelines import mean_joint_error, onto_feature, reconstruct
from kinescale.skeletons import Skeleton
from tiny_bundle import MAX_FRAMES, tiny_bundle


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle()


def walk(frames: int, fps: float = 30.0, skeleton: str = "humanml22") -> Motion:
    """A smooth made-up clip that turns, bends and travels, away from the origin and not facing +Z."""
    body = skeletons.get(skeleton)
    time = torch.arange(frames, dtype=torch.float64) / fps
    phase = torch.linspace(0, 6, len(body), dtype=torch.float64)
    angles = 0.3 * torch.sin(2 * time[:, None] + phase)
    rotations = torch.zeros(frames, len(body), 4, dtype=torch.float64)
    rotations[..., 0], rotations[..., 3] = torch.sin(angles / 2), torch.cos(angles / 2)
    rotations[:, 0] = quat_multiply(quat_about_y(2.0 + 0.5 * time), rotations[:, 0])
    root = torch.stack([3 + 0.8 * time, 0.95 + 0 * time, -2 + torch.sin(time)], dim=1)
    return Motion(body, fps, root, rotations, {"source": "made up"})


class Lossless(torch.nn.Module):
    """A tokenizer that decodes to the features that it encoded last."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.feature_width = inner.feature_width
        self.codec = inner.codec
        self.config = inner.config
        self.seen = []

    def layout(self, frames=None):
        return self.inner.layout(frames)

    def encode(self, features, lengths):
        assert features.shape[1] == int(lengths[0]) <= MAX_FRAMES and features.shape[1] % 4 == 0
        self.seen.append(features.shape[1])
        self.given = features
        return self.inner.encode(features, lengths)

    def decode(self, tokens):
        return self.given


@pytest.fixture
def lossless(bundle, monkeypatch):
    whole = tiny_bundle()
    object.__setattr__(whole, "tokenizer", Lossless(bundle.tokenizer))
    monkeypatch.setattr(type(whole), "content_hash", "0" * 64)
    monkeypatch.setattr(type(whole), "device", torch.device("cpu"))
    return whole


@pytest.mark.parametrize("frames", [1, 3, 4, 30, MAX_FRAMES, MAX_FRAMES + 1, 200])
def test_a_lossless_tokenizer_gives_the_motion_back(lossless, frames):
    source = walk(frames)
    made = reconstruct(lossless, source)
    assert len(made) == frames
    torch.testing.assert_close(made.positions().double(), source.positions(), atol=2e-4, rtol=0)
    assert sum(lossless.tokenizer.seen) == -(-frames // 4) * 4
    assert max(lossless.tokenizer.seen) <= MAX_FRAMES


@pytest.mark.parametrize(("fps", "skeleton"), [(60.0, "humanml22"), (30.0, "bandai_namco"), (120.0, "bandai_namco")])
def test_other_rates_and_skeletons_are_brought_over(lossless, fps, skeleton):
    source = walk(100, fps, skeleton)
    reference = onto_feature(source, lossless.feature)
    made = reconstruct(lossless, source)
    assert made.fps == 30 and made.skeleton == lossless.feature.skeleton
    assert len(made) == len(reference)
    assert mean_joint_error(made, reference) < 2e-4


@pytest.mark.parametrize("scales", [None, 1, 2, 3])
def test_the_tiny_tokenizer_returns_something_sound(bundle, scales):
    source = walk(150)
    made = reconstruct(bundle, source, scales)
    assert len(made) == 150 and made.meta["source"] == "made up" and made.meta["bundle"] == bundle.content_hash
    assert torch.isfinite(made.positions()).all()
    assert not made.root.is_inference()
    assert torch.equal(source.root, walk(150).root)


def test_all_scales_are_the_default(bundle):
    source = walk(64)
    assert torch.equal(reconstruct(bundle, source).root, reconstruct(bundle, source, 3).root)
    assert not torch.equal(reconstruct(bundle, source).root, reconstruct(bundle, source, 1).root)


@pytest.mark.parametrize("scales", [0, -1, 4])
def test_scales_that_do_not_exist(bundle, scales):
    with pytest.raises(InputError, match="1 to 3"):
        reconstruct(bundle, walk(8), scales)


def test_a_skeleton_without_roles_is_refused(bundle):
    chain = Skeleton("chain", ("a", "b"), (-1, 0), np.array([[0, 0, 0], [0, 1, 0]]))
    rotations = torch.tensor([0.0, 0, 0, 1]).expand(5, 2, 4)
    with pytest.raises(SkeletonError):
        reconstruct(bundle, Motion(chain, 30.0, torch.zeros(5, 3), rotations))


def test_mean_joint_error_is_a_mean_distance():
    source = walk(10)
    moved = source.replace(root=source.root + torch.tensor([0.3, 0.0, 0.4]))
    assert mean_joint_error(source, source) == 0
    assert mean_joint_error(moved, source) == pytest.approx(0.5)
    assert mean_joint_error(moved, source, root_relative=True) == pytest.approx(0, abs=1e-9)
    with pytest.raises(InputError, match="joints"):
        chain = Skeleton("chain", ("a",), (-1,), np.zeros((1, 3)))
        one = replace(source, skeleton=chain, root=torch.zeros(3, 3), rotations=source.rotations[:3, :1])
        mean_joint_error(one, source)
