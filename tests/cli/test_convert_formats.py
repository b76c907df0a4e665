"""kinescale convert between all formats: flags for their options, notes on what had to change, and info on each."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from command_line import accepted, as_user, refused

from kinescale import skeletons
from kinescale.formats import read_motion, write_motion
from motion_strategies import random_motion


@pytest.fixture
def walk(tmp_path):
    write_motion(random_motion("humanml22", frames=31).with_meta(prompt="a person walks"), tmp_path / "walk.npz")
    return tmp_path / "walk.npz"


@pytest.mark.parametrize(
    ("name", "flags", "skeleton", "fps", "said"),
    [
        ("a.amass.npz", (), "smplh", 30, "on 'smplh'"),
        ("a.amass.npz", ("--kind", "smplx"), "smplx", 30, "on 'smplx'"),
        ("a.amass.npz", ("--skeleton", "smplx"), "smplx", 30, "betas"),
        ("a.npy", (), "humanml22", 20, "from 30 to 20 fps"),
        ("a.npy", ("--kind", "joints", "--fps", "10"), "humanml22", 20, "twist"),
        ("a.npy", ("--kind", "features"), "humanml22", 20, "one frame less"),
        ("a.npy", ("--kind", "features", "--skeleton", "kit21"), "kit21", 12.5, "from 30 to 12.5 fps"),
        ("a.npy", ("--skeleton", "snapmogen24", "--kind", "features"), "snapmogen24", 30, "one frame less"),
        ("a.npy", ("--skeleton", "kit21", "--unit", "mm"), "kit21", 12.5, "resampled"),
    ],
)
def test_to_each_and_what_info_says_of_it(capsys, walk, tmp_path, name, flags, skeleton, fps, said):
    out = tmp_path / name
    printed = accepted(capsys, "convert", str(walk), str(out), *flags)
    assert printed.startswith(f"{out}: ") and said in printed
    about = json.loads(accepted(capsys, "info", str(out), "--json"))
    assert about["skeleton"] == skeleton and about["fps"] == fps
    assert about["license"] == "none" and about["meta"]["prompt"] == "a person walks"
    # and on, to a format that holds everything
    accepted(capsys, "convert", str(out), str(tmp_path / "back.npz"))
    back = read_motion(tmp_path / "back.npz")
    assert back.meta["prompt"] == "a person walks" and len(back) == about["frames"]
    assert (back.positions() - read_motion(out).positions()).abs().max() == 0


def test_nothing_is_noted_when_nothing_changes(capsys, tmp_path):
    motion = random_motion("smplx", frames=5).with_meta(amass={"model": "smplx", "gender": "male", "betas": [1.0]})
    write_motion(motion, tmp_path / "a.npz")
    assert "note:" not in accepted(capsys, "convert", str(tmp_path / "a.npz"), str(tmp_path / "b.amass.npz"))
    with np.load(tmp_path / "b.amass.npz") as made:
        assert str(made["gender"]) == "male" and made["betas"].tolist() == [1.0]


def test_what_an_amass_file_holds_besides_is_named(capsys, tmp_path):
    write_motion(random_motion("smplh", frames=4), tmp_path / "a.amass.npz")
    with np.load(tmp_path / "a.amass.npz") as made:
        np.savez(tmp_path / "b.npz", **{**made, "dmpls": np.ones((4, 8))})
    assert "soft-tissue" in accepted(capsys, "convert", str(tmp_path / "b.npz"), str(tmp_path / "c.bvh"))
    assert "soft-tissue" not in accepted(capsys, "convert", str(tmp_path / "a.amass.npz"), str(tmp_path / "d.bvh"))


def test_units_both_ways(capsys, walk, tmp_path):
    first = read_motion(walk)
    for unit, meters in (("m", 1.0), ("cm", 0.01), ("MM", 0.001), ("in", 0.0254), ("0.5", 0.5)):
        out = tmp_path / "a.bvh"
        accepted(capsys, "convert", str(walk), str(out), "--unit", unit, "--force")
        made = read_motion(out, unit_m=meters)
        order = [made.skeleton.index(joint) for joint in first.skeleton.joints]
        assert (made.positions()[:, order] - first.positions()).abs().max() < 1e-4
        accepted(capsys, "convert", str(out), str(tmp_path / "b.npz"), "--source-unit", unit, "--force")
        torch.testing.assert_close(read_motion(tmp_path / "b.npz").root, made.root)
    accepted(capsys, "convert", str(walk), str(tmp_path / "c.bvh"), "--option", "unit_m=1.0")
    accepted(capsys, "convert", str(walk), str(tmp_path / "d.bvh"), "--unit", "m")
    assert (tmp_path / "c.bvh").read_bytes() == (tmp_path / "d.bvh").read_bytes()
    options = ("--source-option", "unit_m=1", "--source-option", "fps=10")
    joints = skeletons.get("humanml22").offsets[None].repeat(4, 0)
    np.save(tmp_path / "e.npy", joints)
    accepted(capsys, "convert", str(tmp_path / "e.npy"), str(tmp_path / "e.npz"), *options)
    assert read_motion(tmp_path / "e.npz").fps == 10
    assert read_motion(tmp_path / "e.npz").root.abs().max() == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("{in}", "{dir}/x.npy", "--kind", "vecs"), "joints or features"),
        (("{in}", "{dir}/x.amass.npz", "--kind", "smpl"), "smplh or smplx"),
        (("{in}", "{dir}/x.bvh", "--kind", "joints"), "--kind means nothing for x.bvh; its format takes: --unit"),
        (("{in}", "{dir}/x.npz", "--unit", "m"), "--unit means nothing for x.npz; its format takes: none"),
        (("{in}", "{dir}/x.bvh", "--unit", "ell"), "m, cm, mm, in, ft, dm, cmu or a number"),
        (("{in}", "{dir}/x.bvh", "--unit", "0"), "--unit is '0'"),
        (("{in}", "{dir}/x.bvh", "--unit", "nan"), "--unit is 'nan'"),
        (("{in}", "{dir}/x.bvh", "--option", "color=red"), "x.bvh takes: --unit"),
        (("{in}", "{dir}/x.bvh", "--option", "unit_m"), "--option 'unit_m'"),
        (("{in}", "{dir}/x.bvh", "--option", "unit_m=red"), "expected float"),
        (("{in}", "{dir}/x.bvh", "--unit", "m", "--option", "unit_m=1"), "twice"),
        (("{in}", "{dir}/x.bvh", "--animation", "Run"), "--animation means nothing for walk.npz"),
        (("{in}", "{dir}/x.bvh", "--body-model", "{in}"), "--body-model means nothing"),
        (("{dir}/a.npz", "{dir}/x.bvh", "--body-model", "{dir}/a.npz"), "lacks 'v_template'"),
        (("{dir}/a.npz", "{dir}/x.bvh", "--body-model", "{dir}/none.npz"), "cannot be read"),
        (("{dir}/a.npz", "{dir}/x.bvh", "--source-fps", "0"), "frames per second"),
        (("{in}", "{dir}/x.npy", "--kind", "features", "--fps", "30"), "resample it first"),
        (("{in}", "{dir}/x.npy", "--skeleton", "cmu"), "leave --skeleton out"),
        (("{in}", "{dir}/x.amass.npz", "--skeleton", "smplx", "--kind", "smplh"), "leave --skeleton out"),
        (("{dir}/bad.npy", "{dir}/x.bvh"), "[T, 263]"),
    ],
)
def test_what_does_not_fit_is_one_sentence(capsys, walk, tmp_path, arguments, expected):
    np.save(tmp_path / "bad.npy", np.zeros((3, 7)))
    write_motion(random_motion("smplh", frames=3), tmp_path / "a.amass.npz")
    (tmp_path / "a.amass.npz").rename(tmp_path / "a.npz")
    filled = [word.format(**{"in": walk, "dir": tmp_path}) for word in arguments]
    assert expected in refused(capsys, "convert", *filled)
    assert not list(tmp_path.glob("x.*"))


def test_help_names_every_format_and_flag():
    shown = as_user("convert", "--help", COLUMNS="200").stdout
    for word in (".amass.npz", ".npy", ".bvh", "--kind", "--unit", "--source-unit", "--body-model", "--option"):
        assert word in shown


def test_what_a_glb_could_not_carry_over_is_said(capsys, tmp_path):
    motion = random_motion("humanml22", frames=4).with_meta(scale_dropped=True, joints_left_out=3)
    write_motion(motion, tmp_path / "a.npz")
    said = accepted(capsys, "convert", str(tmp_path / "a.npz"), str(tmp_path / "b.bvh"))
    assert "a scale that moves" in said and "3 joints that stand apart" in said
