"""ASF/AMC: a small pair against plain matrices, corpora that look like people, damage named with its line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import damaged, survives, take_members

from kinescale import skeletons
from kinescale.core.errors import FormatError, InputError
from kinescale.formats import asfamc
from kinescale.kinematics.rotations import quat_to_matrix
from kinescale.motion import Motion
from plain_read import at_most

ASF = """# made
:version 1.10
:name made
:units
  mass 1.0
  length 0.5
  angle deg
:documentation
   free text
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name thigh
     direction 0 -1 0
     length 8
     axis 10 20 30 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
     id 2
     name shin
     direction 0 -1 0
     length 9
     axis 0 0 20 XYZ
    dof rx
  end
  begin
     id 3
     name plate
     direction 1 0 0
     length 1
     axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root thigh plate
    thigh shin
  end
"""
AMC = """#!OML:ASF
:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 10 20 30
thigh 5 6 7
shin 40
2
root 1 2 4 10 20 31
thigh 5 6 8
shin 41
"""


def read_pair(folder: Path, amc: str | bytes = AMC, asf: str | bytes = ASF, **options: object) -> Motion:
    (folder / "01.asf").write_bytes(asf.encode() if isinstance(asf, str) else asf)
    path = folder / "01_02.amc"
    path.write_bytes(amc.encode() if isinstance(amc, str) else amc)
    return asfamc.read(path, **options)


def xyz(x: float, y: float, z: float) -> np.ndarray:
    """Rz Ry Rx."""
    (cx, cy, cz), (sx, sy, sz) = (tuple(f(math.radians(a)) for a in (x, y, z)) for f in (math.cos, math.sin))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def test_small_pair_agrees_with_plain_matrices(tmp_path: Path):
    motion = read_pair(tmp_path)
    inch = 0.0254 / 0.5
    assert motion.skeleton.joints == ("root", "thigh", "shin", "plate")
    assert motion.skeleton.parents == (-1, 0, 1, 0)
    np.testing.assert_allclose(
        motion.skeleton.offsets, [[0, 0, 0], [0, 0, 0], [0, -8 * inch, 0], [0, 0, 0]], atol=1e-12
    )
    assert [end.joint for end in motion.skeleton.ends] == [2, 3]
    assert motion.skeleton.ends[0].offset == pytest.approx((0, -9 * inch, 0))
    assert motion.fps == 120.0
    torch.testing.assert_close(motion.root[1], torch.tensor([1.0, 2.0, 4.0]) * inch)
    root = xyz(10, 20, 31)
    frame = xyz(10, 20, 30)
    thigh = root @ frame @ xyz(5, 6, 8) @ frame.T
    frame = xyz(0, 0, 20)
    shin = thigh @ frame @ xyz(41, 0, 0) @ frame.T
    world = quat_to_matrix(motion.global_rotations())[1].numpy()
    for joint, expected in enumerate((root, thigh, shin, root)):
        np.testing.assert_allclose(world[joint], expected, atol=1e-6)


def test_bones_in_another_order_are_the_same_motion(tmp_path: Path):
    mixed = AMC.replace("thigh 5 6 8\nshin 41\n", "shin 41\nthigh 5 6 8\n")
    swapped = mixed.replace("thigh 5 6 7\nshin 40\n", "shin 40\nthigh 5 6 7\n")
    plain = read_pair(tmp_path)
    for text in (mixed, swapped, AMC.replace("\n", "\r\n"), AMC.replace("shin 40", "shin +4.0e1")):
        assert torch.equal(read_pair(tmp_path, text).rotations, plain.rotations)


def test_radians_and_frame_rate(tmp_path: Path):
    radians = AMC.replace(":DEGREES", ":RADIANS").replace("thigh 5 6 7", "thigh 0.1 0.2 0.3")
    motion = read_pair(tmp_path, radians, fps=60.0)
    assert motion.fps == 60.0
    degrees = read_pair(
        tmp_path,
        AMC.replace("thigh 5 6 7", f"thigh {' '.join(str(math.degrees(a)) for a in (0.1, 0.2, 0.3))}"),
    )
    torch.testing.assert_close(motion.rotations[0, 1], degrees.rotations[0, 1])


def test_skeleton_file_is_found(tmp_path: Path):
    for name in ("01.asf", "01_0.asf", "HDM_bd.asf"):
        (tmp_path / name).write_text(ASF)
    assert asfamc.find_asf(tmp_path / "01_02.amc").name == "01.asf"
    assert asfamc.find_asf(tmp_path / "HDM_bd_walk_001_120.amc").name == "HDM_bd.asf"
    with pytest.raises(InputError, match="asf"):
        asfamc.find_asf(tmp_path / "07_01.amc")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "any.asf").write_text(ASF)
    (tmp_path / "one" / "other.amc").write_text(AMC)
    assert len(asfamc.read(tmp_path / "one" / "other.amc")) == 2
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "other.amc").write_text(AMC)
    with pytest.raises(InputError, match="no skeleton"):
        asfamc.read(tmp_path / "none" / "other.amc")
    assert len(asfamc.read(tmp_path / "none" / "other.amc", asf=tmp_path / "01.asf")) == 2


HOSTILE_AMC = {
    # name: (text, line, words)
    "empty": ("", 1, "no frames"),
    "only a header": (":DEGREES\n", 1, "no frames"),
    "binary": (bytes(range(128, 256)) * 9, 1, ""),
    "unknown header": (AMC.replace(":DEGREES", ":GRADS"), 3, ":GRADS"),
    "values before a frame": (AMC.replace(":DEGREES\n1\n", ":DEGREES\n"), 4, "frame number first"),
    "missing bone": (AMC.replace("thigh 5 6 8\n", ""), 10, "'thigh'"),
    "missing bone before": (AMC.replace("shin 40\n", ""), 7, "'shin'"),
    "missing root": (AMC.replace("root 1 2 4 10 20 31\n", ""), 10, "'root'"),
    "unknown bone": (AMC.replace("shin 41", "fin 41"), 11, "'fin'"),
    "bone without dof": (AMC + "plate 1\n", 12, "'plate'"),
    "bone twice": (AMC + "shin 41\n", 12, "twice"),
    "too few numbers": (AMC.replace("5 6 8", "5 6"), 10, "2 numbers"),
    "too many numbers": (AMC.replace("5 6 8", "5 6 8 9"), 10, "4 numbers"),
    "nan": (AMC.replace("5 6 8", "5 nan 8"), 10, "nan"),
    "inf": (AMC.replace("5 6 8", "5 inf 8"), 10, "inf"),
    "overflow": (AMC.replace("5 6 8", "5 1e999 8"), 10, "1e999"),
    "too large": (AMC.replace("5 6 8", "5 1e30 8"), 10, "1e30"),
    "two in one word": (AMC.replace("5 6 8", "5 6-1 8"), 10, "6-1"),
    "frame skipped": (AMC.replace("\n2\n", "\n3\n"), 8, "frame number 2"),
    "frame back": (AMC.replace("\n2\n", "\n1\n"), 8, "frame number 2"),
    "frame a fraction": (AMC.replace("\n2\n", "\n2.5\n"), 8, "frame number 2"),
    "frame a word": (AMC.replace("\n2\n", "\ntwo\n"), 8, "frame number 2"),
    "frame huge": (AMC.replace(":DEGREES\n1\n", ":DEGREES\n1" + "0" * 40 + "\n"), 4, "frame number"),
    "cut in a frame": (AMC[: AMC.index("thigh 5 6 8")], 9, "'thigh'"),
}  # fmt: skip

HOSTILE_ASF = {
    "empty": ("", 1, "units"),
    "no section": ("hello\n", 1, "section"),
    "binary": (bytes(range(256)) * 9, None, ""),
    "no bones": (ASF[: ASF.index(":bonedata")], None, "bonedata"),
    "no hierarchy": (ASF[: ASF.index(":hierarchy")], None, "hierarchy"),
    "section twice": (ASF.replace(":documentation", ":units"), 8, "second"),
    "unit zero": (ASF.replace("length 0.5", "length 0"), 6, "unit of length"),
    "unit nan": (ASF.replace("length 0.5", "length nan"), 6, "unit of length"),
    "angle unit": (ASF.replace("angle deg", "angle grad"), 7, "deg or rad"),
    "root order": (ASF.replace("TX TY TZ", "TX TX TZ"), 11, "root order"),
    "root axis": (ASF.replace("axis XYZ\n   position", "axis XXZ\n   position"), 12, "axis order"),
    "root position short": (ASF.replace("position 0 0 0", "position 0 0"), 13, "3 finite"),
    "bone without name": (ASF.replace("     name shin\n", ""), 33, "lacks"),
    "bone without length": (ASF.replace("     length 9\n", ""), 33, "lacks"),
    "bone twice": (ASF.replace("name shin", "name thigh"), 34, "unique"),
    "bone called root": (ASF.replace("name shin", "name root"), 34, "unique"),
    "direction short": (ASF.replace("direction 1 0 0", "direction 1 0"), 38, "direction"),
    "direction inf": (ASF.replace("direction 1 0 0", "direction 1 inf 0"), 38, "direction"),
    "length huge": (ASF.replace("length 9", "length 9e8"), 27, "longer"),
    "axis order": (ASF.replace("axis 0 0 20 XYZ", "axis 0 0 20 XY"), 32, "axis order"),
    "dof of length": (ASF.replace("dof rx\n", "dof rx l\n"), 33, "dof"),
    "dof twice": (ASF.replace("dof rx\n", "dof rx rx\n"), 33, "dof"),
    "entry unknown": (ASF.replace("id 2", "color 2"), 28, "color"),
    "bone not closed": (ASF.replace("     axis 0 0 0 XYZ\n  end\n", ""), 35, "not closed"),
    "outside a bone": (ASF.replace("  end\n:hier", "  end\n name x\n:hier"), 42, "begin"),
    "child unknown": (ASF.replace("thigh shin", "thigh fin"), 45, "no bone"),
    "child twice": (ASF.replace("root thigh plate", "root thigh plate shin"), 45, "twice"),
    "own child": (ASF.replace("thigh shin", "shin shin"), 45, "before"),
    "bone hangs nowhere": (ASF.replace("root thigh plate", "root thigh"), 35, "plate"),
    "too many bones": (
        ASF[: ASF.index("  begin")]
        + "".join(f"begin\nname b{i}\ndirection 0 1 0\nlength 1\nend\n" for i in range(2000))
        + ":hierarchy\n",
        None, "1024",
    ),
}  # fmt: skip


def test_hostile_cases_are_all_here():
    assert (len(HOSTILE_AMC), len(HOSTILE_ASF)) == (24, 30)


@pytest.mark.parametrize("name", HOSTILE_AMC)
def test_hostile_amc_gives_one_error_with_its_line(tmp_path: Path, name: str):
    text, line, words = HOSTILE_AMC[name]
    with pytest.raises(FormatError) as caught:
        read_pair(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / '01_02.amc'}, line ")
    assert words in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize("name", HOSTILE_ASF)
def test_hostile_asf_gives_one_error_with_its_line(tmp_path: Path, name: str):
    text, line, words = HOSTILE_ASF[name]
    with pytest.raises(FormatError) as caught:
        read_pair(tmp_path, asf=text)
    assert str(caught.value).startswith(f"{tmp_path / '01.asf'}, line ")
    assert words in str(caught.value)
    if line is not None:
        assert caught.value.line == line


def frames_text(count: int) -> str:
    head, body = AMC.split("1\n", 1)
    rows = body[: body.index("2\n")]
    return head + "".join(f"{number}\n{rows}" for number in range(1, count + 1))


BIG = {
    "newlines": AMC + "\n" * 10_000_000 + "x",
    "short words": AMC + "shin " + "1 " * 5_000_000,
    "one number a line": AMC + "1\n" * 5_000_000,
    "last bone missing": frames_text(240_000).removesuffix("shin 40\n"),
}


@pytest.mark.parametrize("name", BIG)
def test_ten_megabytes_of_damage_take_bounded_time(tmp_path: Path, name: str):
    with at_most(20, len(BIG[name])), pytest.raises(FormatError):
        read_pair(tmp_path, BIG[name])


def test_fuzz(tmp_path: Path):
    (tmp_path / "01.asf").write_text(ASF)
    amc = survives(asfamc.read, tmp_path / "01_02.amc", damaged(AMC.encode(), seed=2, count=300))
    (tmp_path / "01_02.amc").write_text(AMC)

    def read(asf: Path) -> Motion:
        return asfamc.read(tmp_path / "01_02.amc", asf=asf)

    asf = survives(read, tmp_path / "bad.asf", damaged(ASF.encode(), seed=3, count=300))
    assert sum(amc) == sum(asf) == 302
    assert min(amc[1], asf[1]) > 60


def test_cmu_people_stand_upright(tmp_path: Path, data_root: Path):
    wanted = lambda name: "/subjects/01/" in name and name.endswith(("01.asf", "01_01.amc"))  # noqa: E731
    take_members(data_root / "cmu.tar.xz", wanted, 2, tmp_path)
    with at_most(40, (tmp_path / "01_01.amc").stat().st_size):
        motion = asfamc.read(tmp_path / "01_01.amc")
    assert len(motion) == 2751
    looks_like_a_person(motion)


def test_hdm05_people_stand_upright(tmp_path: Path, data_root: Path):
    wanted = lambda name: name.endswith("HDM_bd.asf") or "HDM_bd_grab" in name  # noqa: E731
    files = take_members(data_root / "hdm05.tar.xz", wanted, 3, tmp_path)
    for path in files[1:]:
        looks_like_a_person(asfamc.read(path))


def looks_like_a_person(motion: Motion) -> None:
    """Ours by name, Y up, feet on the floor, knees that bend forward, a grown-up's height."""
    known = skeletons.get("cmu")
    skeleton = motion.skeleton
    assert skeleton.joints == known.joints
    assert skeleton.parents == known.parents
    assert dict(skeleton.roles) == dict(known.roles)
    positions = motion.positions()
    role = {name: positions[:, index] for name, index in skeleton.role_indices().items()}
    feet = torch.stack([role["left_toes"][:, 1], role["right_toes"][:, 1]]).amin(dim=0)
    assert -0.05 < float(feet.quantile(0.1)) < 0.12
    assert float((role["head"] - role["hips"])[:, 1].median()) > 0.3
    lengths = [np.linalg.norm(skeleton.offsets[skeleton.index(name)]) for name in ("ltibia", "lfoot")]
    trunk = sum(
        np.linalg.norm(skeleton.offsets[skeleton.index(n)])
        for n in ("upperback", "thorax", "lowerneck", "upperneck", "head")
    )
    assert 1.4 < sum(lengths) + trunk + 0.3 < 2.0
    # Left is +X when facing +Z: forward is left cross up.
    left = role["left_hip"] - role["right_hip"]
    forward = torch.linalg.cross(left, torch.tensor([0.0, 1.0, 0.0]).expand_as(left))
    for side in ("left", "right"):
        knee = role[f"{side}_knee"] - (role[f"{side}_hip"] + role[f"{side}_ankle"]) / 2
        assert float((knee * forward).sum(-1).median()) > -1e-3
        toes = role[f"{side}_toes"] - role[f"{side}_ankle"]
        assert float((toes * forward).sum(-1).median()) > 0
