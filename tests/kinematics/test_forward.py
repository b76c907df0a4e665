"""Forward kinematics: agreement with a naive loop, local and world as inverses, invariance, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from kinescale import skeletons
from kinescale.kinematics.forward import forward_kinematics, global_to_local, local_to_global
from kinescale.kinematics.rotations import quat_angle, quat_apply, quat_multiply

NAMES = skeletons.FAMILY.names()


def random_pose(joints: int, frames: int = 6, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    root = torch.randn(frames, 3, generator=rng, dtype=torch.float64)
    quats = torch.randn(frames, joints, 4, generator=rng, dtype=torch.float64)
    return root, torch.nn.functional.normalize(quats, dim=-1)


def naive(root: np.ndarray, quats: np.ndarray, offsets: np.ndarray, parents: tuple[int, ...]) -> np.ndarray:
    """One frame and one joint at a time, with scipy's matrices."""
    out = np.zeros((*quats.shape[:2], 3))
    for frame in range(len(root)):
        world: list[np.ndarray] = []
        for joint, parent in enumerate(parents):
            local = Rotation.from_quat(quats[frame, joint]).as_matrix()
            if parent < 0:
                world.append(local)
                out[frame, joint] = root[frame]
            else:
                world.append(world[parent] @ local)
                out[frame, joint] = out[frame, parent] + world[parent] @ offsets[joint]
    return out


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_naive_loop(name: str) -> None:
    skeleton = skeletons.get(name)
    root, quats = random_pose(len(skeleton))
    offsets = torch.as_tensor(skeleton.offsets.copy())
    positions, _ = forward_kinematics(root, quats, offsets, skeleton.parents)
    expected = naive(root.numpy(), quats.numpy(), skeleton.offsets, skeleton.parents)
    assert np.abs(positions.numpy() - expected).max() < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_local_and_world_are_inverse(name: str) -> None:
    skeleton = skeletons.get(name)
    root, quats = random_pose(len(skeleton), seed=1)
    world = local_to_global(quats, skeleton.parents)
    offsets = torch.as_tensor(skeleton.offsets.copy())
    _, also = forward_kinematics(root, quats, offsets, skeleton.parents)
    assert float(quat_angle(world, also).max()) < 1e-7
    assert float(quat_angle(global_to_local(world, skeleton.parents), quats).max()) < 1e-7


def test_turning_and_moving_the_root_turns_and_moves_everything() -> None:
    skeleton = skeletons.get("humanml22")
    root, quats = random_pose(len(skeleton), seed=2)
    offsets = torch.as_tensor(skeleton.offsets.copy())
    positions, _ = forward_kinematics(root, quats, offsets, skeleton.parents)
    turn = random_pose(1, 1, seed=3)[1][0, 0]
    move = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    turned = torch.cat([quat_multiply(turn.expand(len(root), 4), quats[:, 0])[:, None], quats[:, 1:]], dim=1)
    moved, _ = forward_kinematics(quat_apply(turn, root) + move, turned, offsets, skeleton.parents)
    torch.testing.assert_close(moved, quat_apply(turn, positions) + move)


def test_bone_lengths_do_not_depend_on_the_pose() -> None:
    skeleton = skeletons.get("humanml22")
    root, quats = random_pose(len(skeleton), seed=4)
    positions, _ = forward_kinematics(root, quats, torch.as_tensor(skeleton.offsets.copy()), skeleton.parents)
    bones = positions[:, 1:] - positions[:, list(skeleton.parents[1:])]
    lengths = torch.as_tensor(np.linalg.norm(skeleton.offsets[1:], axis=-1)).expand(len(root), -1)
    torch.testing.assert_close(bones.norm(dim=-1), lengths)


def test_batches_are_clips_on_their_own() -> None:
    skeleton = skeletons.get("humanml22")
    offsets = torch.as_tensor(skeleton.offsets.copy())
    poses = [random_pose(len(skeleton), seed=seed) for seed in range(3)]
    root, quats = (torch.stack(part) for part in zip(*poses, strict=True))
    together, _ = forward_kinematics(root, quats, offsets, skeleton.parents)
    for k, (one_root, one_quats) in enumerate(poses):
        alone, _ = forward_kinematics(one_root, one_quats, offsets, skeleton.parents)
        torch.testing.assert_close(together[k], alone)


def test_gradients_agree_with_finite_differences() -> None:
    parents = (-1, 0, 1, 0, 3)
    offsets = torch.randn(5, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    root, quats = random_pose(5, 2, seed=6)
    inputs = (root.requires_grad_(), quats.requires_grad_(), offsets.requires_grad_())
    assert torch.autograd.gradcheck(lambda r, q, o: forward_kinematics(r, q, o, parents)[0], inputs)


def test_a_lone_root() -> None:
    root, quats = random_pose(1)
    positions, world = forward_kinematics(root, quats, torch.zeros(1, 3, dtype=torch.float64), (-1,))
    torch.testing.assert_close(positions[:, 0], root)
    torch.testing.assert_close(world, quats)
