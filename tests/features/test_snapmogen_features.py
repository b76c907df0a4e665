"""SnapMoGen's 296 features: inverse, invariances, blocks, and the faithful way back's slip."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import InputError
from kinescale.features import snapmogen
from kinescale.motion import Motion
from kinescale.motion.canonicalize import canonicalize, transform
from kinescale.skeletons import Skeleton
from motion_strategies import random_motion

CLEAN = snapmogen.build(snapmogen.Config(faithful=False))
FAITHFUL = snapmogen.build(snapmogen.Config())


def turning(frames: int = 40, seed: int = 0) -> Motion:
    """A random motion that walks and turns on the spot by and by."""
    motion = random_motion("snapmogen24", frames, seed)
    made = [transform(motion.slice(t, t + 1), torch.tensor(0.05 * t), torch.zeros(3)) for t in range(frames)]
    rotations = torch.cat([frame.rotations for frame in made])
    return motion.replace(root=torch.cat([frame.root for frame in made]), rotations=rotations)


def aligned(motion: Motion, like: Motion) -> Motion:
    """``motion`` moved over the ground, lifted and turned so that frame 0's root is that of ``like``."""
    yaws = [math.atan2(*[float(v) for v in forward(m)]) for m in (motion, like)]
    turned = transform(motion, torch.tensor(yaws[1] - yaws[0], dtype=torch.float64), torch.zeros(3))
    return transform(turned, torch.tensor(0.0), like.root[0] - turned.root[0])


def forward(motion: Motion) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the pelvis sends the z axis in frame 0, on the ground."""
    x, y, z, w = motion.rotations[0, 0]
    return 2 * (x * z + w * y), 1 - 2 * (x * x + y * y)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), frames=st.integers(2, 40))
def test_the_clean_way_back_is_the_inverse(seed: int, frames: int):
    motion = turning(frames, seed)
    features = CLEAN.from_motion(motion)
    assert features.shape == (frames - 1, 296)
    again = CLEAN.to_motion(features)
    assert again.skeleton == motion.skeleton
    back = aligned(again, motion)
    assert (back.positions() - motion.slice(0, frames - 1).positions()).abs().max() < 1e-9
    assert (CLEAN.positions(features) - again.positions()).abs().max() < 1e-9


def test_other_bones_come_back_too():
    ours = CLEAN.skeleton
    offsets = ours.offsets * 1.2
    body = Skeleton(ours.name, ours.joints, ours.parents, offsets, ours.roles, None, ours.ends)
    again = CLEAN.to_motion(CLEAN.from_motion(turning().replace(skeleton=body)))
    torch.testing.assert_close(torch.as_tensor(again.skeleton.offsets.copy()), torch.as_tensor(offsets))


@pytest.mark.parametrize(("feature", "yaw"), [(CLEAN, 2.0), (FAITHFUL, math.pi / 2)])
def test_where_a_clip_starts_and_faces_does_not_matter(feature: snapmogen.SnapMoGen, yaw: float):
    """Faithful, by quarter turns only: the published weights of the smoothing are sums of absolute values."""
    motion = turning()
    turn, shift = torch.tensor(yaw, dtype=torch.float64), torch.tensor([3.0, 0.7, -1.0]).double()
    moved = transform(motion, turn, shift)
    torch.testing.assert_close(feature.from_motion(moved), feature.from_motion(motion), atol=1e-8, rtol=0)


def test_blocks_cover_the_width_and_mean_what_they_say():
    stops = sorted((part.start, part.stop) for part in CLEAN.blocks.values())
    assert stops[0][0] == 0 and stops[-1][1] == CLEAN.width == 296
    assert all(one[1] == two[0] for one, two in pairwise(stops))
    still = canonicalize(random_motion("snapmogen24", 30, spread=0.0))
    still = still.replace(root=torch.tensor([0.0, 0.9, 0.0], dtype=torch.float64) + torch.zeros(30, 3))
    # on its way to +X, which is its left, at 3 cm a frame
    walk = still.replace(root=still.root + torch.arange(30)[:, None] * torch.tensor([0.03, 0.0, 0.0]).double())
    for motion, planar, standing in ((still, 0.0, 1.0), (walk, 3.0, 0.0)):
        features = CLEAN.from_motion(motion)
        block = {name: features[:, part] for name, part in CLEAN.blocks.items()}
        assert block["root_yaw_velocity"].abs().max() < 1e-9
        torch.testing.assert_close(block["root_planar_velocity"][:, 0], torch.full((29,), planar).double())
        assert (CLEAN.contacts(features) == standing).all()
        assert block["positions"][0, 0].abs() < 1e-9 and block["positions"][0, 1] == block["root_height"][0, 0]
    feet = block["positions"].unflatten(-1, (24, 3))[:, list(snapmogen.FEET), 1]
    # the floor is the mean of the lowest tenth of the feet's heights
    assert feet.min().abs() < 1e-9


def test_the_yaw_number_is_the_angle_turned_to_the_right():
    motion = canonicalize(random_motion("snapmogen24", 60, spread=0.0))
    made = [transform(motion.slice(t, t + 1), torch.tensor(-0.02 * t), torch.zeros(3)) for t in range(60)]
    spun = motion.replace(rotations=torch.cat([frame.rotations for frame in made]))
    middle = CLEAN.from_motion(spun)[25:35, 0]
    torch.testing.assert_close(middle, torch.full((10,), 0.02).double(), atol=1e-4, rtol=0)


def test_faithful_differs_only_where_the_recipe_slips():
    motion = turning(60)
    clean, faithful = CLEAN.from_motion(motion), FAITHFUL.from_motion(motion)
    assert (clean - faithful).abs().max() > 1e-6
    assert torch.equal(clean[:, -4:], faithful[:, -4:])
    one, two = CLEAN.to_motion(clean), FAITHFUL.to_motion(clean)
    assert torch.equal(one.rotations, two.rotations) and torch.equal(one.root[:, 1], two.root[:, 1])
    assert (one.root[-1] - two.root[-1]).norm() > 1e-3


def test_gradients_reach_the_features():
    features = CLEAN.from_motion(turning(8)).requires_grad_()
    CLEAN.to_motion(features).positions().square().sum().backward()
    assert features.grad is not None and torch.isfinite(features.grad).all() and features.grad[:, 4:148].abs().sum() > 0


def test_batches_of_positions():
    features = torch.stack([CLEAN.from_motion(turning(12, seed)) for seed in (0, 1)])
    torch.testing.assert_close(CLEAN.positions(features)[1], CLEAN.positions(features[1]))


def test_what_does_not_fit_is_refused():
    motion = turning(8)
    for bad in (motion.replace(fps=20.0), random_motion("humanml22", 8), motion.slice(0, 1)):
        with pytest.raises(InputError):
            CLEAN.from_motion(bad)
    for shape in ((5, 295), (0, 296)):
        with pytest.raises(InputError, match="296"):
            CLEAN.to_motion(torch.zeros(shape))
