"""Preparing a corpus: the published layouts, damage, interruption, workers, archives."""

from __future__ import annotations

import json
import math
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch

from kinescale import skeletons
from kinescale.core.errors import DataError, UnknownNameError
from kinescale.core.files import sha256_file
from kinescale.data.datasets import FAMILY, is_labeled
from kinescale.data.prepare import Settings, parts, prepare
from kinescale.data.prepare.clip_rows import clip_rows
from kinescale.data.prepared import open_prepared, split_of
from kinescale.formats import write_motion
from kinescale.motion import Motion

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")


def made_walk(frames: int = 40, phase: float = 0.0) -> Motion:
    """A made clip on the Bandai-Namco joints: the T-pose with swinging legs."""
    skeleton = skeletons.get("bandai_namco")
    assert skeleton.t_pose is not None
    rotations = torch.as_tensor(skeleton.t_pose.copy()).expand(frames, -1, -1).clone()
    swing = torch.sin(torch.arange(frames, dtype=torch.float64) / 5 + phase) * 0.4
    from kinescale.kinematics.rotations import axis_angle_quat, quat_multiply

    for joint, sign in (("UpperLeg_L", 1), ("UpperLeg_R", -1)):
        index = skeleton.index(joint)
        rotations[:, index] = quat_multiply(rotations[:, index], axis_angle_quat(sign * swing, "y"))
    root = torch.stack([torch.zeros(frames), torch.full((frames,), 0.93), torch.arange(frames) * 0.03], dim=1).double()
    return Motion(skeleton, 30.0, root, rotations)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A small folder in the Bandai-Namco layout, with one damaged file and one too short."""
    folder = tmp_path_factory.mktemp("corpus") / "Bandai-Namco-Research-Motiondataset-2" / "data"
    folder.mkdir(parents=True)
    names = [f"dataset-2_walk_normal_{i:03d}" for i in range(7)] + ["dataset-2_raise-up-left-hand_active_001"]
    for i, name in enumerate(names):
        write_motion(made_walk(30 + 3 * i, i), folder / f"{name}.bvh")
    whole = (folder / f"{names[0]}.bvh").read_text()
    (folder / "dataset-2_run_normal_001.bvh").write_text(whole[: len(whole) // 2])
    write_motion(made_walk(3), folder / "dataset-2_run_normal_002.bvh")
    (folder / "notes.txt").write_text("not a clip")
    return folder.parents[1]


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(parts, "PART_CLIPS", 3)


def test_every_corpus_has_a_license_and_captions():
    assert set(FAMILY.names()) >= {"bandai_namco", "cmu", "hdm05"}
    for name in FAMILY.names():
        license = FAMILY.get(name, "LICENSE")
        assert license.name and license.url.startswith("http") and license.attribution
        own_words = name in {"amass", "folder", "humanml3d", "kit", "motionx", "snapmogen"}
        assert is_labeled(name) != own_words


def test_good_clips_come_through_and_bad_ones_are_reported_by_name(corpus, tmp_path, small_parts):
    report = prepare("bandai_namco", corpus, tmp_path, workers=1)
    assert report.written == 8
    assert sorted(clip for clip, _ in report.skipped) == [
        "bandai_namco/dataset-2_run_normal_001",
        "bandai_namco/dataset-2_run_normal_002",
    ]
    assert "dataset-2_run_normal_001.bvh" in dict(report.skipped)["bandai_namco/dataset-2_run_normal_001"]
    data = open_prepared(tmp_path)
    assert len(data.clips) == 8 and data.licenses[0].name == "CC BY-NC 4.0"
    motion = data.motion(0)
    assert motion.skeleton == skeletons.get("humanml22") and motion.fps == 30.0
    assert len(motion) == data.clips[0].frames and motion.meta["license"] == "CC BY-NC 4.0"
    clip = next(c for c in data.clips if c.action == "raise-up-left-hand")
    assert all("right" not in sentence for sentence in clip.captions)
    assert all("left" not in sentence for sentence in clip.captions_mirrored)
    assert not clip.steady and next(c for c in data.clips if c.action == "walk").steady


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_number_of_workers(corpus, tmp_path, small_parts):
    for workers in (1, 2):
        prepare("bandai_namco", corpus, tmp_path / str(workers), workers=workers)
    files = [sorted((tmp_path / str(w)).rglob("*.*")) for w in (1, 2)]
    assert len(files[0]) == len(files[1]) > 5
    for one, two in zip(*files, strict=True):
        if one.is_file():
            assert one.name == two.name and sha256_file(one) == sha256_file(two)


def test_an_interrupted_run_goes_on_where_it_stopped(corpus, tmp_path, small_parts):
    def stop(done: int, total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("bandai_namco", corpus, tmp_path / "a", workers=1, on_progress=stop)
    with pytest.raises(DataError, match="no prepared corpus"):
        open_prepared(tmp_path / "a")
    resumed = prepare("bandai_namco", corpus, tmp_path / "a", workers=1)
    whole = prepare("bandai_namco", corpus, tmp_path / "b", workers=1)
    assert resumed.reused_parts == 2 and whole.reused_parts == 0
    assert resumed.written == whole.written and resumed.skipped == whole.skipped
    assert sha256_file(resumed.folder / "manifest.json") == sha256_file(whole.folder / "manifest.json")


def test_a_damaged_part_is_made_again(corpus, tmp_path, small_parts):
    first = prepare("bandai_namco", corpus, tmp_path, workers=1)
    part = next((first.folder / "parts").glob("*.parquet"))
    whole = sha256_file(part)
    part.write_bytes(part.read_bytes()[:100])
    again = prepare("bandai_namco", corpus, tmp_path, workers=1)
    assert again.reused_parts > 0 and sha256_file(part) == whole


def test_other_settings_are_not_served_from_old_parts(corpus, tmp_path, small_parts):
    prepare("bandai_namco", corpus, tmp_path, workers=1)
    other = prepare("bandai_namco", corpus, tmp_path, settings=Settings(captions_per_clip=3), workers=1)
    assert other.reused_parts == 0
    assert all(len(clip.captions) == 3 for clip in open_prepared(tmp_path).clips)


@pytest.mark.parametrize("kind", ["tar.xz", "zip"])
def test_an_archive_gives_what_its_folder_gives(corpus, tmp_path, kind):
    archive = tmp_path / f"corpus.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as out:
            for file in sorted(corpus.rglob("*")):
                out.write(file, file.relative_to(corpus.parent))
    else:
        with tarfile.open(archive, "w:xz") as out:
            out.add(corpus, arcname="top")
    packed = prepare("bandai_namco", archive, tmp_path / "packed", workers=1)
    plain = prepare("bandai_namco", corpus, tmp_path / "plain", workers=1)
    a, b = open_prepared(packed.folder), open_prepared(plain.folder)
    assert a.manifest_hash == b.manifest_hash


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    archive = tmp_path / "evil.tar"
    victim = tmp_path / "victim.txt"
    payload = tmp_path / "payload"
    payload.write_text("x")
    with tarfile.open(archive, "w") as out:
        out.add(payload, arcname="../../victim.txt")
    with pytest.raises(DataError):
        prepare("bandai_namco", archive, tmp_path / "out", workers=1)
    assert not victim.exists()


def test_bad_sources_are_named(tmp_path):
    with pytest.raises(UnknownNameError, match="bandai_namco"):
        prepare("bandai", tmp_path, tmp_path)
    with pytest.raises(DataError, match="no clip found"):
        prepare("hdm05", tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match="no such folder"):
        prepare("cmu", tmp_path / "nowhere", tmp_path / "out")
    junk = tmp_path / "junk.zip"
    junk.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(DataError, match="cannot be unpacked"):
        prepare("cmu", junk, tmp_path / "out")


def test_a_prepared_folder_is_checked(corpus, tmp_path):
    folder = prepare("bandai_namco", corpus, tmp_path, workers=1).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "version": 99}))
    with pytest.raises(DataError, match="version 99"):
        open_prepared(tmp_path)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shutil.rmtree(folder / "parts")
    with pytest.raises(DataError, match="cannot be read"):
        open_prepared(tmp_path)


def test_splits_are_fixed_by_the_id_alone_and_have_the_shares_they_should():
    splits = [split_of(f"corpus/clip-{i}") for i in range(4000)]
    assert split_of("corpus/clip-7") == splits[7]
    for name, share in (("train", 0.9), ("val", 0.05), ("test", 0.05)):
        spread = 4 * math.sqrt(share * (1 - share) / 4000)
        assert abs(splits.count(name) / 4000 - share) < spread


def test_the_shared_corpora_read_upright_and_adult(data_root, tmp_path):
    """A few real takes of the two small corpora: upright, of adult height, feet at the floor."""
    for corpus, wanted in (("cmu", ("01.asf", "01_02.amc", "01_03.amc")), ("hdm05", ("HDM_bd.asf", "squat1Reps_00"))):
        with tarfile.open(data_root / f"{corpus}.tar.xz") as archive:
            taken = 0
            for member in archive:
                if any(w in member.name for w in wanted):
                    archive.extract(member, tmp_path / corpus, filter="data")
                    taken += 1
                if taken >= 3:
                    break
        module = FAMILY.load(corpus)
        clips = module.find(tmp_path / corpus)
        assert clips
        for clip in clips[:2]:
            row = clip_rows(clip, Settings(), "any")[0]
            positions = row.motion.positions()
            head = positions[:, row.motion.skeleton.role("head"), 1]
            assert 1.0 < float(head.max()) < 2.6 and float(positions[..., 1].min()) > -0.15


@pytest.mark.parametrize(
    ("corpus", "name", "rise"),
    [
        ("mesh2motion", "Backflip", 0.3),
        ("mesh2motion", "Sitting_Enter", -0.2),
        ("mesh2motion", "Death01", -0.5),
        ("kaykit", "Jump_Full_Long", 0.1),
        ("kaykit", "Lie_Down", -0.5),
        ("accad", "Female1_B20_WalkWithBox", None),
    ],
)
def test_the_shared_game_clips_keep_their_jumps_and_falls(data_root, tmp_path, corpus, name, rise):
    """Adults on the floor, and hips that rise in a jump and sink in a fall as the name says."""
    with tarfile.open(data_root / "open-clips.tar.xz") as archive:
        member = next(one for one in archive if one.name.endswith(f"{corpus}/clips/{name}.glb")
                      or one.name.endswith(f"{corpus}/{name}.glb"))  # fmt: skip
        archive.extract(member, tmp_path, filter="data")
    (clip,) = FAMILY.load(corpus).find(tmp_path / corpus)
    (row,) = clip_rows(clip, Settings.of(corpus), "any")
    positions, hips = row.motion.positions(), row.motion.root[:, 1]
    head = positions[:, row.motion.skeleton.role("head"), 1]
    assert 1.3 < float(head.max()) < 2.6 and float(positions[..., 1].min()) > -0.2
    start = float(hips[0])
    assert 0.7 < start < 1.1
    if rise is None:
        assert float((row.motion.root[-1] - row.motion.root[0])[[0, 2]].norm()) > 2.0
    else:
        change = float(hips.max()) - start if rise > 0 else float(hips.min()) - start
        assert change > rise if rise > 0 else change < rise
    assert len(row.captions) == len(row.captions_mirrored) > 10
