"""Skinned glTF files of other programs: positions and orientations of the joints are those of a naive twin."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from gltf_cases import Scene, naive_world, unit
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import FormatError
from kinescale.formats import glb
from kinescale.kinematics.rotations import matrix_to_quat, quat_to_matrix

QUARTER = [math.sqrt(0.5), 0.0, 0.0, -math.sqrt(0.5)]
"""Z up to Y up."""


def quats(rng: np.random.Generator, count: int) -> np.ndarray:
    """A wandering track of unit quaternions."""
    return unit(np.cumsum(rng.normal(size=(count, 4)) * 0.4, axis=0) + rng.normal(size=4))


def check(scene: Scene, path: Path, fps: float | None = None, atol: float = 2e-5, **options: object) -> None:
    """Every joint lies where the twin has its node, and is turned as it is."""
    scene.save(path)
    motion = glb.read(path, fps=fps, **options).to(torch.float64)  # type: ignore[arg-type]
    start = min((times[0] for _, _, _, times, _ in scene.channels), default=0.0)
    by_name = {node.get("name", f"joint_{i}"): i for i, node in enumerate(scene.nodes)}
    positions, turns = motion.positions().numpy(), quat_to_matrix(motion.global_rotations()).numpy()
    for frame in range(len(motion)):
        world = naive_world(scene, np.float64(start + frame / motion.fps))
        for joint, name in enumerate(motion.skeleton.joints):
            matrix = world[by_name[name]]
            np.testing.assert_allclose(positions[frame, joint], matrix[:3, 3], atol=atol)
            np.testing.assert_allclose(turns[frame, joint], matrix[:3, :3] / np.linalg.norm(matrix[:3, 0]), atol=atol)


def armature(rng: np.random.Generator, scale: float = 0.01, mode: str = "LINEAR") -> Scene:
    """An object turned and scaled above a chain in centimeters, with a node between two joints and odd order."""
    turns = unit(rng.normal(size=(3, 4))).tolist()
    nodes = [
        {"name": "mesh"},
        {"name": "hand", "translation": [0.0, 25.0, 0.0], "rotation": turns[0]},
        {"name": "between", "translation": [1.0, 2.0, 3.0], "rotation": turns[1],
         "scale": [2.0, 2.0, 2.0], "children": [1]},
        {"name": "arm", "translation": [10.0, 0.0, 5.0], "rotation": turns[2], "children": [2]},
        {"name": "hips", "translation": [0.0, 0.0, 95.0], "children": [3, 6]},
        {"name": "Armature", "rotation": QUARTER, "scale": [scale] * 3, "translation": [0.5, 0.1, 0], "children": [4]},
        {"name": "leg", "translation": [-9.0, 0.0, -8.0]},
    ]  # fmt: skip
    times = np.float32(np.arange(6) / 24 + 1 / 24).astype(np.float64)
    root = rng.normal(size=(6, 3)) * 50
    channels = [(4, "translation", "LINEAR", times, np.float32(root).astype(np.float64))]
    for node in (1, 3, 4, 6):
        values = quats(rng, 6)
        if mode == "CUBICSPLINE":
            values = np.stack([rng.normal(size=(6, 4)), values, rng.normal(size=(6, 4))], axis=1)
        channels.append((node, "rotation", mode, times, np.float32(values).astype(np.float64)))
    return Scene(nodes, [1, 3, 4, 6], channels)


@pytest.mark.parametrize("mode", ["LINEAR", "STEP", "CUBICSPLINE"])
@pytest.mark.parametrize("fps", [None, 24.0, 73.0])
def test_an_armature_like_blenders_or_mixamos(tmp_path: Path, mode: str, fps: float | None):
    scene = armature(np.random.default_rng(1), mode=mode)
    check(scene, tmp_path / "a.glb", fps)
    motion = glb.read(tmp_path / "a.glb")
    assert motion.fps == 24.0 and len(motion) == 6
    assert motion.skeleton.joints == ("hips", "arm", "hand", "leg") and motion.skeleton.parents == (-1, 0, 1, 0)
    assert 0.12 < np.linalg.norm(motion.skeleton.offsets[3]) < 0.13  # 12 centimeters through the armature's 0.01


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_tree_of_joints_and_other_nodes(tmp_path_factory: pytest.TempPathFactory, seed: int):
    """Nodes of any rotation and even scale, some of them joints, some moving, between and above joints too."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 9))
    order = rng.permutation(count)
    nodes = [
        {
            "name": f"n{i}",
            "translation": rng.normal(size=3).tolist(),
            "rotation": unit(rng.normal(size=4)).tolist(),
            "scale": [float(rng.uniform(0.5, 2.0))] * 3,
        }
        for i in range(count)
    ]
    for step in range(1, count):
        nodes[order[rng.integers(0, step)]].setdefault("children", []).append(int(order[step]))
    joints = [int(i) for i in rng.permutation(count)[: rng.integers(1, count + 1)]]
    times = np.arange(4) / 10.0
    channels = []
    for node in rng.permutation(count)[: rng.integers(0, count + 1)]:
        channels.append((int(node), "rotation", "LINEAR", times, np.float32(quats(rng, 4)).astype(np.float64)))
    scene = Scene(nodes, joints, channels)
    moving_between = {c[0] for c in channels} - set(joints)
    path = tmp_path_factory.mktemp("any") / "a.glb"
    scene.save(path)
    motion = glb.read(path)
    if not (moving_between and "translation_dropped_m" in motion.meta):
        check(scene, path, 30.0, atol=1e-4)


def test_a_matrix_in_the_place_of_three_parts(tmp_path: Path):
    rng = np.random.default_rng(2)
    scene = armature(rng)
    parts = naive_world(Scene([scene.nodes[5] | {"children": []}], None), 0.0)[0]
    scene.nodes[5] = {"name": "Armature", "matrix": parts.T.ravel().tolist(), "children": [4]}
    check(scene, tmp_path / "a.glb")


def test_an_armature_that_moves(tmp_path: Path):
    scene = armature(np.random.default_rng(3))
    times = scene.channels[0][3]
    drift = np.float32(np.random.default_rng(4).normal(size=(6, 3))).astype(np.float64)
    scene.channels.append((5, "translation", "LINEAR", times, drift))
    scene.channels.append((5, "scale", "LINEAR", times, np.full((6, 3), np.float32(0.01)).astype(np.float64)))
    check(scene, tmp_path / "a.glb", 50.0)


def test_a_scale_that_moves_is_left_out_and_noted(tmp_path: Path):
    scene = armature(np.random.default_rng(3))
    still = glb.read(scene.save(tmp_path / "still.glb"))
    grows = np.linspace(1, 2, 6)[:, None].repeat(3, axis=1)
    scene.channels.append((4, "scale", "LINEAR", scene.channels[0][3], grows))
    motion = glb.read(scene.save(tmp_path / "a.glb"))
    assert motion.meta["scale_dropped"] is True and "scale_dropped" not in still.meta
    assert torch.equal(motion.positions(), still.positions())


@pytest.mark.parametrize("scale", [[1, 1, 2], [-1, 1, 1], [0, 0, 0], [-1, -1, -1]])
def test_uneven_scales_are_refused_where_they_matter(tmp_path: Path, scale: list[float]):
    scene = armature(np.random.default_rng(3))
    scene.nodes[6]["scale"] = scale  # a leaf: nothing hangs from it
    glb.read(scene.save(tmp_path / "a.glb"))
    scene.nodes[3]["scale"] = scale
    with pytest.raises(FormatError, match="apply its scale"):
        glb.read(scene.save(tmp_path / "a.glb"))


def test_translations_below_the_root_are_offsets(tmp_path: Path):
    """Files that key every channel: standing still is no loss, and what moves is noted."""
    scene = armature(np.random.default_rng(5))
    times = scene.channels[0][3]
    scene.channels.append((6, "translation", "STEP", times, np.tile([-9.0, 0.0, -8.0], (6, 1))))
    scene.channels.append((3, "translation", "LINEAR", times, np.tile([20.0, 0.0, 5.0], (6, 1))))
    check(scene, tmp_path / "a.glb", 24.0)
    assert "translation_dropped_m" not in glb.read(tmp_path / "a.glb").meta
    scene.channels[-1][4][0, 0] += 6.0
    motion = glb.read(scene.save(tmp_path / "a.glb"))
    assert motion.meta["translation_dropped_m"] == pytest.approx(0.05, abs=1e-6)


def test_short_integers_and_wide_strides(tmp_path: Path):
    scene = armature(np.random.default_rng(6))
    scene.kind = "<i2"
    check(scene, tmp_path / "a.glb", 24.0, atol=1e-3)
    scene.kind, scene.stride = "<f4", 20
    check(scene, tmp_path / "a.glb", 24.0)


def test_control_bones_beside_the_main_tree_are_left_out(tmp_path: Path):
    scene = armature(np.random.default_rng(7))
    scene.nodes.append({"name": "ik", "translation": [1.0, 0.0, 0.0]})
    scene.nodes[5]["children"].append(7)
    scene.joints = [7, 1, 3, 4, 6]
    check(scene, tmp_path / "a.glb", 24.0)
    assert glb.read(tmp_path / "a.glb").meta["joints_left_out"] == 1


@pytest.mark.parametrize("shared", [True, False])
def test_trees_of_one_size_hang_from_what_is_above_both(tmp_path: Path, shared: bool):
    nodes = [
        {"name": "a", "translation": [1.0, 0.0, 0.0]},
        {"name": "b", "translation": [0.0, 1.0, 0.0]},
        {"name": "top", "translation": [0.0, 0.0, 1.0], "rotation": QUARTER, "children": [0, 1]},
    ]
    if not shared:
        nodes[2] = {"name": "root"}
    scene = Scene(nodes, [0, 1])
    check(scene, tmp_path / "a.glb")
    assert glb.read(tmp_path / "a.glb").skeleton.joints == ("top" if shared else "root", "a", "b")


def test_without_a_skin_the_moving_nodes_and_all_below_are_joints(tmp_path: Path):
    scene = armature(np.random.default_rng(8))
    scene.joints = None
    scene.channels = scene.channels[:2]  # hips and hand
    check(scene, tmp_path / "a.glb", 24.0)
    assert set(glb.read(tmp_path / "a.glb").skeleton.joints) == {"hips", "arm", "between", "hand", "leg"}


def test_without_an_animation_there_is_one_frame_at_rest(tmp_path: Path):
    scene = armature(np.random.default_rng(9))
    scene.channels = []
    check(scene, tmp_path / "a.glb")
    motion = glb.read(tmp_path / "a.glb")
    assert len(motion) == 1 and motion.fps == 30.0


def test_names_are_made_unique_and_printable(tmp_path: Path):
    nodes = [{"name": "a", "children": [1, 2]}, {"name": "a", "children": [3]}, {"name": "b\x1b[2J"}, {}]
    motion = glb.read(Scene(nodes, [0, 1, 2, 3]).save(tmp_path / "a.glb"))
    assert motion.skeleton.joints == ("a", "a_2", "b_[2J", "joint_3")


def test_the_copyright_is_the_license(tmp_path: Path):
    scene = armature(np.random.default_rng(9))
    scene.asset = {"version": "2.0", "copyright": "CC BY 4.0"}
    assert dict(glb.read(scene.save(tmp_path / "a.glb")).meta) == {"license": "CC BY 4.0"}


@pytest.mark.parametrize(
    ("times", "fps"),
    [
        (np.arange(9) / 30, 30.0),
        (np.arange(9) / 25 + 3.0, 25.0),
        (np.arange(90) / 60, 60.0),
        (np.arange(90) * 1001 / 30000, 30000 / 1001),
        (np.arange(90) * 1001 / 24000, 24000 / 1001),
        (np.arange(9) / 12.5, 30.0 if 12.5 < 10 else 12.5),
        (np.array([0.0, 2.0]), 30.0),
        (np.array([0.5]), 30.0),
        (np.array([0.0, 0.04, 0.08, 0.5, 1.0]), 25.0),
    ],
)
def test_the_rate_is_the_most_common_spacing(tmp_path: Path, times: np.ndarray, fps: float):
    keys = np.tile([0.0, 0.0, 0.0, 1.0], (len(times), 1))
    scene = Scene([{"name": "a"}], [0], [(0, "rotation", "LINEAR", times, keys)])
    motion = glb.read(scene.save(tmp_path / "a.glb"))
    assert motion.fps == pytest.approx(fps, rel=1e-7)
    assert len(motion) == round((times[-1] - times[0]) * fps) + 1


def test_data_in_the_text_is_read_and_other_files_are_never_opened(tmp_path: Path):
    scene = armature(np.random.default_rng(10))
    document, binary = scene.parts()
    document["buffers"][0]["uri"] = "data:application/gltf-buffer;base64," + base64.b64encode(binary).decode()
    (tmp_path / "a.gltf").write_text(json.dumps(document))
    scene.save(tmp_path / "a.glb")
    inside, outside = glb.read(tmp_path / "a.gltf"), glb.read(tmp_path / "a.glb")
    assert torch.equal(inside.positions(), outside.positions())
    (tmp_path / "a.bin").write_bytes(binary)
    for uri in ("a.bin", "file:///etc/passwd", "http://127.0.0.1:9/a.bin", "/dev/zero", "../a.bin"):
        document["buffers"][0]["uri"] = uri
        (tmp_path / "a.gltf").write_text(json.dumps(document))
        with pytest.raises(FormatError, match="not opened"):
            glb.read(tmp_path / "a.gltf")


def test_a_person_from_another_program_is_recognized(tmp_path: Path):
    """Joint frames of its own, in centimeters, without our extras: roles by name, and a T-pose that is one."""
    names = ["Hips", "Spine", "Spine1", "Neck", "Head", "LeftArm", "LeftForeArm", "LeftHand", "RightArm",
             "RightForeArm", "RightHand", "LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase", "RightUpLeg",
             "RightLeg", "RightFoot", "RightToeBase"]  # fmt: skip
    parents = [-1, 0, 1, 2, 3, 2, 5, 6, 2, 8, 9, 0, 11, 12, 13, 0, 15, 16, 17]
    places = np.array([[0, 95, 0], [0, 105, 0], [0, 125, 0], [0, 150, 0], [0, 158, 2], [18, 143, 0], [45, 143, 0],
                       [70, 143, 0], [-18, 143, 0], [-45, 143, 0], [-70, 143, 0], [9, 90, 0], [9, 50, 0], [9, 9, -2],
                       [9, 2, 12], [-9, 90, 0], [-9, 50, 0], [-9, 9, -2], [-9, 2, 12]])  # fmt: skip
    rng = np.random.default_rng(11)
    turns = unit(rng.normal(size=(len(names), 4)))
    matrices = quat_to_matrix(torch.from_numpy(turns)).numpy()
    nodes = [{"name": "mixamorig:" + name, "children": []} for name in names]
    for joint, parent in enumerate(parents):
        above = np.eye(3) if parent < 0 else matrices[parent]
        local = torch.from_numpy(above.T @ matrices[joint])
        nodes[joint]["rotation"] = matrix_to_quat(local).tolist()
        start = np.zeros(3) if parent < 0 else places[parent]
        nodes[joint]["translation"] = (above.T @ (places[joint] - start)).tolist()
        if parent >= 0:
            nodes[parent]["children"].append(joint)
    nodes = [{k: v for k, v in node.items() if v != []} for node in nodes]
    nodes.append({"name": "Armature", "scale": [0.01] * 3, "children": [0]})
    motion = glb.read(Scene(nodes, list(range(len(names)))).save(tmp_path / "a.glb"))
    assert motion.skeleton.roles["left_elbow"] == "mixamorig:LeftForeArm"
    np.testing.assert_allclose(motion.positions()[0].numpy(), places / 100, atol=1e-5)
    assert motion.skeleton.t_pose is not None
    posed = motion.replace(rotations=torch.from_numpy(motion.skeleton.t_pose.copy())[None].float())
    stands = posed.positions()[0] - posed.positions()[0, 0]
    assert float((stands - torch.from_numpy(places - places[0]) / 100).abs().max()) < 0.05


def game_rig(rng: np.random.Generator) -> Scene:
    """A person below a ``root`` on the floor, whose pelvis carries the body; a prop's joint beside the pelvis."""
    from kinescale.skeletons import get

    body = get("humanml22")
    nodes: list[dict] = [{"name": "root", "children": [1, len(body) + 1]}]
    for joint, name in enumerate(body.joints):
        children = [other + 1 for other, parent in enumerate(body.parents) if parent == joint]
        place = [0.0, 0.95, 0.0] if joint == 0 else body.offsets[joint].tolist()
        nodes.append({"name": name, "translation": place, **({"children": children} if children else {})})
    nodes.append({"name": "prop", "translation": [0.5, 0.0, 0.5]})
    times = np.float32(np.arange(12) / 30).astype(np.float64)
    height = np.array([0.0, 0.95, 0.0])
    way = np.float32(height + np.cumsum(rng.normal(size=(12, 3)) * 0.05, axis=0)).astype(np.float64)
    channels = [(1, "translation", "LINEAR", times, way)]
    for node in (0, 1, 5):
        channels.append((node, "rotation", "LINEAR", times, np.float32(quats(rng, 12)).astype(np.float64)))
    drift = np.float32(np.cumsum(rng.normal(size=(12, 3)) * 0.1, axis=0)).astype(np.float64)
    channels.append((0, "translation", "LINEAR", times, drift))
    return Scene(nodes, list(range(len(nodes))), channels)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hips_that_move_below_a_root_carry_the_body(tmp_path: Path, seed: int):
    """Nothing of the way is lost: every joint that is kept lies where the twin has its node."""
    scene = game_rig(np.random.default_rng(seed))
    check(scene, tmp_path / "a.glb", 30.0)
    motion = glb.read(tmp_path / "a.glb")
    assert motion.skeleton.role("hips") == 0 and "prop" not in motion.skeleton.joints
    assert motion.meta == {"joints_left_out": 2}


def test_a_root_above_hips_that_stand_still_in_it_stays(tmp_path: Path):
    scene = game_rig(np.random.default_rng(4))
    scene.channels = [channel for channel in scene.channels if channel[:2] != (1, "translation")]
    check(scene, tmp_path / "a.glb", 30.0)
    assert glb.read(tmp_path / "a.glb").skeleton.joints[0] == "root"
