"""BVH: what is written is read again, other readers agree, and damage is named with its line."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path
from typing import Any

import bvhio
import numpy as np
import pytest
import torch
from format_cases import damaged, motions, survives, take_members
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinescale.core.errors import FormatError, InputError, KinescaleError
from kinescale.formats import bvh
from kinescale.formats.base import read_with_notes
from kinescale.kinematics.rotations import quat_angle, quat_to_matrix
from kinescale.motion import Motion
from kinescale.skeletons import Skeleton
from motion_strategies import random_motion
from plain_read import at_most

HEAD = """HIERARCHY
ROOT Hips
{
  OFFSET 0 90 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Chest
  {
    OFFSET 0 30 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 20 0
    }
  }
}
"""
TAIL = """MOTION
Frames: 2
Frame Time: 0.0333333
1 2 3 10 20 30 40 50 60
1 2 3 11 21 31 41 51 61
"""
GOOD = HEAD + TAIL


def read_text(tmp_path: Path, text: str | bytes, **options: Any) -> Motion:
    path = tmp_path / "clip.bvh"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return bvh.read(path, **options)


def turn(axis: str, degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    i, j = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def by_name(motion: Motion, like: Motion) -> list[int]:
    return [motion.skeleton.index(joint) for joint in like.skeleton.joints]


def test_small_file_is_read_as_it_says(tmp_path: Path):
    motion = read_text(tmp_path, GOOD)
    assert motion.skeleton.joints == ("Hips", "Chest")
    assert motion.fps == 30.0
    torch.testing.assert_close(motion.root[0], torch.tensor([0.01, 0.02, 0.03]))
    np.testing.assert_allclose(motion.skeleton.offsets, [[0, 0, 0], [0, 0.3, 0]])
    assert motion.skeleton.ends[0].offset == pytest.approx((0, 0.2, 0))
    expected = turn("Z", 41) @ turn("X", 51) @ turn("Y", 61)
    np.testing.assert_allclose(quat_to_matrix(motion.rotations[1, 1]).numpy(), expected, atol=1e-6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(motion=motions())
def test_written_and_read_again_is_the_same(tmp_path: Path, motion: Motion):
    path = tmp_path / "trip.bvh"
    bvh.write(motion, path)
    again = bvh.read(path)
    joints = by_name(again, motion)
    assert len(again.skeleton) == len(motion.skeleton)
    assert again.fps == motion.fps
    assert (again.positions()[:, joints] - motion.positions()).abs().max() <= 1e-4
    angle = torch.rad2deg(quat_angle(again.rotations[:, joints].double(), motion.rotations))
    assert angle.max() <= 1e-3
    parent_names = {j: again.skeleton.joints[p] for j, p in zip(again.skeleton.joints[1:], again.skeleton.parents[1:])}
    for joint, parent in zip(motion.skeleton.joints[1:], motion.skeleton.parents[1:]):
        assert parent_names[joint] == motion.skeleton.joints[parent]
    for end in motion.skeleton.ends:
        tips = [e.offset for e in again.skeleton.ends if e.joint == joints[end.joint]]
        assert tips == [pytest.approx(end.offset, abs=1e-7)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations("XYZ").flatmap(lambda p: st.integers(1, 3).map(lambda n: "".join(p)[:n])),
    angles=st.lists(st.floats(-400, 400), min_size=3, max_size=3),
)
def test_any_channel_order_agrees_with_plain_matrices(tmp_path: Path, order: str, angles: list[float]):
    channels = " ".join(f"{axis}rotation" for axis in order)
    values = " ".join(f"{angle:.9f}" for angle in angles[: len(order)])
    text = (
        f"HIERARCHY\nROOT A\n{{\nOFFSET 1 2 3\nCHANNELS {len(order)} {channels}\n"
        "End Site\n{\nOFFSET 0 1 0\n}\n}\n"
        f"MOTION\nFrames: 1\nFrame Time: 0.01\n{values}\n"
    )
    motion = read_text(tmp_path, text)
    expected = np.eye(3)
    for axis, angle in zip(order, angles):
        expected = expected @ turn(axis, angle)
    np.testing.assert_allclose(quat_to_matrix(motion.rotations[0, 0]).numpy(), expected, atol=2e-6)
    torch.testing.assert_close(motion.root[0], torch.tensor([0.01, 0.02, 0.03]))


def marker_text(second_row_x: float = 0.0) -> str:
    six = "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
    return (
        f"HIERARCHY\nROOT floor\n{{\nOFFSET 0 0 0\n{six}\nJOINT Hips\n{{\nOFFSET 7 7 7\n{six}\n"
        f"JOINT Leg\n{{\nOFFSET 9 9 9\n{six}\nEnd Site\n{{\nOFFSET 0 0 0\n}}\n}}\n}}\n}}\n"
        "MOTION\nFrames: 2\nFrame Time: 0.0333333\n"
        "10 0 0 0 0 90  0 90 5 0 0 0  0 -40 0 0 0 0\n"
        f"10 0 0 0 0 90  0 90 6 0 0 0  {second_row_x} -40 0 0 0 0\n"
    )


def test_floor_marker_is_folded_into_its_child(tmp_path: Path):
    motion = read_text(tmp_path, marker_text())
    assert motion.skeleton.joints == ("Hips", "Leg")
    # The marker stands at x = 10 cm, turned a quarter to the left: its +Z is the world's +X.
    torch.testing.assert_close(motion.root, torch.tensor([[0.15, 0.9, 0.0], [0.16, 0.9, 0.0]]))
    np.testing.assert_allclose(quat_to_matrix(motion.rotations[0, 0]).numpy(), turn("Y", 90), atol=1e-6)
    np.testing.assert_allclose(motion.skeleton.offsets[1], [0, -0.4, 0], atol=1e-9)
    assert motion.skeleton.ends[0].joint == 1
    assert not motion.meta


def test_moving_offsets_are_averaged_and_noted(tmp_path: Path):
    motion = read_text(tmp_path, marker_text(second_row_x=4.0))
    np.testing.assert_allclose(motion.skeleton.offsets[1], [0.02, -0.4, 0], atol=1e-9)
    assert motion.meta["translation_dropped_m"] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("text", "fps"),
    [("0.033333", 30.0), ("0.0333333", 30.0), ("0.033367", 1 / 0.033367), ("0.008333", 120.0),
     ("0.0166667", 60.0),
     ("0.0333", 30.0), ("0.05", 20.0), ("0.041666667", 24.0), ("1", 1.0), ("0.0400000", 25.0)],
)  # fmt: skip
def test_rounded_frame_times_are_whole_rates(tmp_path: Path, text: str, fps: float):
    assert read_text(tmp_path, GOOD.replace("0.0333333", text)).fps == pytest.approx(fps, rel=1e-12)


def test_names_are_made_fit_and_stay_apart(tmp_path: Path):
    names = ("left arm", "left\tarm", "{odd}", " ")
    skeleton = Skeleton("odd", names, (-1, 0, 1, 2), np.full((4, 3), 0.1))
    motion = Motion(skeleton, 30.0, torch.zeros(1, 3), torch.tensor([0.0, 0, 0, 1]).expand(1, 4, 4))
    bvh.write(motion, tmp_path / "odd.bvh")
    again = bvh.read(tmp_path / "odd.bvh")
    assert again.skeleton.joints == ("left_arm", "left_arm_2", "_odd_", "joint")
    assert len(again.skeleton.ends) == 1


def test_writing_changes_nothing_it_was_given(tmp_path: Path):
    motion = random_motion(frames=5)
    root, rotations = motion.root.clone(), motion.rotations.clone()
    bvh.write(motion, tmp_path / "a.bvh")
    assert torch.equal(motion.root, root)
    assert torch.equal(motion.rotations, rotations)


def test_unit_is_an_option_both_ways(tmp_path: Path):
    motion = random_motion(frames=3)
    bvh.write(motion, tmp_path / "m.bvh", unit_m=1.0)
    again = bvh.read(tmp_path / "m.bvh", unit_m=1.0)
    assert (again.positions()[:, by_name(again, motion)] - motion.positions()).abs().max() <= 1e-4
    with pytest.raises(InputError):
        bvh.read(tmp_path / "m.bvh", unit_m=0.0)


def test_another_reader_sees_the_same_positions(tmp_path: Path):
    motion = random_motion(frames=6)
    bvh.write(motion, tmp_path / "other.bvh")
    root = bvhio.readAsHierarchy(str(tmp_path / "other.bvh"))
    ours = motion.positions()
    for frame in range(len(motion)):
        root.loadPose(frame)
        seen = {joint.Name: list(joint.PositionWorld) for joint, _, _ in root.layout()}
        theirs = torch.tensor([seen[joint] for joint in motion.skeleton.joints], dtype=torch.float64)
        # It works in the file's centimeters and in single precision.
        assert (theirs * 0.01 - ours[frame]).abs().max() <= 1e-4


def test_three_thousand_frames_are_quick(tmp_path: Path):
    motion = random_motion(frames=3000)
    bvh.write(motion, tmp_path / "long.bvh")
    with at_most(20, (tmp_path / "long.bvh").stat().st_size):
        bvh.read(tmp_path / "long.bvh")


CHAIN = "".join(f"JOINT j{i} {{ OFFSET 0 1 0 CHANNELS 0\n" for i in range(3000))
DEEP = "HIERARCHY\nROOT r { OFFSET 0 0 0 CHANNELS 1 Xrotation\n"
SIX, THREE = (
    "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation",
    "3 Zrotation Xrotation Yrotation",
)
SECOND = HEAD.removeprefix("HIERARCHY\n")

HOSTILE = {
    # name: (text, line of the error, words of the message)
    "empty": ("", 1, "HIERARCHY"),
    "blank lines": ("\n \n\n", 1, "HIERARCHY"),
    "binary junk": (bytes(range(256)) * 40, None, "HIERARCHY"),
    "other text": ("hello world\n", 1, "hello"),
    "no motion": (HEAD, 15, "MOTION"),
    "motion without frames": (HEAD + "MOTION\n", 16, "Frames:"),
    "no frame time": (HEAD + "MOTION\nFrames: 2\n1 2 3\n", 18, "Frame"),
    "no rows": (GOOD[: GOOD.index("1 2 3")], 19, "after 0 frames"),
    "unclosed brace": (HEAD.removesuffix("}\n") + TAIL, 15, "MOTION"),
    "unclosed brace at the end": (HEAD.removesuffix("}\n"), 14, "brace"),
    "extra brace": (HEAD + "}\n" + TAIL, 16, "MOTION"),
    "two roots": (HEAD + SECOND + TAIL, 16, "ROOT"),
    "root without brace": (GOOD.replace("ROOT Hips\n{", "ROOT Hips\n"), 4, "OFFSET"),
    "joint without name": (GOOD.replace("JOINT Chest", "JOINT"), 6, "name"),
    "duplicate joint": (GOOD.replace("Chest", "Hips"), 6, "'Hips'"),
    "name not UTF-8": (GOOD.encode().replace(b"Chest", b"Ch\xff"), 6, "UTF-8"),
    "unknown channel": (GOOD.replace("Zposition", "Wposition"), 5, "Wposition"),
    "duplicate channel": (GOOD.replace("Yposition", "Xposition"), 5, "twice"),
    "duplicate rotation": (GOOD.replace("3 Zrotation Xrotation", "3 Xrotation Xrotation"), 9, "twice"),
    "too few channels named": (GOOD.replace("CHANNELS 3", "CHANNELS 4"), 10, "End"),
    "too many channels named": (GOOD.replace("CHANNELS 3", "CHANNELS 2"), 9, "Yrotation"),
    "nine channels": (GOOD.replace("CHANNELS 3", "CHANNELS 9"), 9, "0 to 6"),
    "minus channels": (GOOD.replace("CHANNELS 3", "CHANNELS -3"), 9, "0 to 6"),
    "channels twice": (GOOD.replace("CHANNELS 3", "CHANNELS 0\nCHANNELS 3"), 10, "second CHANNELS"),
    "no channels line": (GOOD.replace("    CHANNELS 3 Zrotation Xrotation Yrotation\n", ""), 9, "CHANNELS"),
    "no offset": (GOOD.replace("    OFFSET 0 30 0\n", ""), 9, "OFFSET"),
    "offset twice": (GOOD.replace("    OFFSET 0 30 0\n", "    OFFSET 0 30 0\n" * 2), 9, "second OFFSET"),
    "offset of two": (GOOD.replace("OFFSET 0 30 0", "OFFSET 0 30"), 9, "CHANNELS"),
    "offset nan": (GOOD.replace("OFFSET 0 30 0", "OFFSET 0 nan 0"), 8, "nan"),
    "offset huge": (GOOD.replace("OFFSET 0 30 0", "OFFSET 0 1e300 0"), 8, "1e300"),
    "end site with joint": (GOOD.replace("OFFSET 0 20 0", "JOINT x"), 12, "OFFSET"),
    "frames negative": (GOOD.replace("Frames: 2", "Frames: -2"), 17, "-2"),
    "frames zero": (GOOD.replace("Frames: 2", "Frames: 0"), 17, "0"),
    "frames 10^12": (GOOD.replace("Frames: 2", "Frames: 1000000000000"), 17, "1000000000000"),
    "frames 10^60": (GOOD.replace("Frames: 2", "Frames: 1" + "0" * 60), 17, "1 to"),
    "frames a fraction": (GOOD.replace("Frames: 2", "Frames: 2.5"), 17, "2.5"),
    "frames a word": (GOOD.replace("Frames: 2", "Frames: many"), 17, "many"),
    "frames too many": (GOOD.replace("Frames: 2", "Frames: 3"), 21, "expected 3"),
    "frames too few": (GOOD.replace("Frames: 2", "Frames: 1"), 20, "expected 1"),
    "extra row": (GOOD + "1 2 3 11 21 31 41 51 61\n", 21, "expected 2"),
    "time zero": (GOOD.replace("0.0333333", "0"), 18, "frame time"),
    "time negative": (GOOD.replace("0.0333333", "-0.03"), 18, "frame time"),
    "time nan": (GOOD.replace("0.0333333", "nan"), 18, "nan"),
    "time infinite": (GOOD.replace("0.0333333", "inf"), 18, "inf"),
    "time tiny": (GOOD.replace("0.0333333", "1e-9"), 18, "1e-9"),
    "time huge": (GOOD.replace("0.0333333", "1e999"), 18, "1e999"),
    "data after the time": (GOOD.replace("0.0333333\n", "0.0333333 "), 18, "next line"),
    "short row": (GOOD.replace("51 61", "51"), 20, "8 numbers"),
    "long row": (GOOD.replace("30 40", "30 40 5"), 19, "10 numbers"),
    "row broken in two": (GOOD.replace("21 31", "21\n31"), 20, "5 numbers"),
    "nan": (GOOD.replace("51 61", "nan 61"), 20, "nan"),
    "inf": (GOOD.replace("50 60", "50 -inf"), 19, "-inf"),
    "overflow": (GOOD.replace("50 60", "50 1e999"), 19, "inf"),
    "too large": (GOOD.replace("50 60", "50 1e30"), 19, "1e+30"),
    "word": (GOOD.replace("50 60", "50 sixty"), 19, "sixty"),
    "two numbers in one word": (GOOD.replace("50 60", "50-2 60"), 19, "50-2"),
    "comma": (GOOD.replace("50 60", "50,0 60"), 19, "50,0"),
    "hexadecimal": (GOOD.replace("50 60", "0x50 60"), 19, "0x50"),
    "null bytes": (GOOD.replace("50 60", "50\0 60"), 19, "50"),
    "text after the rows": (GOOD + "THE END\n", 21, ""),
    "3000 deep": (DEEP + CHAIN, 1026, "1024"),
    "3000 wide": (DEEP + CHAIN.replace("\n", "}\n"), 1026, "1024"),
    "long name": (GOOD.replace("Chest", "x" * 5000), 6, "name"),
    "many names": (GOOD.replace("Chest", "x " * 5000), 6, "name"),
    "only static joints": (GOOD.replace(SIX, "0").replace(THREE, "0"), 16, "channel"),
}  # fmt: skip


READ_WITH_A_NOTE = {
    "duplicate joint": "several joints are named 'Hips'",
    "name not UTF-8": "Windows-1252",
    "frames too many": "all 2 frames",
    "frames too few": "all 2 frames",
    "extra row": "all 3 frames",
    "data after the time": "not one to a line",
    "row broken in two": "not one to a line",
}
"""Not sound, but there is only one way to read it."""


def test_hostile_cases_are_all_here():
    assert len(HOSTILE) == 65
    assert set(HOSTILE) >= set(READ_WITH_A_NOTE)


@pytest.mark.parametrize("name", READ_WITH_A_NOTE)
def test_what_can_be_read_in_one_way_is_read_with_a_note(tmp_path: Path, name: str):
    text = HOSTILE[name][0]
    (tmp_path / "clip.bvh").write_bytes(text if isinstance(text, bytes) else text.encode())
    motion, notes = read_with_notes(tmp_path / "clip.bvh")
    assert READ_WITH_A_NOTE[name] in " ".join(notes)
    assert motion.meta["reading_notes"] == list(notes)
    good = read_text(tmp_path, GOOD)
    assert torch.equal(motion.rotations[:2], good.rotations) and torch.equal(motion.root[:2], good.root)
    assert len(set(motion.skeleton.joints)) == len(good.skeleton)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("strict", [True, False])
def test_hostile_file_gives_one_error_with_its_line(tmp_path: Path, name: str, strict: bool):
    text, line, words = HOSTILE[name]
    if not strict and name in READ_WITH_A_NOTE:
        return
    with at_most(20), pytest.raises(FormatError) as caught:
        read_text(tmp_path, text, strict=strict)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'clip.bvh'}, line ")
    assert "\n" not in message and len(message) < 400 + len(str(tmp_path))
    assert words in message
    if line is not None:
        assert caught.value.line == line


EMPTY = GOOD[: GOOD.index("1 2 3")].encode()
ROW = b"1 2 3 11 21 31 41 51 61\n"
BIG = {
    "newlines": GOOD.encode() + b"\n" * 10_000_000 + b"x",
    "short words": GOOD.encode() + b"1 " * 5_000_000,
    "one number a line": GOOD.encode() + b"1\n" * 5_000_000,
    "one word": GOOD.encode() + b"1" * 10_000_000,
    "last row short": EMPTY.replace(b": 2", b": 420001") + ROW * 420_000 + b"1\n",
    "last word bad": EMPTY.replace(b": 2", b": 420000") + ROW * 419_999 + ROW.replace(b"61", b"6l"),
    "junk before": b"\xfe" * 10_000_000,
    "blank before": b"\n" * 10_000_000,
    "endless channels": b"HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 6 " + b"Xposition " * 1_000_000,
    "endless end sites": HEAD[: HEAD.index("    End")].encode() + b"End Site { OFFSET 0 0 0 }\n" * 400_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BIG)
def test_ten_megabytes_of_damage_take_bounded_time_and_memory(tmp_path: Path, name: str):
    path = tmp_path / "big.bvh"
    path.write_bytes(BIG[name])
    with at_most(20, len(BIG[name])), pytest.raises(FormatError):
        bvh.read(path)
    tracemalloc.start()  # Apart from the measured read: tracing makes the same work take twice as long.
    try:
        with pytest.raises(FormatError):
            bvh.read(path)
        assert tracemalloc.get_traced_memory()[1] <= 256 * 2**20 + 8 * len(BIG[name])
    finally:
        tracemalloc.stop()


def test_a_thousand_deep_is_read_and_written(tmp_path: Path):
    count = 1000
    skeleton = Skeleton(
        "deep", tuple(f"j{i}" for i in range(count)), (-1, *range(count - 1)), np.full((count, 3), 0.01)
    )
    motion = Motion(skeleton, 30.0, torch.zeros(1, 3), torch.tensor([0.0, 0, 0, 1]).expand(1, count, 4))
    bvh.write(motion, tmp_path / "deep.bvh")
    assert len(bvh.read(tmp_path / "deep.bvh").skeleton) == count


@pytest.mark.parametrize("text", [GOOD.replace("\n", "\r\n"), GOOD.replace("\n", "\r"), "\ufeff" + GOOD, GOOD.rstrip()])
def test_line_ends_and_byte_order_mark_do_not_matter(tmp_path: Path, text: str):
    assert torch.equal(read_text(tmp_path, text).rotations, read_text(tmp_path, GOOD).rotations)


def test_fuzz(tmp_path: Path):
    bvh.write(random_motion(frames=4), tmp_path / "good.bvh")
    good = (tmp_path / "good.bvh").read_bytes()
    fine, refused = survives(bvh.read, tmp_path / "bad.bvh", damaged(good, seed=1, count=300))
    assert fine + refused == 302
    assert refused > 100


def test_a_failing_writer_leaves_the_good_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "keep.bvh"
    bvh.write(random_motion(frames=3), path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kinescale.core.files.os.fsync", fail)
    with pytest.raises((OSError, KinescaleError)):
        bvh.write(random_motion(frames=9), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["keep.bvh"]


def test_bandai_namco_walks_upright(tmp_path: Path, data_root: Path):
    archive = data_root / "bandai-namco.tar.xz"
    (path,) = take_members(archive, lambda name: name.endswith(".bvh"), 1, tmp_path)
    motion = bvh.read(path)
    assert motion.fps == 30.0
    assert motion.skeleton.joints[0] == "Hips"
    assert len(motion.skeleton) == 21
    height = motion.positions()[..., 1]
    head = motion.skeleton.index("Head")
    assert 1.2 < float(height[:, head].max()) < 1.8
    assert -0.1 < float(height.min()) < 0.2


def test_cgspeed_is_read(tmp_path: Path, data_root: Path):
    wanted = lambda name: "cgspeed" in name and name.endswith(".bvh")  # noqa: E731
    for path in take_members(data_root / "cmu.tar.xz", wanted, 1, tmp_path):
        motion = bvh.read(path)
        assert motion.fps == 120.0
        height = motion.positions()[5:].amax(dim=1)[:, 1] - motion.positions()[5:].amin(dim=1)[:, 1]
        assert 1.2 < float(height.median()) < 1.9
