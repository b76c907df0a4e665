"""humanml3d features: round trips, invariance, published slips and their absence; parity: tests/golden."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kinescale import features, skeletons
from kinescale.core.errors import InputError
from kinescale.features import humanml3d
from kinescale.features.humanml3d.published import VARIANTS, chain_positions, chain_rotations, change_skeleton
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_multiply
from kinescale.motion.motion import Motion

WIDTHS = {"humanml3d": 263, "kit": 251}
BOTH = [True, False]


def walk(variant: str = "humanml3d", turns: float = 0.3, frames: int = 90, seed: int = 0) -> Motion:
    """A body that swings its joints and turns by ``turns`` full turns on its way."""
    constants = VARIANTS[variant]
    skeleton = skeletons.get(constants.skeleton)
    rng = torch.Generator().manual_seed(seed)
    time = torch.linspace(0, 4 * math.pi, frames, dtype=torch.float64)[:, None, None]
    axis, phase = torch.randn(2, len(skeleton), 3, generator=rng, dtype=torch.float64)
    vector = 0.25 * axis * torch.sin(time + phase)
    angle = vector.norm(dim=-1, keepdim=True)
    quats = torch.cat([vector / angle * torch.sin(angle / 2), torch.cos(angle / 2)], dim=-1)
    yaw = torch.linspace(0, 2 * math.pi * turns, frames, dtype=torch.float64)
    quats = torch.cat([quat_multiply(quat_about_y(yaw), quats[:, 0])[:, None], quats[:, 1:]], dim=1)
    step = quat_apply(quat_about_y(yaw), torch.tensor([0.0, 0.0, 0.05], dtype=torch.float64))
    root = torch.cumsum(step, dim=0) + torch.tensor([0.5, 0.95, -1.0], dtype=torch.float64)
    return Motion(skeleton, constants.fps, root, quats)


def feature(variant: str = "humanml3d", **options: object) -> humanml3d.HumanML3D:
    return humanml3d.build(humanml3d.Config(variant=variant, **options))


def shape_gap(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest difference of distances between joints, across frames: blind to a track's start and facing."""
    flat_a, flat_b = a.flatten(0, 1)[::7], b.flatten(0, 1)[::7]
    return float((torch.cdist(flat_a, flat_a) - torch.cdist(flat_b, flat_b)).abs().max())


@pytest.mark.parametrize("variant", WIDTHS)
def test_blocks_cover_the_width_in_order(variant: str) -> None:
    own = feature(variant)
    assert own.width == WIDTHS[variant]
    names = [
        "root_yaw_velocity",
        "root_planar_velocity",
        "root_height",
        "positions",
        "rotations",
        "velocities",
        "contacts",
    ]
    assert list(own.blocks) == names
    edges = [0, *(part.stop for part in own.blocks.values())]
    assert [part.start for part in own.blocks.values()] == edges[:-1]


@pytest.mark.parametrize("variant", WIDTHS)
def test_constants_are_those_of_the_skeleton(variant: str) -> None:
    constants = VARIANTS[variant]
    skeleton = skeletons.get(constants.skeleton)
    assert constants.parents == skeleton.parents
    right_hip, left_hip, right_shoulder, left_shoulder = constants.across
    assert right_hip == skeleton.role("right_hip") and left_hip == skeleton.role("left_hip")
    assert right_shoulder == skeleton.role("right_shoulder") and left_shoulder == skeleton.role("left_shoulder")
    assert constants.feet[1] == skeleton.role("left_toes") and constants.feet[3] == skeleton.role("right_toes")


def test_family_finds_it() -> None:
    module = features.FAMILY.load("humanml3d")
    assert module.build(module.Config()).width == 263


@pytest.mark.parametrize("variant", WIDTHS)
@pytest.mark.parametrize("faithful", BOTH)
def test_positions_come_back_up_to_the_start(variant: str, faithful: bool) -> None:
    own, motion = feature(variant, faithful=faithful), walk(variant)
    made = own.from_motion(motion)
    assert made.shape == (len(motion) - 1, own.width) and made.dtype == torch.float64
    back = own.positions(made)
    assert shape_gap(back, motion.positions()[:-1]) < 1e-4
    assert float(back[0, 0, [0, 2]].abs().max()) < 1e-6


@pytest.mark.parametrize("variant", WIDTHS)
@pytest.mark.parametrize("bones", ["positions", "rotations"])
def test_a_motion_comes_back_on_the_same_skeleton(variant: str, bones: str) -> None:
    own, motion = feature(variant, faithful=False, bones=bones), walk(variant)
    made = own.from_motion(motion)
    back = own.to_motion(made)
    assert back.skeleton is own.skeleton and back.fps == own.fps and len(back) == len(motion) - 1
    assert float((back.positions() - own.positions(made)).norm(dim=-1).max()) < 1e-3
    again = own.from_motion(back)
    # Shorter by a frame, the smoothed facing differs a little; the poses do not.
    assert shape_gap(own.positions(again), own.positions(made)[:-1]) < 1e-3


def test_other_proportions_keep_their_own_lengths() -> None:
    own, motion = feature(), walk()
    skeleton = motion.skeleton
    tall = skeletons.Skeleton("tall", skeleton.joints, skeleton.parents, 1.2 * skeleton.offsets, skeleton.roles)
    made = own.from_motion(motion.replace(skeleton=tall))
    back = own.to_motion(made)
    assert float((back.positions() - own.positions(made)).norm(dim=-1).max()) < 1e-3
    assert abs(float(back.skeleton.offsets[4, 1]) - 1.2 * float(skeleton.offsets[4, 1])) < 1e-3
    assert back.skeleton.roles == skeleton.roles


@pytest.mark.parametrize("faithful", BOTH)
def test_features_do_not_know_where_the_track_starts_or_faces(faithful: bool) -> None:
    own, motion = feature(faithful=faithful), walk(turns=0.1)
    turn = quat_about_y(torch.tensor(2.0, dtype=torch.float64))
    quats = torch.cat([quat_multiply(turn, motion.rotations[:, :1]), motion.rotations[:, 1:]], dim=1)
    moved = motion.replace(root=quat_apply(turn, motion.root) + torch.tensor([3.0, 0.4, -2.0]), rotations=quats)
    torch.testing.assert_close(own.from_motion(moved), own.from_motion(motion), atol=1e-4, rtol=0)


def test_a_clean_track_starts_facing_ahead_without_a_jump() -> None:
    clean, faithful = feature(faithful=False), feature()
    motion = walk(turns=0.5, frames=60)
    steady = float(clean.from_motion(motion)[:, 0].abs().max())
    assert steady < 0.1
    assert abs(float(faithful.from_motion(motion)[0, 0])) > 2 * steady


def test_turning_through_the_back_breaks_only_published_features() -> None:
    motion = walk(turns=1.5, frames=200)
    truth = motion.positions()[:-1]
    assert shape_gap(feature(faithful=False).positions(feature(faithful=False).from_motion(motion)), truth) < 1e-6
    assert shape_gap(feature().positions(feature().from_motion(motion)), truth) > 0.1


def test_turning_left_is_one_sign_and_forward_is_plus_z() -> None:
    made = feature(faithful=False).from_motion(walk(turns=0.3))
    back = feature().positions(made)
    # Left of the track's first facing (+Z) is +X.
    assert float(back[-1, 0, 0]) > 0.5 and float(back[20, 0, 2]) > 0.5
    half_turn = float(made[:, 0].sum())
    assert abs(abs(half_turn) - math.pi * 0.3) < 0.2


def test_contacts_mark_a_still_foot() -> None:
    own, motion = feature(), walk()
    still = motion.replace(root=motion.root[:1].expand(90, 3), rotations=motion.rotations[:1].expand(90, -1, 4))
    assert bool((own.contacts(own.from_motion(still)) == 1).all())
    sliding = still.replace(root=still.root + torch.arange(90)[:, None] * torch.tensor([0.0, 0.0, 0.1]))
    assert bool((own.contacts(own.from_motion(sliding)) == 0).all())


@pytest.mark.parametrize("variant", WIDTHS)
@pytest.mark.parametrize("faithful", BOTH)
def test_chain_rotations_are_undone_by_chain_positions(variant: str, faithful: bool) -> None:
    constants = VARIANTS[variant]
    joints = walk(variant).positions()
    offsets = humanml3d.target_offsets(joints[0], constants)
    quats = chain_rotations(joints, constants, smooth=False, faithful=faithful)
    again = chain_positions(quats, joints[:, 0], offsets, constants, faithful=faithful)
    torch.testing.assert_close(again.double(), joints, atol=1e-5, rtol=0)
    same = change_skeleton(joints, offsets, constants, faithful=faithful)
    torch.testing.assert_close(same.double(), joints, atol=1e-5, rtol=0)


def test_rotations_and_positions_blocks_agree() -> None:
    own, motion = feature(faithful=False), walk()
    made = own.from_motion(motion)
    offsets = humanml3d.target_offsets(motion.positions()[0], own.constants)
    turned = humanml3d.recover_from_rotations(made, offsets, own.constants)
    torch.testing.assert_close(turned, own.positions(made), atol=1e-6, rtol=0)


def test_positions_take_batches() -> None:
    own = feature()
    clips = torch.stack([own.from_motion(walk(seed=seed)) for seed in range(3)])
    together = own.positions(clips)
    assert together.shape == (3, 89, 22, 3)
    torch.testing.assert_close(together[1], own.positions(clips[1]))


@pytest.mark.parametrize("faithful", BOTH)
def test_both_ways_are_differentiable(faithful: bool) -> None:
    own, motion = feature(faithful=faithful), walk(frames=30)
    rotations = motion.rotations.clone().requires_grad_()
    made = own.from_motion(motion.replace(rotations=rotations))
    made[:, : own.blocks["contacts"].start].square().sum().backward()
    assert torch.isfinite(rotations.grad).all() and float(rotations.grad.abs().max()) > 0
    leaf = made.detach().requires_grad_()
    own.to_motion(leaf).rotations.square().sum().backward()
    assert torch.isfinite(leaf.grad).all()


def test_float32_stays_float32_and_inputs_unchanged() -> None:
    own, motion = feature(), walk().to(torch.float32)
    before = motion.rotations.clone()
    made = own.from_motion(motion)
    assert made.dtype == torch.float32 and own.to_motion(made).root.dtype == torch.float32
    assert torch.equal(motion.rotations, before)
    torch.testing.assert_close(made.double(), own.from_motion(walk()), atol=1e-3, rtol=0)


def test_the_published_sample_becomes_a_motion(golden_root: Path) -> None:
    path = golden_root / "features_real_012314" / "io.safetensors"
    if not path.is_file():
        pytest.skip("the published sample pair is not among the golden cases")
    own, published = feature(), load_file(path)["features"]
    motion = own.to_motion(published)
    assert float((motion.positions() - own.positions(published)).norm(dim=-1).max()) < 1e-3


def test_what_does_not_fit_is_refused() -> None:
    own, motion = feature(), walk()
    with pytest.raises(InputError, match="retarget"):
        own.from_motion(walk("kit"))
    with pytest.raises(InputError, match="resample"):
        own.from_motion(motion.replace(fps=30.0))
    with pytest.raises(InputError, match="2 frames"):
        own.from_motion(motion.slice(0, 1))
    with pytest.raises(InputError, match="263"):
        own.to_motion(torch.zeros(4, 251))
