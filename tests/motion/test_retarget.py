"""Retargeting between the bundled skeletons: there and back, feet that stand, proportions, rest poses, speed's cost."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from kinescale import skeletons
from kinescale.data import datasets
from kinescale.kinematics.contacts import lowest_tenth, velocities
from kinescale.kinematics.rotations import (
    quat_angle,
    quat_apply,
    quat_conjugate,
    quat_multiply,
)
from kinescale.motion import Motion, facing_yaw, retarget
from kinescale.motion.retarget import NEEDED, standing_points, t_pose
from kinescale.skeletons import EndSite, Skeleton

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from motion_strategies import random_motion, walk

BODIES = [name for name in skeletons.FAMILY.names() if set(NEEDED) <= set(skeletons.get(name).roles)]
WHOLE = [name for name in BODIES if {"left_collar", "neck", "left_toes"} <= set(skeletons.get(name).roles)]


@pytest.fixture(scope="module")
def captured(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Motion:
    """One take of CMU as ASF/AMC (a walk), cut to three seconds."""
    folder = tmp_path_factory.mktemp("cmu")
    with tarfile.open(data_root / "cmu.tar.xz") as archive:
        taken = 0
        for member in archive:
            if member.name.endswith(("/16.asf", "/16_32.amc")):
                archive.extract(member, folder, filter="data")
                taken += 1
            if taken == 2:
                break
    (clip,) = datasets.FAMILY.get("cmu", "find")(folder)
    return datasets.FAMILY.get("cmu", "load")(clip).slice(0, 360)


def test_the_whole_bodies_are_all_here() -> None:
    assert {"humanml22", "bandai_namco", "cmu", "iclone", "mixamo", "unity_humanoid", "smplh", "snapmogen24"} <= set(
        WHOLE
    )


@pytest.mark.parametrize("first", WHOLE)
def test_there_and_back_returns_within_a_centimeter(first: str) -> None:
    """Each to the four that follow it in the list; every pair is measured on recordings by the benchmark."""
    motion = retarget(walk(seconds=1.0), skeletons.get(first))
    joints = list(motion.skeleton.role_indices().values())
    place = WHOLE.index(first)
    for second in (WHOLE + WHOLE)[place + 1 : place + 5]:
        back = retarget(retarget(motion, skeletons.get(second)), motion.skeleton)
        error = (back.positions() - motion.positions())[:, joints].norm(dim=-1)
        assert float(error.mean()) < 0.01, second


@pytest.mark.parametrize("second", BODIES)
def test_real_feet_that_stand_go_on_standing_and_come_back(second: str, captured: Motion) -> None:
    there = retarget(captured, skeletons.get(second))
    assert sliding(captured, there) < 0.01
    if second in WHOLE:
        joints = list(captured.skeleton.role_indices().values())
        error = (retarget(there, captured.skeleton).positions() - captured.positions())[:, joints].norm(dim=-1)
        assert float(error.mean()) < 0.01


def sliding(source: Motion, motion: Motion) -> float:
    """Mean ground speed, m/s, of foot points where they stand on the source."""
    roles, stands = standing_points(source)
    columns = [k for k, role in enumerate(roles) if role in motion.skeleton.roles]
    track = motion.positions()[:, [motion.skeleton.role(roles[k]) for k in columns]]
    speed = velocities(track, motion.fps)[:-1][..., [0, 2]].norm(dim=-1)
    both = (stands[1:] & stands[:-1])[:, columns]
    assert int(both.sum()) > 20
    return float(speed[both].mean())


@pytest.mark.parametrize("second", BODIES)
def test_soles_are_on_the_floor_and_the_body_faces_as_it_did(second: str) -> None:
    motion = walk()
    there = retarget(motion, skeletons.get(second))
    positions = there.positions()
    apart = facing_yaw(positions, there.skeleton) - facing_yaw(motion.positions(), motion.skeleton)
    assert float(apart.abs().max()) < 0.02
    points = [there.skeleton.role(f"{side}_ankle") for side in ("left", "right")]
    _, rest = t_pose(there.skeleton)
    tips = [rest[end.joint, 1] for end in there.skeleton.ends] + [rest[:, 1].min()]
    height = float(rest[points, 1].mean() - min(float(t) for t in tips))
    assert abs(lowest_tenth(positions[:, points, 1]) - height) < 0.05


def test_hips_rise_and_strides_grow_with_the_legs() -> None:
    motion = walk()
    skeleton = motion.skeleton
    tall = Skeleton(
        "tall", skeleton.joints, skeleton.parents, 1.5 * skeleton.offsets, skeleton.roles, skeleton.t_pose,
        tuple(EndSite(e.joint, (1.5 * e.offset[0], 1.5 * e.offset[1], 1.5 * e.offset[2])) for e in skeleton.ends),
    )  # fmt: skip
    there = retarget(motion, tall)
    error = there.positions() - 1.5 * retarget(retarget(motion, skeletons.get("smplh")), skeleton).positions()
    assert float(error.norm(dim=-1).mean()) < 0.02


def rested(skeleton: Skeleton, seed: int = 0) -> Skeleton:
    """The same body with another rest pose (arms down as in an A-pose, every joint's frame turned at random)."""
    rng = np.random.default_rng(seed)
    count = len(skeleton)
    spin = torch.nn.functional.normalize(
        torch.as_tensor(rng.normal(size=(count, 4)) + np.array([0.0, 0.0, 0.0, 2.0])), dim=-1
    )
    world, _ = t_pose(skeleton)
    # World orientations in the rest pose that identities shall make: ``spin`` after the T-pose's.
    world = quat_multiply(world, spin)
    up = [max(parent, 0) for parent in skeleton.parents]
    offsets = quat_apply(quat_conjugate(spin[up]), torch.as_tensor(skeleton.offsets.copy()))
    offsets[0] = 0
    local = quat_multiply(quat_conjugate(world[up]), world)
    local[0] = world[0]
    ends = []
    for end in skeleton.ends:
        tip = quat_apply(quat_conjugate(spin[end.joint]), torch.tensor(end.offset, dtype=torch.float64))
        ends.append(EndSite(end.joint, (float(tip[0]), float(tip[1]), float(tip[2]))))
    return Skeleton(
        "rested", skeleton.joints, skeleton.parents, offsets.numpy(), skeleton.roles, local.numpy(), tuple(ends)
    )


@pytest.mark.parametrize("name", ["humanml22", "bandai_namco", "unity_humanoid"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_rest_pose_does_not_matter(name: str, seed: int) -> None:
    """A-pose, T-pose or any other frames of the joints: the same body moves the same way."""
    motion = walk("cmu")
    body = skeletons.get(name)
    plain, other = retarget(motion, body), retarget(motion, rested(body, seed))
    torch.testing.assert_close(other.positions(), plain.positions(), atol=1e-6, rtol=0)
    back = retarget(other, motion.skeleton).positions()
    torch.testing.assert_close(back, retarget(plain, motion.skeleton).positions(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", BODIES)
def test_knees_bend_as_they_did(name: str) -> None:
    """The knee lies ahead of the line from hip to ankle wherever the walk bends it."""
    there = retarget(walk(), skeletons.get(name))
    at = there.positions()
    for side in ("left", "right"):
        hip, knee, ankle = (at[:, there.skeleton.role(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        line = torch.nn.functional.normalize(ankle - hip, dim=-1)
        off = (knee - hip) - ((knee - hip) * line).sum(-1, keepdim=True) * line
        assert float(off[:, 2].min()) > -0.01
        assert float(off[:, 2].max()) > 0.05


@pytest.mark.parametrize("name", WHOLE)
def test_rotations_stay_smooth(name: str) -> None:
    motion = walk()
    there = retarget(motion, skeletons.get(name))
    step = quat_angle(there.rotations[1:], there.rotations[:-1])
    assert float(step.max()) < 0.35


def test_one_frame_and_a_body_without_toes_are_taken() -> None:
    one = random_motion(frames=1)
    for name in BODIES:
        assert len(retarget(one, skeletons.get(name))) == 1
