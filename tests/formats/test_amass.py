"""AMASS files: both spellings there and back, what the numbers mean, the user's body model, and hostile archives."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import damaged, survives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinescale import skeletons
from kinescale.core.errors import FormatError, InputError
from kinescale.formats import amass, npz, read_motion, write_motion
from kinescale.formats.base import needs_of
from kinescale.formats.base.smpl_model import MEAN_PELVIS
from kinescale.motion import Motion
from kinescale.motion.retarget import retarget
from kinescale.skeletons import Skeleton
from motion_strategies import random_motion
from plain_read import at_most

KINDS = sorted(amass.MODELS)


def arrays(kind: str = "smplh", frames: int = 5, seed: int = 0) -> dict[str, np.ndarray]:
    """The members of a published file, with random numbers."""
    rng = np.random.default_rng(seed)
    common = {"trans": rng.normal(size=(frames, 3)), "betas": rng.normal(size=16), "gender": np.array("female")}
    poses = 0.5 * rng.normal(size=(frames, amass.MODELS[kind].columns))
    if kind == "smplh":
        return {**common, "poses": poses, "mocap_framerate": np.array(120.0), "dmpls": rng.normal(size=(frames, 8))}
    parts = {
        "root_orient": poses[:, :3],
        "pose_body": poses[:, 3:66],
        "pose_jaw": poses[:, 66:69],
        "pose_eye": poses[:, 69:75],
        "pose_hand": poses[:, 75:],
    }
    return {
        **common,
        **{name: part.copy() for name, part in parts.items()},
        "surface_model_type": np.array("smplx"),
        "mocap_frame_rate": np.array(120.0),
    }


def archive(changes: Mapping[str, object], kind: str = "smplh", pack: int = zipfile.ZIP_STORED) -> bytes:
    """A published file's members with some changed: an array, raw bytes, or None to leave it out."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", pack) as target:
        for name, value in {**arrays(kind), **changes}.items():
            if isinstance(value, np.ndarray):
                stream = io.BytesIO()
                np.save(stream, value, allow_pickle=True)
                value = stream.getvalue()
            if isinstance(value, bytes):
                target.writestr(f"{name}.npy", value)
    return made.getvalue()


def stored(tmp_path: Path, changes: Mapping[str, object], kind: str = "smplh", name: str = "a.npz") -> Path:
    (tmp_path / name).write_bytes(archive(changes, kind))
    return tmp_path / name


def apart(one: Motion, two: Motion) -> tuple[float, float]:
    """Largest distance of positions (m) and of quaternion components, signs aside."""
    sign = (one.rotations * two.rotations).sum(-1, keepdim=True).sign()
    gap = (one.rotations * sign - two.rotations).abs().max()
    return float((one.positions() - two.positions()).abs().max()), float(gap)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**32),
    frames=st.integers(1, 4),
    fps=st.floats(0.5, 1000.0),
    special=st.sampled_from(["none", "half turn", "rest", "tiny", "negative"]),
    stretched=st.booleans(),
)
def test_there_and_back_is_the_identity(tmp_path, kind, seed, frames, fps, special, stretched):
    rng = torch.Generator().manual_seed(seed)
    body = skeletons.get(kind)
    if stretched:
        offsets = np.vstack([np.zeros((1, 3)), body.offsets[1:] * 1.1 + [0, 1e-3, 0]])
        body = Skeleton(kind, body.joints, body.parents, offsets, body.roles, None, body.ends)
    quats = torch.randn(frames, len(body), 4, generator=rng, dtype=torch.float64)
    quats[:, 3] = {
        "none": torch.tensor([0.5, 0.5, 0.5, 0.5]),
        "half turn": torch.tensor([0.6, 0.0, 0.8, 0.0]),
        "rest": torch.tensor([0.0, 0.0, 0.0, 1.0]),
        "tiny": torch.tensor([1e-9, 0.0, 2e-9, 1.0]),
        "negative": torch.tensor([0.0, 0.0, 1e-7, -1.0]),
    }[special].double()
    root = torch.randn(frames, 3, generator=rng, dtype=torch.float64)
    motion = Motion(body, fps, root, quats / quats.norm(dim=-1, keepdim=True), {"license": "none"})
    path = tmp_path / "a.amass.npz"
    write_motion(motion, path, force=True)
    again = read_motion(path)
    meters, components = apart(again, motion)
    assert meters < 1e-9 and components < 1e-9
    assert again.fps == motion.fps and again.meta["license"] == "none"
    np.testing.assert_allclose(again.skeleton.offsets, body.offsets, atol=1e-12)
    assert stretched or again.skeleton == body


@pytest.mark.parametrize("kind", KINDS)
def test_a_published_file_keeps_its_numbers(tmp_path: Path, kind: str):
    """Read, written and read again, a file says what it said, trans and betas included."""
    one = stored(tmp_path, {}, kind)
    write_motion(read_motion(one), tmp_path / "b.amass.npz")
    was, now = arrays(kind), np.load(tmp_path / "b.amass.npz", allow_pickle=False)
    for name in ("trans", "betas", "poses", "root_orient", "pose_body", "pose_hand"):
        if name in was:
            # axis-angles above half a turn come back as the shorter way round
            same = was[name] if name in ("trans", "betas") else shortest(was[name])
            np.testing.assert_allclose(now[name], same, atol=1e-12)
    assert str(now["gender"]) == "female"
    assert float(now["mocap_framerate" if kind == "smplh" else "mocap_frame_rate"]) == 120.0


def shortest(poses: np.ndarray) -> np.ndarray:
    vectors = poses.reshape(len(poses), -1, 3)
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    wrapped = (angle + np.pi) % (2 * np.pi) - np.pi
    return (vectors / angle * wrapped).reshape(len(poses), -1)


def rodrigues(vector: np.ndarray) -> np.ndarray:
    angle = np.linalg.norm(vector)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@pytest.mark.parametrize("kind", KINDS)
def test_positions_are_those_of_the_models_own_forward_kinematics(tmp_path: Path, kind: str):
    """A naive twin: rotation matrices joint by joint in the file's world, then (x, y, z) -> (x, z, -y)."""
    file, body = arrays(kind), skeletons.get(kind)
    names = [name for name, _ in amass.MODELS[kind].parts]
    poses = file["poses"] if kind == "smplh" else np.hstack([file[name] for name in names])
    motion = read_motion(stored(tmp_path, {}, kind))
    for frame in range(len(poses)):
        place, turn = [file["trans"][frame] + MEAN_PELVIS[kind]], [rodrigues(poses[frame, :3])]
        for joint in range(1, len(body)):
            up = body.parents[joint]
            place.append(place[up] + turn[up] @ body.offsets[joint])
            turn.append(turn[up] @ rodrigues(poses[frame, 3 * joint : 3 * joint + 3]))
        x, y, z = np.array(place).T
        np.testing.assert_allclose(motion.positions()[frame], np.stack([x, z, -y], axis=1), atol=1e-12)


def test_someone_upright_in_the_file_is_upright_here(tmp_path: Path):
    """The models lie on their back in a Z-up world until the root turns them up by a quarter about x."""
    poses = np.zeros((2, 156))
    poses[:, 0] = np.pi / 2
    motion = read_motion(stored(tmp_path, {"poses": poses, "trans": np.array([[1.0, 2.0, 3.0]] * 2)}))
    torch.testing.assert_close(motion.rotations[0, 0], torch.tensor([0.0, 0.0, 0.0, 1.0]).double())
    head, hips = (motion.positions()[0, motion.skeleton.role(role)] for role in ("head", "hips"))
    assert head[1] - hips[1] > 0.5
    dx, dy, dz = MEAN_PELVIS["smplh"]
    assert hips.tolist() == pytest.approx([1.0 + dx, 3.0 + dz, -2.0 - dy])


def test_all_spellings_say_the_same(tmp_path: Path):
    parts = arrays("smplx")
    joined = np.hstack([parts[name] for name, _ in amass.MODELS["smplx"].parts])
    whole = {name: None for name, _ in amass.MODELS["smplx"].parts} | {"poses": joined}
    first = read_motion(stored(tmp_path, {}, "smplx"))
    for changes in (
        whole,
        {**whole, "surface_model_type": None},
        {"surface_model_type": None},
        {"surface_model_type": np.array(b"smplx_locked_head")},
        {"surface_model_type": np.array(["SMPLX"])},
        {"poses": joined + 1},
        {"mocap_frame_rate": None, "mocap_framerate": np.array(120)},
        {"mocap_frame_rate": np.array([120], np.uint16)},
        {"gender": np.array(b"female"), "betas": parts["betas"][None]},
        {"labels": np.array([object()]), "markers_latent": np.array([{}]), "notes": b"junk"},
        {name: np.asfortranarray(value) for name, value in parts.items() if value.ndim == 2},
        {name: value.astype(">f8") for name, value in parts.items() if value.dtype == np.float64},
    ):
        again = read_motion(stored(tmp_path, changes, "smplx"))
        assert torch.equal(again.root, first.root) and torch.equal(again.rotations, first.rotations)
        assert again.fps == 120 and dict(again.meta) == dict(first.meta)
    stageii = {"root_orient": 0, "pose_body": 3, "pose_hand": 66}
    poses = arrays()["poses"]
    spelt = {name: poses[:, start : start + width] for (name, start), width in zip(stageii.items(), (3, 63, 90))}
    for kind in (np.array("smplh"), None):
        again = read_motion(stored(tmp_path, {**spelt, "poses": None, "surface_model_type": kind}))
        assert apart(again, read_motion(stored(tmp_path, {}, name="b.npz"))) == (0.0, 0.0)


def test_absent_hands_jaw_and_eyes_are_at_rest(tmp_path: Path):
    motion = read_motion(stored(tmp_path, {"pose_hand": None, "pose_jaw": None, "pose_eye": None}, "smplx"))
    rest = torch.tensor([0.0, 0.0, 0.0, 1.0]).double().expand(len(motion), len(motion.skeleton) - 22, 4)
    assert torch.equal(motion.rotations[:, 22:], rest)


def test_float32_stays_float32(tmp_path: Path):
    single = {name: value.astype("f4") for name, value in arrays().items() if name in ("trans", "poses")}
    motion, double = read_motion(stored(tmp_path, single)), read_motion(stored(tmp_path, {}, name="b.npz"))
    assert motion.root.dtype == motion.rotations.dtype == torch.float32
    assert max(apart(motion.to(torch.float64), double)) < 2e-6


def test_the_archives_are_told_apart_by_their_members(tmp_path: Path):
    native = random_motion("smplh", frames=3)
    write_motion(native, tmp_path / "native.npz")
    write_motion(native, tmp_path / "made.amass.npz")
    assert npz.sniff(tmp_path / "native.npz") == "npz"
    assert npz.sniff(tmp_path / "made.amass.npz") == npz.sniff(stored(tmp_path, {}, "smplx")) == "amass"
    assert "header.npy" in zipfile.ZipFile(tmp_path / "native.npz").namelist()
    assert "poses.npy" in zipfile.ZipFile(tmp_path / "made.amass.npz").namelist()
    assert torch.equal(read_motion(tmp_path / "native.npz").rotations, native.rotations)
    (tmp_path / "made.amass.npz").rename(tmp_path / "made.npz")
    assert max(apart(read_motion(tmp_path / "made.npz"), native)) < 1e-12
    (tmp_path / "wrong.amass.npz").write_bytes((tmp_path / "native.npz").read_bytes())
    with pytest.raises(FormatError, match="lacks 'trans'"):
        read_motion(tmp_path / "wrong.amass.npz")


def test_both_spellings_are_written_and_equal_motions_give_equal_files(tmp_path: Path):
    for kind, rate, width in (("smplh", "mocap_framerate", 156), ("smplx", "mocap_frame_rate", 165)):
        for name in ("a", "b"):
            write_motion(random_motion(kind, frames=3), tmp_path / f"{name}.amass.npz", force=True)
        assert (tmp_path / "a.amass.npz").read_bytes() == (tmp_path / "b.amass.npz").read_bytes()
        with np.load(tmp_path / "a.amass.npz", allow_pickle=False) as made:
            assert made["poses"].shape == (3, width) and made["poses"].dtype == np.float64
            assert float(made[rate]) == 30 and str(made["gender"]) == "neutral" and not made["betas"].any()
            assert ("surface_model_type" in made) == ("root_orient" in made) == (kind == "smplx")
        assert json.loads((tmp_path / "a.amass.npz.json").read_text())["meta"]["license"] == "none"


def test_a_motion_on_another_skeleton_is_refused_and_told_what_it_needs(tmp_path: Path):
    motion = random_motion("humanml22", frames=3)
    with pytest.raises(InputError, match="retarget"):
        write_motion(motion, tmp_path / "a.amass.npz")
    assert not list(tmp_path.iterdir())
    for kind, wanted in ((None, "smplh"), ("smplh", "smplh"), ("smplx", "smplx")):
        skeleton = needs_of(motion, tmp_path / "a.amass.npz", kind=kind).skeleton
        assert skeleton is not None and skeleton == skeletons.get(wanted)
        body = retarget(motion, skeleton)
        # the mean body has humanml22's bones, so the 22 joints stay where they are
        assert (body.positions()[:, :22] - motion.positions()).abs().max() < 1e-9
        write_motion(body, tmp_path / "a.amass.npz", force=True, kind=kind)
        assert read_motion(tmp_path / "a.amass.npz").skeleton.name == wanted
    assert needs_of(random_motion("smplx", frames=2), tmp_path / "a.amass.npz").skeleton is None
    with pytest.raises(InputError, match="smplh or smplx"):
        write_motion(motion, tmp_path / "b.amass.npz", kind="smpl")


@pytest.mark.parametrize("about", [None, 3, {"model": "smplh", "betas": "x", "gender": 4, "pelvis_rest": [1]}, {}])
def test_meta_from_elsewhere_cannot_spoil_a_file(tmp_path: Path, about: object):
    motion = random_motion("smplh", frames=3).with_meta(amass=about)
    write_motion(motion, tmp_path / "a.amass.npz")
    assert max(apart(read_motion(tmp_path / "a.amass.npz"), motion)) < 1e-12


def model_file(path: Path, kind: str, **changes: object) -> Path:
    """A made-up body model: one vertex a joint, the first shape number moves all of them outwards."""
    body = skeletons.get(kind)
    joints = np.cumsum(np.vstack([[0.1, -0.3, 0.02], body.offsets[1:]]), axis=0)
    shapes = np.zeros((len(body), 3, 20))
    shapes[:, :, 0] = 0.1 * joints
    table = np.array([(2**32 - 1, *body.parents[1:]), range(len(body))], np.uint32)
    made = {"v_template": joints, "J_regressor": np.eye(len(body)), "shapedirs": shapes, "kintree_table": table}
    np.savez(path, **{**made, "f": np.array([{}], dtype=object), **changes})  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_the_users_body_model_gives_the_bones(tmp_path: Path, kind: str):
    betas = np.zeros(16)
    betas[0] = 2.0
    path, body = stored(tmp_path, {"betas": betas}, kind), model_file(tmp_path / "model.npz", kind)
    with np.load(body, allow_pickle=True) as model:
        rest = model["v_template"] * 1.2
    motion = read_motion(path, body_model=body)
    up = [max(parent, 0) for parent in motion.skeleton.parents]
    np.testing.assert_allclose(motion.skeleton.offsets, rest - rest[up], atol=1e-12)
    assert motion.meta["amass"]["pelvis_rest"] == pytest.approx(rest[0].tolist())
    write_motion(motion, tmp_path / "b.amass.npz")
    again = read_motion(tmp_path / "b.amass.npz")
    assert max(apart(again, motion)) < 1e-12
    with np.load(tmp_path / "b.amass.npz") as made:
        np.testing.assert_allclose(made["trans"], arrays(kind)["trans"], atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"J_regressor": np.array([{}], dtype=object)}, "pickle"),
        ({"J_regressor": np.eye(24)}, "do not fit"),
        ({"kintree_table": np.zeros((2, 24), np.uint32)}, "tree"),
        ({"kintree_table": np.zeros((2, 52), np.uint32)}, "tree"),
        ({"shapedirs": np.zeros((3, 3, 10))}, "do not fit"),
        ({"v_template": np.full((52, 3), np.nan)}, "not finite"),
        ({"v_template": np.zeros((0, 3)), "J_regressor": np.zeros((52, 0)), "shapedirs": np.zeros((0, 3, 9))}, "fit"),
    ],
)
def test_a_body_model_that_is_none_is_refused(tmp_path: Path, changes: Mapping[str, object], words: str):
    path = stored(tmp_path, {})
    with pytest.raises(FormatError, match=words):
        read_motion(path, body_model=model_file(tmp_path / "model.npz", "smplh", **changes))
    with pytest.raises(FormatError, match="lacks"):
        read_motion(path, body_model=path)
    with pytest.raises(InputError, match="cannot be read"):
        read_motion(path, body_model=tmp_path / "absent.npz")


def lying_npy(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def crowded() -> bytes:
    made = io.BytesIO(archive({}))
    with zipfile.ZipFile(made, "a") as target:
        for number in range(5000):
            target.writestr(f"{number}.npy", b"")
    return made.getvalue()


F = np.zeros
BAD = np.full((5, 3), np.nan)
FPS = "mocap_framerate"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no zip": lambda: b"trans.npy" * 100,
    "half": lambda: archive({})[:4000],
    "trans missing": lambda: archive({"trans": None}),
    "poses missing": lambda: archive({"poses": None}),
    "body missing": lambda: archive({"pose_body": None}, "smplx"),
    "rate missing": lambda: archive({FPS: None}),
    "trans a pickle": lambda: archive({"trans": np.array([[object()]])}),
    "gender a pickle": lambda: archive({"gender": np.array("female", dtype=object)}),
    "betas a pickle": lambda: archive({"betas": np.array([{}])}),
    "gender long": lambda: archive({"gender": np.array("x" * 100)}),
    "gender many": lambda: archive({"gender": np.array(["a", "b"])}),
    "gender escape": lambda: archive({"gender": np.array("\x1b[2J")}),
    "gender a number": lambda: archive({"gender": np.array(3.0)}),
    "gender beyond Unicode": lambda: archive({"gender": lying_npy("()", "'<U1'") + b"\xff\xff\xff\x7f"}),
    "model unknown": lambda: archive({"surface_model_type": np.array("flame")}),
    "model and poses differ": lambda: archive({"surface_model_type": np.array("smplx")}),
    "poses of SMPL": lambda: archive({"poses": F((5, 72))}),
    "poses flat": lambda: archive({"poses": F(780)}),
    "poses long": lambda: archive({"poses": F((6, 156))}),
    "poses integers": lambda: archive({"poses": F((5, 156), np.int64)}),
    "poses complex": lambda: archive({"poses": F((5, 156), np.complex128)}),
    "poses text": lambda: archive({"poses": np.full((5, 156), "1.0")}),
    "poses nan": lambda: archive({"poses": np.full((5, 156), np.inf)}),
    "poses huge": lambda: archive({"poses": np.full((5, 156), 1e300)}),
    "hands of 45": lambda: archive({"pose_hand": F((5, 45))}, "smplx"),
    "hands short": lambda: archive({"pose_hand": F((4, 90))}, "smplx"),
    "trans nan": lambda: archive({"trans": BAD}),
    "trans of two": lambda: archive({"trans": F((5, 2))}),
    "no frames": lambda: archive({"trans": F((0, 3)), "poses": F((0, 156))}),
    "betas nan": lambda: archive({"betas": np.full(16, np.nan)}),
    "betas many": lambda: archive({"betas": F(1000)}),
    "betas none of ten": lambda: archive({"betas": F((0, 10))}),
    "rate zero": lambda: archive({FPS: np.array(0.0)}),
    "rate negative": lambda: archive({FPS: np.array(-120.0)}),
    "rate nan": lambda: archive({FPS: np.array(np.nan)}),
    "rate 1e9": lambda: archive({FPS: np.array(1e9)}),
    "rates": lambda: archive({FPS: np.array([120.0, 60.0])}),
    "no rate": lambda: archive({FPS: F(0)}),
    "rate text": lambda: archive({FPS: np.array("120")}),
    "rest of three": lambda: archive({"rest_joints": F((3, 3))}),
    "rest nan": lambda: archive({"rest_joints": F((52, 3)) * np.nan}),
    "dmpls nan": lambda: archive({"dmpls": F((5, 8)) * np.nan}),
    "npy junk": lambda: archive({"trans": b"junk"}),
    "npy declares more": lambda: archive({"trans": lying_npy("(1000000, 3)")}),
    "npy declares 2^70": lambda: archive({"trans": lying_npy(f"({2**70}, 3)")}),
    "npy negative": lambda: archive({"trans": lying_npy("(-1, 3)")}),
    "npy endless text": lambda: archive({"gender": lying_npy("()", "'<U999999999'")}),
    "npy structured": lambda: archive({"trans": lying_npy("(5,)", "[('a', '<f8')]") + b"0" * 40}),
    "bzip2": lambda: archive({}, pack=zipfile.ZIP_BZIP2),
    "crowded": crowded,
    "bomb": lambda: archive({"poses": F((60_000, 156))}, pack=zipfile.ZIP_DEFLATED),
    "checksum": lambda: archive({}).replace(arrays()["trans"].tobytes(), F((5, 3)).tobytes()),
}


def test_hostile_cases_are_all_here():
    assert len(HOSTILE) == 53


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive_gives_one_error(tmp_path: Path, name: str):
    path = tmp_path / "bad.amass.npz"
    path.write_bytes(HOSTILE[name]())
    tracemalloc.start()
    try:
        with at_most(20), pytest.raises(FormatError) as caught:
            read_motion(path)
        assert tracemalloc.get_traced_memory()[1] <= 64 * 2**20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(path))


@pytest.mark.parametrize("fps", [0.0, -1.0, 1e9, float("nan"), float("inf")])
def test_a_frame_rate_that_is_none_is_refused(tmp_path: Path, fps: float):
    with pytest.raises(InputError, match="frames per second"):
        read_motion(stored(tmp_path, {}), fps=fps)


def test_a_given_frame_rate_counts(tmp_path: Path):
    assert read_motion(stored(tmp_path, {FPS: None}), fps=60.0).fps == 60
    assert read_motion(stored(tmp_path, {}), fps=60.0).fps == 60


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_fuzz(tmp_path: Path, kind: str):
    fine, refused = survives(amass.read, tmp_path / "bad.npz", damaged(archive({}, kind), seed=4, count=120))
    assert fine + refused == 122
    assert refused > 40
