"""Files that do not say their world: up axis, unit and rate are told by the body, stated by the user, and noted."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from foreign_files import CASES, about, along_bones, body, in_z_up, saved, walking, with_frames
from kinescale.core.conventions import UNITS_M
from kinescale.core.errors import FormatError, InputError
from kinescale.formats import bvh, glb, read_motion, write_motion
from kinescale.formats.base import animations_of, read_with_notes, suffixes
from kinescale.formats.bvh.writer import depth_first
from kinescale.kinematics.rotations import quat_multiply
from kinescale.motion import Motion
from kinescale.rigging import examine, stature


def case(name: str) -> Path:
    if not (CASES / name).is_file():
        pytest.skip(f"the small cases are not at {CASES}")
    return CASES / name


def same(one: Motion, other: Motion, atol: float = 2e-3) -> None:
    order = [other.skeleton.index(joint) for joint in one.skeleton.joints]
    torch.testing.assert_close(one.positions().double(), other.positions().double()[:, order], atol=atol, rtol=0)


@pytest.mark.parametrize("file", ["meters.bvh", "inches.bvh", "r1b_zup_facing_minus_y.bvh", "r3_one_more_row.bvh"])
def test_the_cases_become_the_clean_clip(file: str) -> None:
    motion, notes = read_with_notes(case(file))
    same(motion, read_motion(case("base.bvh")))
    assert notes and motion.meta["reading_notes"] == list(notes)


def test_displacements_are_added() -> None:
    motion, notes = read_with_notes(case("position_channels_are_displacements.bvh"))
    same(motion, read_motion(case("base.bvh")))
    assert any("added to the OFFSETs" in note for note in notes)


@pytest.mark.parametrize("unit", list(UNITS_M))
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.15])
def test_any_common_unit_is_found_by_the_bodys_height(tmp_path: Path, unit: str, scale: float) -> None:
    motion = walking(body(scale=scale))
    path = saved(motion, tmp_path, UNITS_M[unit])
    found, notes = read_with_notes(path)
    assert stature(found.skeleton) == pytest.approx(stature(motion.skeleton), rel=1e-3)
    assert bool(notes) == (unit != "cm")
    stated = read_motion(path, unit_m=UNITS_M[unit])
    assert torch.equal(stated.root, found.root) and np.array_equal(stated.skeleton.offsets, found.skeleton.offsets)


def test_a_doll_of_no_common_unit_is_noted_and_left(tmp_path: Path) -> None:
    motion = walking(body(scale=4.0))
    found, notes = read_with_notes(saved(motion, tmp_path))
    assert stature(found.skeleton) == pytest.approx(stature(motion.skeleton), rel=1e-3)
    assert any("--source-unit" in note for note in notes)


@pytest.mark.parametrize("rest_too", [True, False])
@pytest.mark.parametrize("yaw", [0.0, 90.0, 180.0, -35.0])
def test_z_up_is_set_upright(tmp_path: Path, rest_too: bool, yaw: float) -> None:
    clip = walking(body())
    turn = about("y", yaw)
    rotations = clip.rotations.clone()
    rotations[:, 0] = quat_multiply(turn, rotations[:, 0])
    root = torch.stack(
        [clip.root[:, 2] * np.sin(np.radians(yaw)), clip.root[:, 1], clip.root[:, 2] * np.cos(np.radians(yaw))], 1
    )
    clip = clip.replace(root=root, rotations=rotations)
    path = saved(in_z_up(clip, rest_too=rest_too), tmp_path)
    found, notes = read_with_notes(path)
    same(found, clip)
    assert any("+Z is taken to be up" in note for note in notes)
    same(read_motion(path, up="z"), clip)
    lying = read_motion(path, up="y")
    assert float(lying.positions()[..., 1].max()) < float(clip.positions()[..., 1].max()) or yaw != 0.0


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("axis", ["x", "z"])
def test_who_lies_stays_lying_with_a_note(tmp_path: Path, axis: str, folded: bool) -> None:
    clip = walking(body(), speed=0.0)
    turn = about(axis, 90.0)
    rotations = clip.rotations.clone()
    rotations[:, 0] = quat_multiply(turn, rotations[:, 0])
    lying = clip.replace(
        rotations=rotations, root=torch.tensor([[0.4, 0.15, 0.7]]).double().expand(len(clip), 3).clone()
    )
    drawn = with_frames(lying, along_bones(lying.skeleton)) if folded else lying
    found, notes = read_with_notes(saved(drawn, tmp_path))
    same(found, lying)
    assert any("is taken to lie" in note for note in notes)


def test_a_stated_rate_stands_in_for_the_files(tmp_path: Path) -> None:
    found = read_motion(case("r7_wrong_rate.bvh"), fps=30.0)
    assert found.fps == 30.0 and read_motion(case("r7_wrong_rate.bvh")).fps == 120.0
    path = saved(walking(body()), tmp_path)
    path.write_text(path.read_text().replace("Frame Time: 0.033333333", "Frame Time: 0"))
    with pytest.raises(FormatError, match="--source-fps"):
        read_motion(path)
    assert read_motion(path, fps=24.0).fps == 24.0


@pytest.mark.parametrize("bad", [{"up": "w"}, {"up": "+"}, {"unit_m": 0.0}, {"unit_m": float("nan")}, {"fps": 0.0}])
def test_a_world_that_is_none_is_refused(tmp_path: Path, bad: dict) -> None:
    path = saved(walking(body()), tmp_path)
    with pytest.raises(InputError):
        read_motion(path, **bad)


def test_own_files_are_taken_as_they_are(tmp_path: Path) -> None:
    tiny = walking(body(scale=0.05))
    for name in ("a.npz", "a.glb"):
        write_motion(tiny, tmp_path / name)
        found, notes = read_with_notes(tmp_path / name)
        assert not notes
        same(found, tiny, 1e-5)
        grown = read_motion(tmp_path / name, unit_m=20.0)
        assert stature(grown.skeleton) == pytest.approx(stature(body()), rel=1e-4)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("only_below", [True, False])
def test_displacements_that_move_a_little_are_displacements(tmp_path: Path, axis: int, only_below: bool) -> None:
    clip = walking(body())
    bvh.write(clip, tmp_path / "plain.bvh")
    head, rows = (tmp_path / "plain.bvh").read_text().split("MOTION\n")
    head = head.replace("CHANNELS 3 ", "CHANNELS 6 Xposition Yposition Zposition ")
    lines = rows.splitlines()
    made = []
    for frame, line in enumerate(lines[2:]):
        words = line.split()
        out = words[:6]
        for joint in range(1, len(clip.skeleton)):
            shift = ["0.0"] * 3
            shift[axis] = f"{0.3 * np.sin(frame + joint):.4f}" if only_below else "0.0"
            out += [*shift, *words[3 + 3 * joint : 6 + 3 * joint]]
        made.append(" ".join(out))
    path = tmp_path / "displaced.bvh"
    path.write_text(head + "MOTION\n" + "\n".join([*lines[:2], *made, ""]))
    found, notes = read_with_notes(path)
    same(found, clip, 5e-3)
    assert any("added to the OFFSETs" in note for note in notes)


def test_channels_that_repeat_the_offsets_are_no_displacements(tmp_path: Path) -> None:
    clip = walking(body())
    bvh.write(clip, tmp_path / "plain.bvh")
    head, rows = (tmp_path / "plain.bvh").read_text().split("MOTION\n")
    lines, order = rows.splitlines(), depth_first(clip.skeleton)
    made = []
    for line in lines[2:]:
        words = line.split()
        out = words[:6]
        for place, joint in enumerate(order[1:], start=1):
            out += [f"{100 * x:.6f}" for x in clip.skeleton.offsets[joint]] + words[3 + 3 * place : 6 + 3 * place]
        made.append(" ".join(out))
    path = tmp_path / "absolute.bvh"
    path.write_text(
        head.replace("CHANNELS 3 ", "CHANNELS 6 Xposition Yposition Zposition ")
        + "MOTION\n"
        + "\n".join([*lines[:2], *made, ""])
    )
    found, notes = read_with_notes(path)
    same(found, clip)
    assert not notes


ENDS = {
    "named": ("End Site", "End Site Tip"),
    "without the word": ("End Site", "End LeftToe_Nub"),
    "with empty channels": ("OFFSET 0.000000 0.170000", "OFFSET 0.000000 0.170000"),
}


@pytest.mark.parametrize("name", ENDS)
def test_named_end_sites_are_passed_over(tmp_path: Path, name: str) -> None:
    path = saved(walking(body()), tmp_path)
    good = read_motion(path)
    text = path.read_text().replace(*ENDS[name])
    if name == "with empty channels":
        text = text.replace("\t}\n", "\tCHANNELS 0\n\t}\n", 1) if "End Site" not in text else _empty_channels(text)
    path.write_text(text)
    found = read_motion(path)
    same(found, good)
    with pytest.raises(FormatError):
        bvh.read(path, strict=True)


def _empty_channels(text: str) -> str:
    lines, made, inside = text.splitlines(), [], False
    for line in lines:
        inside = inside or line.strip() == "End Site"
        if inside and line.strip() == "}":
            made.append("CHANNELS 0")
            inside = False
        made.append(line)
    return "\n".join([*made, ""])


NAMES = {
    "utf-8": "左足首",
    "cp932": "センター",
    "gb2312": "左脚踝",
    "cp1252": "Käfer",
    "utf-16": "左足首",
}


@pytest.mark.parametrize("encoding", NAMES)
def test_names_in_an_encoding_of_their_authors(tmp_path: Path, encoding: str) -> None:
    path = saved(walking(body()), tmp_path)
    text = path.read_text().replace("JOINT head\n", f"JOINT {NAMES[encoding]}\n")
    path.write_bytes(text.encode(encoding))
    found, notes = read_with_notes(path)
    assert NAMES[encoding] in found.skeleton.joints
    assert bool(notes) == (encoding != "utf-8")


def test_equal_names_are_told_apart_and_keep_their_sides() -> None:
    motion, notes = read_with_notes(case("dup_names.bvh"))
    assert motion.skeleton.roles["left_toes"] == "Toe" and motion.skeleton.roles["right_toes"] == "Toe_2"
    assert any("several joints are named 'Toe'" in note for note in notes)
    with pytest.raises(FormatError, match="second joint"):
        bvh.read(case("dup_names.bvh"), strict=True)


@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".npz", ".csv"])
def test_what_stands_for_a_file_that_was_not_fetched_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 1843212\n", encoding="ascii"
    )
    with pytest.raises(FormatError, match=r"Git LFS pointer.*1,843,212 bytes"):
        read_motion(path)


def test_the_case_that_was_not_fetched_is_named() -> None:
    path = case("lfs_pointer.bvh")
    with pytest.raises(FormatError, match=r"Git LFS pointer.*1,843,212 bytes") as caught:
        read_motion(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_the_case_of_a_dog_is_read_as_no_person() -> None:
    path = case("dog.bvh")
    motion, notes = read_with_notes(path)
    assert not motion.skeleton.roles
    assert any("as animals do" in line for line in examine(motion.skeleton, poses=motion.rotations.numpy()).warnings)
    # no body of a person tells the world or the unit of it: the file is taken as its format has it
    stated = read_motion(path, up="y", unit_m=UNITS_M["cm"])
    assert not notes and torch.equal(motion.root, stated.root) and torch.equal(motion.rotations, stated.rotations)
    assert np.array_equal(motion.skeleton.offsets, stated.skeleton.offsets)


@pytest.mark.parametrize("name", ["a.c3d", "a.trc", "a.pkl", "a.pt"])
def test_the_route_for_what_is_not_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"markers|pickle"):
        read_motion(tmp_path / name)


def test_animations_are_listed_and_read_by_name(tmp_path: Path) -> None:
    clips = [walking(body(), speed=speed).with_meta(prompt=name) for name, speed in (("Run", 3.0), ("7", 1.0))]
    glb.write(clips, tmp_path / "two.glb")
    names = animations_of(tmp_path / "two.glb")
    assert names == ["Run", "7"]
    for name, clip in zip(names, clips, strict=True):
        same(read_motion(tmp_path / "two.glb", animation=name), clip, 1e-4)
    same(read_motion(tmp_path / "two.glb", animation=1), clips[1], 1e-4)
    assert animations_of(saved(clips[0], tmp_path)) == []


@pytest.mark.parametrize("suffix", [".vrm", ".vrma"])
def test_vrm_files_are_glb_files(tmp_path: Path, suffix: str) -> None:
    glb.write(walking(body()), tmp_path / "a.glb")
    shutil.copy(tmp_path / "a.glb", tmp_path / f"a{suffix}")
    same(read_motion(tmp_path / f"a{suffix}"), walking(body()), 1e-4)
    with pytest.raises(InputError, match="cannot be written"):
        write_motion(walking(body()), tmp_path / f"b{suffix}")
    assert suffix in suffixes("read") and suffix not in suffixes("write")


def test_a_node_is_named_in_messages() -> None:
    with pytest.raises(FormatError, match="LeftForeArm"):
        read_motion(case("glb_negative_joint_scale.glb"))


def test_kimodos_layout_is_read(tmp_path: Path) -> None:
    motion, notes = read_with_notes(case("kimodo_like.npz"))
    heights = motion.positions()[..., 1]
    assert -0.05 < float(heights.min()) < 0.1 and 1.4 < float(heights.max()) < 1.8
    assert float(motion.root[-1, 2] - motion.root[0, 2]) == pytest.approx(1.0, abs=0.01)
    assert any("frame rate" in note for note in notes)
    assert read_motion(case("kimodo_like.npz"), fps=24.0).fps == 24.0


@pytest.mark.parametrize("z_up", [False, True])
def test_kimodos_posed_joints_give_the_bones(tmp_path: Path, z_up: bool) -> None:
    from kinescale.kinematics.rotations import quat_to_matrix

    clip = walking(body(scale=1.1))
    drawn = in_z_up(clip, rest_too=True) if z_up else clip
    np.savez(
        tmp_path / "k.npz",
        posed_joints=drawn.positions().numpy(),
        local_rot_mats=quat_to_matrix(drawn.rotations).numpy(),
        root_positions=drawn.root.numpy(),
    )
    same(read_motion(tmp_path / "k.npz"), clip)


SMPL = {
    "gvhmr": ("global_orient", "body_pose", "transl"),
    "gvhmr, both views": (
        "smpl_params_global/global_orient",
        "smpl_params_global/body_pose",
        "smpl_params_global/transl",
    ),
}


@pytest.mark.parametrize("name", SMPL)
@pytest.mark.parametrize("up", ["y", "z", "-y"])
def test_smpl_parameters_are_read_upright(tmp_path: Path, name: str, up: str) -> None:
    frames, rng = 30, np.random.default_rng(3)
    angle = {"y": 0.0, "z": np.pi / 2, "-y": np.pi}[up]
    orient = np.tile([angle, 0.0, 0.0], (frames, 1))
    trans = np.zeros((frames, 3))
    height = {"y": (1, 1.2), "z": (2, 1.2), "-y": (1, -1.2)}[up]
    trans[:, height[0]] = height[1]
    pose = 0.1 * rng.normal(size=(frames, 63))
    arrays = dict(zip(SMPL[name], (orient, pose, trans), strict=True))
    np.savez(tmp_path / "p.npz", **arrays, betas=np.zeros((frames, 10)))
    motion, notes = read_with_notes(tmp_path / "p.npz")
    head, hips = motion.skeleton.role("head"), motion.skeleton.role("left_ankle")
    rise = motion.positions()[:, head] - motion.positions()[:, hips]
    assert float(rise[:, 1].min()) > 1.2
    assert any("up" in note for note in notes) == (up != "y")


def test_wham_and_smpls_23_joints_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    pose, trans = 0.1 * rng.normal(size=(20, 72)), np.tile([0.0, 1.2, 0.0], (20, 1))
    pose[:, :3] = 0.0
    np.savez(tmp_path / "w.npz", pose=pose + 1.0, trans=trans - 3.0, pose_world=pose, trans_world=trans)
    world = read_motion(tmp_path / "w.npz")
    np.savez(tmp_path / "s.npz", body_pose=pose[:, 3:], global_orient=pose[:, :3], transl=trans)
    same(world, read_motion(tmp_path / "s.npz"), 1e-5)


def test_an_archive_of_something_else_says_what_was_expected() -> None:
    with pytest.raises(FormatError, match=r"gender, betas.*Kimodo"):
        read_motion(case("shape.npz"))
