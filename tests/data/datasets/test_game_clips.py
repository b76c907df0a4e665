"""Hand-made game clips and CMU's conversions: several animations, twins, still files, T-poses in front."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kinescale.core.errors import DataError
from kinescale.data.datasets import accad, cmu, kaykit, mesh2motion
from kinescale.formats import glb, write_motion
from kinescale.motion import Motion, retarget
from kinescale.skeletons import get
from made_bodies import made, walking


def walk(seconds: float = 2.0) -> Motion:
    return made(walking(1.0, seconds=seconds))


def test_every_animation_of_a_file_is_a_clip(tmp_path):
    (tmp_path / "clips").mkdir()
    one, other = walk(1.0), walk(2.0)
    glb.write([one, other], tmp_path / "clips" / "Both_Loop.glb")
    write_motion(one, tmp_path / "clips" / "Single.glb")
    found = mesh2motion.find(tmp_path)
    assert [clip.take.split("/")[0] for clip in found] == ["Both_Loop", "Both_Loop", "Single"]
    assert sorted(len(mesh2motion.load(clip)) for clip in found[:2]) == sorted([len(one), len(other)])
    assert found[2].id == "mesh2motion/Single"


def test_a_file_in_which_nothing_moves_is_left_out_with_a_reason(tmp_path):
    still = walk().slice(0, 1)
    still = still.replace(root=still.root.expand(9, -1), rotations=still.rotations.expand(9, -1, -1))
    write_motion(still, tmp_path / "Idle.glb")
    with pytest.raises(DataError, match="nothing moves"):
        mesh2motion.load(mesh2motion.find(tmp_path)[0])


def test_a_damaged_file_is_reported_and_the_rest_goes_on(tmp_path):
    (tmp_path / "Broken.glb").write_bytes(b"glTF but not really")
    write_motion(walk(), tmp_path / "Walk.glb")
    found = {clip.take: clip.problem for clip in mesh2motion.find(tmp_path)}
    assert found["Broken"] and not found["Walk"]


@pytest.mark.parametrize("twin", ["Jump_Long.glb", "Long_Jump.glb"])
def test_what_both_rigs_have_is_taken_once(tmp_path, twin):
    for name in ("clips/Jump_Long.glb", f"clips-rig-medium/{twin}", "clips-rig-medium/Wave.glb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_motion(walk(), tmp_path / name)
    found = {clip.take: clip.problem for clip in kaykit.find(tmp_path)}
    assert found.pop(f"clips-rig-medium/{twin.removesuffix('.glb')}") == "shows the same as kaykit/Jump_Long."
    assert found == {"Jump_Long": "", "clips-rig-medium/Wave": ""}


def test_the_second_rig_is_kept_on_the_floor(tmp_path):
    (tmp_path / "clips-rig-medium").mkdir()
    hung = walk()
    hung = hung.replace(root=hung.root[:1].expand_as(hung.root).clone())
    for name in ("Crouch", "Jump_Chop"):
        write_motion(hung, tmp_path / "clips-rig-medium" / f"{name}.glb")
    clips = {clip.take.split("/")[1]: clip for clip in kaykit.find(tmp_path)}
    lowest = kaykit.load(clips["Crouch"]).positions()[..., 1].amin(-1)
    torch.testing.assert_close(lowest, torch.zeros_like(lowest), atol=1e-4, rtol=0)
    with pytest.raises(DataError, match="leaves the floor"):
        kaykit.load(clips["Jump_Chop"])


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("Female1_B21_S2_PutDownBoxToWalk", "put down box to walk"),
        ("Male1_B3_Walk", "walk"),
        ("Swagger", "swagger"),
        ("Female1_C22_RunWithBox", "run with box"),
    ],
)
def test_accad_names_are_read(tmp_path, name, action):
    (tmp_path / f"{name}.bvh").touch()
    (clip,) = accad.find(tmp_path)
    assert (clip.action, clip.id) == (action, f"accad/{name}")


def t_pose(skeleton: str, frames: int) -> Motion:
    body = get(skeleton)
    rest = torch.zeros(len(body), 4)
    rest[:, 3] = 1
    rest = rest if body.t_pose is None else torch.as_tensor(body.t_pose.copy(), dtype=torch.float32)
    return Motion(body, 120.0, torch.tensor([[0.0, 0.93, 0.0]]).repeat(frames, 1), rest.repeat(frames, 1, 1))


@pytest.mark.parametrize("front", [0, 1, 2])
@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_a_t_pose_in_front_is_dropped_and_nothing_else(front, fps):
    take = made(walking(1.2, seconds=4.0), fps=fps).to(torch.float32)
    pose = t_pose("humanml22", 2).slice(0, max(front, 1))
    if not front:
        assert cmu.opening(take) == 0
        return
    whole = take.replace(
        root=torch.cat([pose.root + torch.tensor([3.0, 0, 0]), take.root]),
        rotations=torch.cat([pose.rotations, take.rotations]),
    )
    assert cmu.opening(whole) == front


def test_a_leap_is_no_t_pose():
    leap = made(walking(4.5, cadence=3.5, seconds=3.0)).to(torch.float32)
    assert cmu.opening(leap) == 0


def test_the_scaled_inch_is_meters(tmp_path):
    """The same take, written in centimeters and in CMU's scaled inch, is read alike from the two folders."""
    take = retarget(walk(2.0), get("cgspeed"))
    for folder, unit in (("cgspeed-bvh", cmu.SCALED_INCH_M), ("other-bvh", 0.01)):
        (tmp_path / folder).mkdir()
        name = "02_98" if unit == 0.01 else "02_99"
        write_motion(take, tmp_path / folder / f"{name}.bvh", unit_m=unit)
    other, inch = (cmu.load(clip) for clip in cmu.find(tmp_path))
    assert inch.fps == cmu.FPS and other.fps == 60.0
    torch.testing.assert_close(inch.root, other.root[1:], atol=1e-3, rtol=0)


def test_takes_of_all_conversions_are_found_once_and_in_order(tmp_path):
    names = ["asfamc/02/02_01.amc", "cgspeed-bvh/02_01.bvh", "cgspeed-bvh/02_02.bvh", "fbx-glb/02_02.glb"]
    for name in [*names, "fbx-glb/02_03.glb", "iclone-bvh/02_04.bvh", "other-bvh/02_05.bvh", "elsewhere/02_06.bvh"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {clip.take: Path(clip.files[0]).parent.name for clip in cmu.find(tmp_path)}
    assert found == {"02_01": "02", "02_02": "cgspeed-bvh", "02_03": "fbx-glb", "02_04": "iclone-bvh",
                     "02_05": "other-bvh"}  # fmt: skip
    rates = {clip.take: clip.fps for clip in cmu.find(tmp_path)}
    assert rates == {"02_01": 120.0, "02_02": 120.0, "02_03": None, "02_04": 60.0, "02_05": 60.0}


def test_a_body_that_grows_is_left_out(tmp_path):
    write_motion(walk().replace(meta={"scale_dropped": True}), tmp_path / "Spawn.glb")
    with pytest.raises(DataError, match="grows or shrinks"):
        mesh2motion.load(mesh2motion.find(tmp_path)[0])
