"""AMASS to HumanML3D's folder and to prepared data: joints of the user's body model, cuts, mirror images, texts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from kinescale import skeletons
from kinescale.cli.main import main
from kinescale.core.errors import DataError, FormatError
from kinescale.data.datasets import amass as corpus
from kinescale.data.datasets.amass.annotations import read_annotations
from kinescale.data.datasets.amass.cutting import Cut, find_source, read_index
from kinescale.data.prepare.humanml3d_folder import make_humanml3d, mirrored, positions_of
from kinescale.data.prepared import open_prepared
from kinescale.formats.base.smpl_model import fold_model

KINDS = ("smplh", "smplx")
COLUMNS = {"smplh": 156, "smplx": 165}


def body_model(folder: Path, kind: str, gender: str = "male", seed: int = 0) -> Path:
    """A made model file: vertices around our skeleton's joints, a regressor that mixes them, five shape directions."""
    rng = np.random.default_rng(seed)
    body = skeletons.get(kind)
    places = [np.array([0.0, -0.2, 0.05])]
    for joint in range(1, len(body)):
        places.append(places[body.parents[joint]] + body.offsets[joint])
    vertices = np.repeat(np.stack(places), 3, axis=0) + rng.normal(0, 0.004, (3 * len(body), 3))
    regressor = np.kron(np.eye(len(body)), np.full((1, 3), 1 / 3)) + 0.0
    regressor[:, 0] += 0.001
    parents = np.array([2**32 - 1, *body.parents[1:]], dtype=np.int64)
    path = folder / kind / gender / "model.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        v_template=vertices,
        J_regressor=regressor,
        shapedirs=rng.normal(0, 0.003, (len(vertices), 3, 5)),
        kintree_table=np.stack([parents, np.arange(len(body))]),
        posedirs=rng.normal(0, 1, (len(vertices), 3, 9)),
    )
    return path


def recording(path: Path, kind: str, frames: int = 240, fps: float = 120.0, seed: int = 0, **changes: object) -> Path:
    """A made file of AMASS, upright in its Z-up world."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / fps
    poses = 0.3 * np.sin(2 * time + rng.uniform(0, 6, COLUMNS[kind]))
    poses[:, :3] = [np.pi / 2, 0, 0]
    arrays: dict[str, object] = {
        "trans": np.concatenate([0.5 * time, 0.1 * np.sin(time), 0.9 + 0 * time], axis=1),
        "betas": rng.normal(0, 1, 16),
        "gender": "male",
    }
    if kind == "smplh":
        arrays |= {"poses": poses, "mocap_framerate": fps}
    else:
        parts = {"root_orient": 3, "pose_body": 63, "pose_jaw": 3, "pose_eye": 6, "pose_hand": 90}
        stops = np.cumsum(list(parts.values()))
        arrays |= {
            name: poses[:, stop - width : stop] for (name, width), stop in zip(parts.items(), stops, strict=True)
        }
        arrays |= {"mocap_frame_rate": fps, "surface_model_type": "smplx"}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{**arrays, **changes})  # type: ignore[arg-type]
    return path


def rodrigues(vector: np.ndarray) -> np.ndarray:
    angle = float(np.linalg.norm(vector)) or 1e-12
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def naive_joints(model: Path, file: Path, betas: int) -> np.ndarray:
    """The models' own way, with all vertices: shape them, regress the joints, turn them one by one; the file's axes."""
    body, data = np.load(model), np.load(file)
    count = min(betas, body["shapedirs"].shape[2])
    shaped = body["v_template"] + np.einsum("vcb,b->vc", body["shapedirs"][:, :, :count], data["betas"][:count])
    rest = body["J_regressor"] @ shaped
    names = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
    poses = data["poses"] if "poses" in data else np.hstack([data[name] for name in names])
    parents = body["kintree_table"][0]
    frames = []
    for pose, trans in zip(poses, data["trans"], strict=True):
        turns, places = [rodrigues(pose[:3])], [rest[0]]
        for joint in range(1, len(rest)):
            up = int(parents[joint])
            places.append(places[up] + turns[up] @ (rest[joint] - rest[up]))
            turns.append(turns[up] @ rodrigues(pose[3 * joint : 3 * joint + 3]))
        frames.append(np.stack(places) + trans)
    return np.stack(frames)


@pytest.mark.parametrize("kind", KINDS)
def test_joints_are_those_of_the_model_with_all_its_vertices(tmp_path: Path, kind: str) -> None:
    model, file = body_model(tmp_path, kind), recording(tmp_path / "a_poses.npz", kind, frames=13)
    found = positions_of(file, [model])
    x, y, z = naive_joints(model, file, betas=10)[::6, :22].transpose(2, 0, 1)
    torch.testing.assert_close(found, torch.from_numpy(np.stack([-x, z, y], axis=-1)), atol=1e-9, rtol=0)
    # reading for training: all betas, our axes, the file's rate
    clip = corpus.find(tmp_path, model)[0]
    x, y, z = naive_joints(model, file, betas=16).transpose(2, 0, 1)
    ours = corpus.load(clip).positions()
    torch.testing.assert_close(ours, torch.from_numpy(np.stack([x, z, -y], axis=-1)), atol=1e-9, rtol=0)


def test_a_folded_model_is_a_model(tmp_path: Path) -> None:
    path = body_model(tmp_path, "smplh")
    folded, body = fold_model(path, skeletons.get("smplh")), np.load(path)
    betas = np.array([0.5, -1.0, 2.0])
    whole = body["J_regressor"] @ (body["v_template"] + body["shapedirs"][:, :, :3] @ betas)
    np.testing.assert_allclose(folded.rest(betas).joints(), whole, atol=1e-12)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "SMPLH_MALE.pkl"
    path.write_bytes(pickle.dumps({"v_template": [1]}))
    with pytest.raises(FormatError, match=r"convert it once.*np\.savez"):
        fold_model(path, skeletons.get("smplh"))


def test_the_cutting_list_leaves_the_published_seconds_out(tmp_path: Path) -> None:
    index = tmp_path / "index.csv"
    index.write_text(
        "source_path,start_frame,end_frame,new_name\n"
        "./pose_data/KIT/3/kick_poses.npy,0,40,000000.npy\n"
        "./pose_data/MPI_Limits/03099/op1_poses.npy,10,50,000001.npy\n"
        "./pose_data/humanact12/humanact12/P01.npy,0,30,000002.npy\n",
        encoding="utf-8",
    )
    first, second, third = read_index(index)
    assert first == Cut("000000", "KIT/3/kick_poses.npy", 0, 40, 0.0) and first.seconds() == (0.0, 2.0)
    assert second.seconds() == (1.5, 3.5) and third.of_act12
    for bad in ("./pose_data/../x.npy,0,4,a.npy", "a,b,4,a.npy", "a,0,4,../a.npy"):
        index.write_text(f"source_path,start_frame,end_frame,new_name\n{bad}\n", encoding="utf-8")
        with pytest.raises(DataError):
            read_index(index)


def test_files_are_found_in_both_releases(tmp_path: Path) -> None:
    for name in ("KIT/3/kick_poses.npz", "PosePrior/03099/op1_stageii.npz", "humanact12/P01.npy"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert find_source(tmp_path, "KIT/3/kick_poses.npy") == tmp_path / "KIT/3/kick_poses.npz"
    assert find_source(tmp_path, "MPI_Limits/03099/op1_poses.npy") == tmp_path / "PosePrior/03099/op1_stageii.npz"
    assert find_source(tmp_path, "humanact12/humanact12/P01.npy") == tmp_path / "humanact12/P01.npy"
    assert find_source(tmp_path, "CMU/01/01_01_poses.npy") is None


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Four clips of two files and of HumanAct12, one file missing, one not finite, with texts and a split."""
    root = tmp_path / "amass"
    body_model(root / "body_models", "smplh")
    recording(root / "KIT/3/kick_poses.npz", "smplh", frames=600, seed=1)
    file = recording(root / "CMU/01/bad_poses.npz", "smplh", frames=300, seed=2)
    broken = dict(np.load(file))
    broken["trans"][5] = np.nan
    np.savez(file, **broken)
    body = skeletons.get("humanml22")
    joints = torch.from_numpy(positions_of(root / "KIT/3/kick_poses.npz", [next(root.rglob("model.npz"))]).numpy())
    (root / "humanact12/humanact12").mkdir(parents=True)
    np.save(root / "humanact12/humanact12/P01.npy", np.pad(joints.numpy(), ((0, 0), (0, 2), (0, 0))))
    assert joints.shape[1] == len(body)
    rows = [
        "./pose_data/KIT/3/kick_poses.npy,0,50,000021.npy",
        "./pose_data/KIT/3/kick_poses.npy,40,95,000022.npy",
        "./pose_data/humanact12/humanact12/P01.npy,0,50,000023.npy",
        "./pose_data/CMU/01/bad_poses.npy,0,40,007975.npy",
        "./pose_data/CMU/01/gone_poses.npy,0,40,000024.npy",
    ]
    header = "source_path,start_frame,end_frame,new_name"
    (root / "index.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    (root / "texts").mkdir()
    for name in ("000021", "000022", "000023", "M000021", "M000022", "M000023"):
        line = f"a person kicks with the {'right' if name[0] == 'M' else 'left'} leg#a/DET#0.0#0.0"
        (root / "texts" / f"{name}.txt").write_text(line + "\n", encoding="utf-8")
    listed = [f"{mark}{name}" for name in ("000021", "000022", "000023") for mark in ("", "M")]
    (root / "train.txt").write_text("\n".join(listed) + "\n", encoding="utf-8")
    return root


def test_the_published_folder_is_made_and_read_back(published: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "HumanML3D"
    told = ["prepare", "amass", str(published), "-o", str(out), "--as", "humanml3d", "--workers", "1"]
    assert main(told) == 0
    said = capsys.readouterr().out
    assert "3 clips and their mirror images" in said and "left out 007975" in said
    assert "gone_poses.npy is missing" in said
    vectors, joints = np.load(out / "new_joint_vecs/000021.npy"), np.load(out / "new_joints/000021.npy")
    assert vectors.shape == (49, 263) and joints.shape == (49, 22, 3) and vectors.dtype == np.float32
    # a foot stands on the floor, and the first frame at the origin
    assert abs(float(joints[..., 1].min())) < 0.03 and np.allclose(joints[0, 0, [0, 2]], 0, atol=1e-6)
    # the list's second clip begins 40 frames later in the same file; the floor is each clip's own
    later = np.load(out / "new_joint_vecs/000022.npy")
    heights = vectors[40:49, 5:67:3] - later[:9, 5:67:3]
    np.testing.assert_allclose(heights, np.broadcast_to(heights[:1, :1], heights.shape), atol=1e-5)
    # HumanAct12's joints are taken as they are: these are the other clip's
    np.testing.assert_allclose(np.load(out / "new_joint_vecs/000023.npy"), vectors, atol=1e-4)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert set(report["clips"]) == {"000021", "000022", "000023"} and len(report["clips"]["000021"]["sha256"]) == 4
    before = (out / "new_joint_vecs/000021.npy").stat().st_mtime_ns
    again = make_humanml3d(published, out)
    assert again.reused_parts == 1 and (out / "new_joint_vecs/000021.npy").stat().st_mtime_ns == before
    (out / "new_joints/M000022.npy").unlink()
    assert make_humanml3d(published, out).reused_parts == 0 and (out / "new_joints/M000022.npy").is_file()
    assert main(["prepare", "humanml3d", str(out), "-o", str(tmp_path / "data"), "--workers", "1"]) == 0
    assert len(open_prepared(tmp_path / "data").clips) == 6


def test_mirroring_twice_changes_nothing() -> None:
    joints = torch.randn(4, 22, 3)
    assert torch.equal(mirrored(mirrored(joints)), joints)
    assert torch.equal(mirrored(joints)[:, 1], joints[:, 2] * torch.tensor([-1.0, 1.0, 1.0]))


def test_prepared_for_training_with_captions_and_rotations(published: Path, tmp_path: Path) -> None:
    assert main(["prepare", "amass", str(published), "-o", str(tmp_path / "data"), "--workers", "1"]) == 0
    found = open_prepared(tmp_path / "data")
    assert found.fps == 20.0 and [clip.id for clip in found.clips] == [f"amass/00002{i}" for i in (1, 2, 3)]
    assert found.clips[0].captions == ("a person kicks with the left leg",) and found.clips[0].split == "train"
    assert found.clips[0].captions_mirrored == ("a person kicks with the right leg",)
    skipped = dict(json.loads((tmp_path / "data/amass/report.json").read_text(encoding="utf-8"))["skipped"])
    assert "not finite" in skipped["amass/007975"] and "missing" in skipped["amass/000024"]


def test_a_list_without_bodies_or_a_folder_without_a_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"index\.csv"):
        make_humanml3d(tmp_path, tmp_path / "out")
    (tmp_path / "index.csv").write_text("source_path,start_frame,end_frame,new_name\n", encoding="utf-8")
    with pytest.raises(DataError, match="no body models"):
        make_humanml3d(tmp_path, tmp_path / "out")
    assert main(["prepare", "kit", str(tmp_path), "-o", str(tmp_path / "out"), "--as", "humanml3d"]) == 2
    assert main(["prepare", "amass", str(tmp_path), "-o", str(tmp_path / "out"), "--as", "kit"]) == 2


def test_babel_and_kit_texts_are_read(tmp_path: Path) -> None:
    recording(tmp_path / "KIT/3/kick_poses.npz", "smplh", frames=360)
    babel = {
        "7": {
            "feat_p": "KIT/KIT/3/kick_poses.npz",
            "seq_ann": {"labels": [{"raw_label": "kick"}, {"raw_label": "kick high"}]},
            "frame_ann": {
                "labels": [
                    {"raw_label": "stand", "proc_label": "stand", "start_t": 0, "end_t": 1.5},
                    {"raw_label": "transition", "proc_label": "transition", "start_t": 1.5, "end_t": 2},
                ]
            },
        }
    }
    (tmp_path / "babel").mkdir()
    (tmp_path / "babel/val.json").write_text(json.dumps(babel), encoding="utf-8")
    united = {"00011": {"path": "KIT/3/kick_poses", "annotations": [{"text": "A human kicks", "start": 0, "end": 2.0}]}}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/kitml.json").write_text(json.dumps(united), encoding="utf-8")
    (tmp_path / "kit-ml").mkdir()
    (tmp_path / "kit-ml/kit_index.csv").write_text(
        "source_path,start_frame,end_frame,new_name\nKIT/3/kick_poses.npy,0,40,00012\n", encoding="utf-8"
    )
    (tmp_path / "kit-ml/00012_annotations.json").write_text('["Somebody kicks.", "A kick."]', encoding="utf-8")
    told = {one.name: one for one in read_annotations(tmp_path)}
    assert told["babel7"].captions == ("kick", "kick high") and told["babel7"].split == "val"
    assert told["babel7s0"].span == (0.0, 1.5) and "babel7s1" not in told
    assert told["kitml00011s0"].captions == ("A human kicks",)
    assert told["kit00012"].captions == ("Somebody kicks.", "A kick.") and told["kit00012"].span == (0.0, 2.0)
    clips = {clip.id: clip for clip in corpus.find(tmp_path)}
    assert len(corpus.load(clips["amass/babel7s0"])) == 180 and len(corpus.load(clips["amass/babel7"])) == 360
    (tmp_path / "babel/val.json").write_text('{"7": {"feat_p": 3}}', encoding="utf-8")
    with pytest.raises(DataError, match="feat_p"):
        read_annotations(tmp_path)
