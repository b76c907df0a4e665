"""GLB as it is written: there and back, and what other programs find in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import motions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinescale import skeletons
from kinescale.core.errors import InputError
from kinescale.formats import glb, read_motion, write_motion
from kinescale.formats.glb.body import make_body
from kinescale.formats.glb.container import Document
from kinescale.kinematics.rotations import quat_to_matrix
from kinescale.motion import Motion
from kinescale.skeletons import EndSite, Skeleton
from motion_strategies import random_motion

EXACT = 1e-6
FLOAT32 = 2.0**-24
"""A float32 is off by at most so much of itself: within 16 m of the origin that is a micrometer."""
BUNDLED = [name for name in skeletons.FAMILY.names() if not name.startswith("_")]


def assert_same(one: Motion, two: Motion) -> None:
    """Equal to the format's precision, and all that is not float32 exactly."""
    assert two.skeleton == one.skeleton and two.skeleton.name == one.skeleton.name
    assert dict(two.skeleton.roles) == dict(one.skeleton.roles)
    if one.skeleton.t_pose is None:
        assert two.skeleton.t_pose is None
    else:
        np.testing.assert_array_equal(two.skeleton.t_pose, one.skeleton.t_pose)
    assert two.fps == one.fps and len(two) == len(one) and dict(two.meta) == dict(one.meta)
    one, two = one.to(torch.float64), two.to(torch.float64)
    assert bool(((two.root - one.root).abs() <= EXACT + FLOAT32 * one.root.abs()).all())
    away = torch.minimum((two.rotations - one.rotations).norm(dim=-1), (two.rotations + one.rotations).norm(dim=-1))
    assert float(away.max()) <= EXACT
    assert float((two.positions() - one.positions()).abs().max()) <= 5 * EXACT + FLOAT32 * float(one.root.abs().max())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(motion=st.one_of(motions(torch.float32), motions(torch.float64)), suffix=st.sampled_from(glb.SUFFIXES))
def test_there_and_back(tmp_path: Path, motion: Motion, suffix: str):
    glb.write(motion, tmp_path / f"a{suffix}")
    assert_same(motion, glb.read(tmp_path / f"a{suffix}"))


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_skeleton_comes_back_whole(tmp_path: Path, name: str):
    motion = random_motion(name, frames=5)
    write_motion(motion, tmp_path / "a.glb")
    assert_same(motion, read_motion(tmp_path / "a.glb"))


def test_float32_motions_are_kept_to_the_last_bit_far_from_the_origin(tmp_path: Path):
    motion = random_motion(frames=4)
    motion = motion.replace(root=motion.root + torch.tensor([1234.5, 0.0, -987.6])).to(torch.float32)
    glb.write(motion, tmp_path / "a.glb")
    assert torch.equal(glb.read(tmp_path / "a.glb").root, motion.root)


@pytest.mark.parametrize("fps", [0.5, 23.976, 29.97, 59.94, 120.0, 1000.0])
def test_long_clips_keep_every_frame(tmp_path: Path, fps: float):
    """float32 times of a long clip are off by parts of a frame; the frames are still the frames."""
    frames = 20_000
    skeleton = Skeleton("one", ("a",), (-1,), np.zeros((1, 3)))
    angle = torch.arange(frames, dtype=torch.float64) * 0.7
    rotations = torch.stack([0 * angle, torch.sin(angle), 0 * angle, torch.cos(angle)], dim=-1)[:, None]
    motion = Motion(skeleton, fps, torch.randn(frames, 3, dtype=torch.float64), rotations)
    glb.write(motion, tmp_path / "a.glb")
    assert_same(motion, glb.read(tmp_path / "a.glb"))


def test_root_offset_and_ends_are_exact(tmp_path: Path):
    offsets = np.array([[0.1, 0.9, 1 / 3], [0.0, 1e-9, 0.2]])
    skeleton = Skeleton(
        "x", ("a", "b"), (-1, 0), offsets, ends=(EndSite(1, (0.1, 1 / 7, 0.0)), EndSite(0, (0.0, 0.0, 0.0)))
    )
    motion = random_motion(frames=2)
    motion = Motion(skeleton, 30.0, motion.root, motion.rotations[:, :2])
    glb.write(motion, tmp_path / "a.glb")
    assert_same(motion, glb.read(tmp_path / "a.glb"))


def test_samples_become_animations_chosen_by_name_or_index(tmp_path: Path):
    clips = [random_motion(frames=3 + i, seed=i).with_meta(prompt="a walk", seed=i) for i in range(3)]
    clips[2] = clips[2].with_meta(prompt="a jump").replace(fps=20.0)
    glb.write(clips, tmp_path / "a.glb")
    for index, clip in enumerate(clips):
        assert_same(clip, glb.read(tmp_path / "a.glb", animation=index))
        assert_same(clip, glb.read(tmp_path / "a.glb", animation=str(index)))
    assert_same(clips[0], glb.read(tmp_path / "a.glb"))
    assert_same(clips[1], glb.read(tmp_path / "a.glb", animation="a walk (seed 1)"))
    assert_same(clips[2], glb.read(tmp_path / "a.glb", animation="a jump"))
    for wrong in ("a hop", 3, -1, "7"):
        with pytest.raises(InputError, match="2 'a jump'"):
            glb.read(tmp_path / "a.glb", animation=wrong)


def test_samples_must_share_a_skeleton(tmp_path: Path):
    for clips in ([random_motion(frames=2), random_motion("cmu", frames=2)], []):
        with pytest.raises(InputError):
            glb.write(clips, tmp_path / "a.glb")
    assert not list(tmp_path.iterdir())


def test_equal_motions_give_equal_files(tmp_path: Path):
    for name in ("a", "b"):
        glb.write(random_motion(frames=3), tmp_path / f"{name}.glb")
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_meta_that_json_cannot_hold_becomes_text(tmp_path: Path):
    glb.write(random_motion(frames=2).with_meta(odd=Path("x"), none=None, pair=(1, 2.5)), tmp_path / "a.glb")
    meta = glb.read(tmp_path / "a.glb").meta
    assert meta["odd"] == "x" and meta["none"] is None and meta["pair"] == [1, 2.5]


def test_fps_resamples(tmp_path: Path):
    motion = random_motion(frames=31)
    glb.write(motion, tmp_path / "a.glb")
    twice = glb.read(tmp_path / "a.glb", fps=60.0).to(torch.float64)
    assert len(twice) == 61 and twice.fps == 60.0
    away = (twice.positions()[::2] - motion.positions()).abs().max()
    assert float(away) < 5 * EXACT
    # between two frames LINEAR goes along the chord
    middle = (motion.root[1:] + motion.root[:-1]) / 2
    assert float((twice.root[1::2] - middle).abs().max()) < EXACT
    for wrong in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(InputError, match="frames per second"):
            glb.read(tmp_path / "a.glb", fps=wrong)


def test_pygltflib_finds_the_animation(tmp_path: Path):
    gltf = pytest.importorskip("pygltflib")
    motion = random_motion(frames=7).with_meta(prompt="a person waves", seed=7, bundle="abc", license="CC BY 4.0")
    glb.write(motion, tmp_path / "a.glb")
    file = gltf.GLTF2().load(str(tmp_path / "a.glb"))
    assert [node.name for node in file.nodes] == [*motion.skeleton.joints, "body"]
    assert file.asset.copyright == "CC BY 4.0" and file.asset.extras["prompt"] == "a person waves"
    (animation,) = file.animations
    assert animation.name == "a person waves" and animation.extras["meta"] == dict(motion.meta)
    assert len(animation.channels) == len(motion.skeleton) + 1
    assert {sampler.interpolation for sampler in animation.samplers} == {"LINEAR"}
    assert len({sampler.input for sampler in animation.samplers}) == 1
    times = file.accessors[animation.samplers[0].input]
    assert times.count == 7 and times.min == [0.0] and times.max == [pytest.approx(0.2)]
    (skin,) = file.skins
    assert skin.skeleton == 0 and skin.joints == list(range(len(motion.skeleton)))
    assert file.nodes[-1].skin == 0 and file.nodes[-1].mesh == 0


def test_linear_goes_the_short_way(tmp_path: Path):
    motion = random_motion(frames=9)
    signs = torch.where(torch.arange(9) % 2 == 0, 1.0, -1.0)[:, None, None]
    glb.write(motion.replace(rotations=motion.rotations * signs), tmp_path / "a.glb")
    document = Document.open(tmp_path / "a.glb")
    for sampler in document.json["animations"][0]["samplers"][1:]:
        quats = document.accessor(sampler["output"], ("VEC4",), "test")
        assert ((quats[1:] * quats[:-1]).sum(-1) > 0).all()


@pytest.mark.parametrize("name", BUNDLED)
def test_the_body_is_closed_stands_on_the_ground_and_follows_its_bones(name: str):
    motion = random_motion(name, frames=4, seed=3)
    body = make_body(motion.skeleton)
    assert abs(body.positions[:, 1].min()) < 1e-9
    np.testing.assert_allclose(np.linalg.norm(body.normals, axis=1), 1.0, atol=1e-9)
    # every edge is walked once each way, and the faces look outwards: a closed surface around a volume
    edges = np.concatenate([body.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    assert len({tuple(edge) for edge in edges.tolist()}) == len(edges)
    assert {tuple(edge) for edge in edges.tolist()} == {tuple(edge[::-1]) for edge in edges.tolist()}
    corners = body.positions[body.triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("fc,fc->f", faces, body.normals[body.triangles].mean(1)) > 0).all()
    # skinned at a frame, every point lies as near to its joint's bones as in the bind pose
    turns = quat_to_matrix(motion.global_rotations()[2]).numpy()
    moved = np.tile(np.eye(4), (len(turns), 1, 1))
    moved[:, :3, :3], moved[:, :3, 3] = turns, motion.positions()[2].numpy()
    skinning = (moved @ np.linalg.inv(body.joints_to_world))[body.joints]
    points = np.einsum("vij,vj->vi", skinning[:, :3, :3], body.positions) + skinning[:, :3, 3]
    before = np.linalg.norm(body.positions - body.joints_to_world[body.joints, :3, 3], axis=1)
    after = np.linalg.norm(points - moved[body.joints, :3, 3], axis=1)
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_nothing_is_altered(tmp_path: Path):
    motion = random_motion(frames=3)
    root, rotations = motion.root.clone(), motion.rotations.clone()
    glb.write(motion, tmp_path / "a.glb")
    assert torch.equal(motion.root, root) and torch.equal(motion.rotations, rotations)
