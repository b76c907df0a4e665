"""kinescale info on skeletons: the tree, roles and how they were found, the rest pose, units, overrides, warnings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import accepted, refused

from kinescale import skeletons
from kinescale.formats import read_motion, write_motion
from kinescale.kinematics.rotations import axis_angle_quat
from kinescale.motion import Motion
from kinescale.skeletons import Skeleton
from tiny_bundle import tiny_bundle


def still(skeleton: Skeleton, frames: int = 4) -> Motion:
    rotations = torch.zeros(frames, len(skeleton), 4)
    rotations[..., 3] = 1.0
    return Motion(skeleton, 30.0, torch.tensor([0.0, 0.95, 0.0]).expand(frames, 3).clone(), rotations)


def renamed(skeleton: Skeleton, words: str = "joint") -> Skeleton:
    return replace(skeleton, joints=tuple(f"{words}{i}" for i in range(len(skeleton))), roles={})


def in_a_pose(skeleton: Skeleton, degrees: float) -> Skeleton:
    """The arms' offsets turned down at the shoulders."""
    offsets = skeleton.offsets.copy()
    for side, sign in (("left", -1), ("right", 1)):
        c, s = np.cos(np.radians(degrees)), sign * np.sin(np.radians(degrees))
        for place in ("elbow", "wrist"):
            joint = skeleton.role(f"{side}_{place}")
            x, y, z = offsets[joint]
            offsets[joint] = [c * x - s * y, s * x + c * y, z]
    return replace(skeleton, offsets=offsets)


def asked(capsys, *arguments: str) -> dict:
    return json.loads(accepted(capsys, "info", *arguments, "--json"))


def test_a_nameless_body_in_an_a_pose(capsys, tmp_path):
    body = skeletons.get("humanml22")
    file = tmp_path / "walk.bvh"
    write_motion(still(renamed(in_a_pose(body, 45.0))), file)
    about = asked(capsys, str(file))
    # the file keeps joints depth first, with the same names
    assert about["roles"] == {role: f"joint{body.index(joint)}" for role, joint in body.roles.items()}
    assert list(about["roles_found_by"]) == ["geometry"] and about["sides_told_by"] == "toes"
    assert about["rest_pose"] == "A-pose, arms 45 degrees below level"
    assert (about["rest_up"], about["rest_forward"], about["motion_up"]) == ("+Y", "+Z", "+Y")
    assert about["unit"] == "cm" and about["warnings"] == [] and about["roles_missing"] == []
    assert 1.6 < about["height_m"] < 1.75 and about["roles_file"] is None
    assert about["parents"]["joint0"] is None and about["parents"]["joint4"] == "joint1"


def test_the_tree_is_drawn_with_roles(capsys, tmp_path):
    write_motion(still(skeletons.get("mixamo")), tmp_path / "m.bvh")
    said = accepted(capsys, "info", str(tmp_path / "m.bvh"))
    tree = said[said.index("tree:\n") :].splitlines()
    assert len(tree) == 66
    assert tree[1] == "  mixamorig:Hips  [hips]" and "    mixamorig:Spine  [spine1]" in tree
    assert "          mixamorig:LeftShoulder  [left collar]" in tree
    assert "known skeleton mixamo: hips, spine1" in said and "roles missing: none" in said


def test_an_override_is_followed_and_named(capsys, tmp_path):
    body = skeletons.get("humanml22")
    write_motion(still(renamed(body)), tmp_path / "walk.bvh")
    roles = tmp_path / "mine.json"
    roles.write_text(json.dumps({"roles": {"head": "joint12", "neck": None, "spine2": None}}))
    about = asked(capsys, str(tmp_path / "walk.bvh"), "--roles", str(roles))
    assert about["roles"]["head"] == "joint12" and "neck" not in about["roles"]
    assert about["roles_found_by"]["override"] == ["head"]
    assert about["roles_missing"] == ["spine2", "neck"] and about["roles_file"] == str(roles)
    # beside the motion it is found, but not where another one is given
    (tmp_path / "walk.roles.json").write_text('{"roles": {"neck": null}}')
    beside = asked(capsys, str(tmp_path / "walk.bvh"))
    assert "neck" not in beside["roles"] and beside["roles"]["head"] == about["roles"]["head"].replace("12", "15")
    assert beside["roles_file"] == f"{tmp_path / 'walk.roles.json'} (beside the motion)"
    again = asked(capsys, str(tmp_path / "walk.bvh"), "--roles", str(roles))
    assert again["roles"] == about["roles"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"roles": {"head": "joint99"}}', "no joint 'joint99'"),
        ('{"roles": {"haed": "joint1"}}', "did you mean 'head'?"),
        ("{", "is not valid JSON"),
    ],
)
def test_a_bad_override_is_refused_in_one_sentence(capsys, tmp_path, text, expected):
    write_motion(still(renamed(skeletons.get("humanml22"))), tmp_path / "walk.bvh")
    (tmp_path / "bad.json").write_text(text)
    motion, roles = str(tmp_path / "walk.bvh"), str(tmp_path / "bad.json")
    assert expected in refused(capsys, "info", motion, "--roles", roles)
    assert "no such file" in refused(capsys, "info", motion, "--roles", str(tmp_path / "none.json"))


def test_doubts_are_said(capsys, tmp_path):
    body = skeletons.get("humanml22")
    ends = tuple(replace(end, offset=tuple(0.01 * x for x in end.offset)) for end in body.ends)
    small = replace(body, offsets=body.offsets * 0.01, ends=ends)
    write_motion(still(small), tmp_path / "meters.bvh")
    about = asked(capsys, str(tmp_path / "meters.bvh"))
    assert about["unit"] == "meters, told by the body" and about["height_m"] == pytest.approx(1.68, abs=0.1)
    assert any("0.0" in line for line in about["notes"]) and about["warnings"] == []
    lying = still(renamed(body))
    turned = axis_angle_quat(torch.tensor(torch.pi / 2), "x").expand(len(lying), 4)
    rotations = lying.rotations.clone()
    rotations[:, 0] = turned
    write_motion(lying.replace(rotations=rotations), tmp_path / "zup.bvh")
    about = asked(capsys, str(tmp_path / "zup.bvh"))
    assert about["motion_up"] == "+Z" and any("at +Z of the feet" in line for line in about["notes"])
    chain = Skeleton("chain", ("a", "b"), (-1, 0), np.array([[0.0, 0, 0], [0.0, 1, 0]]))
    write_motion(still(chain), tmp_path / "chain.bvh")
    about = asked(capsys, str(tmp_path / "chain.bvh"))
    assert about["roles"] == {} and about["rest_pose"] == "unknown" and about["warnings"]
    said = accepted(capsys, "info", str(tmp_path / "chain.bvh"))
    assert "roles: none\n" in said and "warnings: no joint has a role" in said


def test_info_draws_names_that_would_steer_the_terminal_harmlessly(capsys, tmp_path):
    body = skeletons.get("humanml22")
    bad = replace(body, joints=("pel\x1b[31mvis", *body.joints[1:]), roles={})
    write_motion(still(bad), tmp_path / "m.npz")
    assert "\x1b" not in accepted(capsys, "info", str(tmp_path / "m.npz"))


def test_reconstruct_takes_roles(capsys, tmp_path):
    folder = str(tiny_bundle().save_pretrained(tmp_path / "tiny"))
    body = skeletons.get("humanml22")
    unknown = renamed(body)
    # a body without toes' evidence would be guessed; with no guess at all it cannot be put on the bundle's skeleton
    write_motion(still(unknown, 40), tmp_path / "a.bvh")
    joints = {role: f"joint{body.index(joint)}" for role, joint in body.roles.items()}
    roles = tmp_path / "roles.json"
    out = ["reconstruct", str(tmp_path / "a.bvh"), "-o", str(tmp_path / "b.bvh"), "--bundle", folder, "--force"]
    roles.write_text(json.dumps({"guess": False, "roles": {"hips": "joint0"}}))
    assert "left_hip" in refused(capsys, *out, "--roles", str(roles))
    roles.write_text(json.dumps({"guess": False, "roles": joints}))
    accepted(capsys, *out, "--roles", str(roles))
    assert len(read_motion(tmp_path / "b.bvh")) == 40
    assert "no such file" in refused(capsys, *out, "--roles", "nowhere.json")


@pytest.mark.parametrize("command", ["convert", "clean", "render"])
def test_commands_that_read_motions_take_roles(capsys, tmp_path, command):
    body = skeletons.get("humanml22")
    source, beside = tmp_path / "a.bvh", tmp_path / "a.roles.json"
    out = tmp_path / ("b.png" if command == "render" else "b.bvh")
    roles = tmp_path / "roles.json"
    write_motion(still(renamed(body), 10), source)
    more = {"convert": ["--skeleton", "humanml22"], "clean": ["--steps", "foot_lock"], "render": ["--poses", "2"]}
    asked = [command, str(source), str(out), *more[command]]
    roles.write_text('{"roles": {"head": "joint99"}}')
    beside.write_text('{"roles": {"head": "joint98"}}')
    assert "no joint 'joint99'" in refused(capsys, *asked, "--roles", str(roles))
    assert "no joint 'joint98'" in refused(capsys, *asked)
    assert "no such file" in refused(capsys, *asked, "--roles", "nowhere.json")
    assert not out.exists()
    roles.write_text('{"guess": false, "roles": {"hips": "joint0"}}')
    if command != "render":  # any skeleton can be drawn
        assert "left_" in refused(capsys, *asked, "--roles", str(roles))
    joints = {role: f"joint{body.index(joint)}" for role, joint in body.roles.items()}
    roles.write_text(json.dumps({"guess": False, "roles": joints}))
    accepted(capsys, *asked, "--roles", str(roles))
    assert out.exists()


def test_roles_are_for_motions(capsys, tmp_path):
    folder = tiny_bundle().save_pretrained(Path(tmp_path) / "tiny")
    assert "is a bundle" in refused(capsys, "info", str(folder), "--roles", "x.json")
