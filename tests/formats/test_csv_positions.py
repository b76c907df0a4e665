"""CSV of joint positions: what it holds, reading it back through inverse kinematics, and errors that name the line."""

from __future__ import annotations

import csv as stdlib_csv
from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import damaged, motions, survives
from hypothesis import HealthCheck, given, settings

from kinescale import skeletons
from kinescale.core.errors import FormatError, InputError, UnknownNameError
from kinescale.formats import csv, read_motion, write_motion
from kinescale.motion import Motion
from motion_strategies import random_motion
from plain_read import at_most

WRITTEN = 0.5e-6
"""Half a micrometer: the last digit."""
BUNDLED = skeletons.FAMILY.names()


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(stdlib_csv.reader(file))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(motion=motions())
def test_the_file_holds_the_positions(tmp_path: Path, motion: Motion):
    csv.write(motion, tmp_path / "a.csv")
    head, *body = rows(tmp_path / "a.csv")
    names = [f"{joint}_{axis}" for joint in motion.skeleton.joints for axis in "xyz"]
    assert head == ["frame", "time_s", *names]
    table = np.array(body, dtype=np.float64)
    np.testing.assert_array_equal(table[:, 0], np.arange(len(motion)))
    np.testing.assert_allclose(table[:, 1], np.arange(len(motion)) / motion.fps, atol=1e-9)
    positions = motion.positions().numpy().reshape(len(motion), -1)
    np.testing.assert_allclose(table[:, 2:], positions, rtol=0, atol=WRITTEN * 1.01)


@pytest.mark.parametrize("name", BUNDLED)
def test_positions_come_back_on_the_bundled_skeleton_of_the_names(tmp_path: Path, name: str):
    motion = random_motion(name, frames=20).with_meta(prompt="x")
    write_motion(motion, tmp_path / "a.csv")
    again = read_motion(tmp_path / "a.csv", skeleton=name)
    assert again.skeleton.joints == motion.skeleton.joints and again.fps == 30.0 and len(again) == 20
    assert again.meta["prompt"] == "x"
    away = (again.positions().double() - motion.positions()).norm(dim=-1)
    assert float(away.mean()) < 1e-3 and float(away.max()) < 5e-3


def test_the_skeleton_is_found_by_names_in_any_order(tmp_path: Path):
    motion = random_motion("kit21", frames=3)
    csv.write(motion, tmp_path / "a.csv")
    table = rows(tmp_path / "a.csv")
    order = [0, 1, *(2 + 3 * joint + axis for joint in range(20, -1, -1) for axis in range(3))]
    (tmp_path / "b.csv").write_text("\r\n".join(",".join(row[i] for i in order) for row in table))
    one, two = csv.read(tmp_path / "a.csv"), csv.read(tmp_path / "b.csv")
    assert set(one.skeleton.joints) == set(motion.skeleton.joints)
    assert torch.equal(one.positions(), two.positions())


def test_joints_of_a_named_skeleton_among_others(tmp_path: Path):
    motion = random_motion("humanml22", frames=3)
    csv.write(motion, tmp_path / "a.csv")
    table = rows(tmp_path / "a.csv")
    wide = [[*table[0], "sword_x", "sword_y", "sword_z"], *([*row, "1", "2", "3"] for row in table[1:])]
    (tmp_path / "b.csv").write_text("\n".join(map(",".join, wide)))
    with pytest.raises(FormatError, match="no known skeleton has just the joints"):
        csv.read(tmp_path / "b.csv")
    assert torch.equal(csv.read(tmp_path / "b.csv", skeleton="humanml22").root, csv.read(tmp_path / "a.csv").root)
    with pytest.raises(InputError, match="of the skeleton 'cmu'"):
        csv.read(tmp_path / "a.csv", skeleton="cmu")
    with pytest.raises(UnknownNameError, match="humanml22"):
        csv.read(tmp_path / "a.csv", skeleton="humanml21")


@pytest.mark.parametrize("fps", [1.0, 12.5, 20.0, 23.976, 29.97, 30.0, 59.94, 60.0, 100.0, 120.0, 1000.0])
@pytest.mark.parametrize("frames", [1, 2, 60])
def test_the_rate_comes_back(tmp_path: Path, fps: float, frames: int):
    csv.write(random_motion(frames=frames).replace(fps=fps), tmp_path / "a.csv")
    if frames == 1:
        assert csv.read(tmp_path / "a.csv").fps == 30.0
        assert csv.read(tmp_path / "a.csv", fps=fps).fps == fps
    else:
        assert csv.read(tmp_path / "a.csv").fps == pytest.approx(fps, rel=1e-5 if frames == 2 else 1e-6)


def good_text(frames: int = 4) -> str:
    head = "frame,time_s," + ",".join(f"{j}_{a}" for j in skeletons.get("humanml22").joints for a in "xyz")
    positions = random_motion(frames=frames).positions().numpy().reshape(frames, -1)
    body = [f"{i},{i / 30}," + ",".join(f"{v:.4f}" for v in row) for i, row in enumerate(positions)]
    return "\n".join([head, *body, ""])


def cell(text: str, row: int, column: int, value: str) -> str:
    lines = [line.split(",") for line in text.split("\n")]
    lines[row][column] = value
    return "\n".join(map(",".join, lines))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: got 'an empty line'; expected a header"),
        ("a,b,c\n", "line 1: got 'a,b'"),
        ("frame,time_s\n0,0\n", "line 1: 0 columns of positions"),
        ("frame,time_s,a_x,a_y\n", "line 1: 2 columns"),
        ("frame,time_s,a_x,a_y,b_z\n", "line 1: got the columns 'a_x,a_y,b_z'"),
        ("frame,time_s,_x,_y,_z\n", "expected JOINT_x"),
        ("frame,time_s,a_x,a_y,a_z,a_x,a_y,a_z\n", "stands twice"),
        ("frame,time_s,a_x,a_y,a_z\n0,0,0,0,0\n", "no known skeleton has just the joints a"),
        ('frame,time_s,"a_x\n', "line 1: the header cannot be read"),
        (good_text().split("\n")[0], "no rows follow"),
        (cell(good_text(), 3, 5, "x"), "line 4: got 'x'; expected a number"),
        (cell(good_text(), 3, 5, "nan"), "line 4: a position of nan m"),
        (cell(good_text(), 3, 5, "1e999"), "line 4: "),
        (cell(good_text(), 3, 5, "0x10"), "line 4: got '0x10'"),
        (cell(good_text(), 3, 5, "1e7"), "line 4: a position of 1e[+]07 m"),
        (cell(good_text(), 3, 5, ""), "line 4: 67 numbers; expected 68"),
        (cell(good_text(), 3, 5, "1 2"), "line 4: 69 numbers; expected 68"),
        (cell(good_text(), 3, 5, "1,"), "line 4: cells that are empty"),
        (cell(cell(good_text(), 3, 5, ""), 3, 6, "1 2"), "line 4: cells that are empty or hold two"),
        (cell(good_text(), 3, 5, '"1"'), "line 4: got '\"1\"'"),
        (cell(good_text(), 3, 1, "0.9"), "line 4: time_s is not evenly spaced"),
        (cell(good_text(2), 2, 1, "0"), "line 2: time_s goes on by 0 s"),
        (cell(good_text(2), 2, 1, "-1"), "line 2: time_s goes on by -1 s"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, words: str):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FormatError, match=words) as caught:
        csv.read(tmp_path / "a.csv")
    assert str(tmp_path / "a.csv") in str(caught.value) and "\n" not in str(caught.value)


def test_bones_of_no_length_are_refused(tmp_path: Path):
    rng = np.random.default_rng(0)
    head = good_text().split("\n")[0]
    body = [f"{i},{i / 30}," + ",".join(map(str, rng.integers(0, 10, 66))) for i in range(50)]
    (tmp_path / "a.csv").write_text("\n".join([head, *body]))
    with pytest.raises(FormatError, match="keep"):
        csv.read(tmp_path / "a.csv")


@pytest.mark.parametrize("fill", ["0,", "\n", ",", "0\n", "9", '"', " "])
def test_large_files_of_nothing_end_at_once(tmp_path: Path, fill: str):
    for head in ("", good_text().split("\n")[0] + "\n"):
        (tmp_path / "a.csv").write_text(head + fill * (2_000_000 // len(fill)))
        with at_most(20), pytest.raises(FormatError):
            csv.read(tmp_path / "a.csv")


def test_many_frames_of_short_numbers_are_refused_before_they_are_solved(tmp_path: Path):
    line = "," + ",".join(["0"] * 66)
    body = [f"{i},{i}{line}" for i in range(10_000)]
    (tmp_path / "a.csv").write_text("\n".join([good_text().split("\n")[0], *body]))
    with pytest.raises(FormatError, match="cut it into parts"):
        csv.read(tmp_path / "a.csv")


def test_damage_is_survived(tmp_path: Path):
    read, refusals = survives(csv.read, tmp_path / "a.csv", damaged(good_text().encode(), seed=3, count=150))
    assert read > 1 and refusals > 50
