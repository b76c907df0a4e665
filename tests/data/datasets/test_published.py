"""Data sets as they are published: their layouts, their traps, and everything that is wrong in them told by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from published_folders import humanml3d_folder, smplx_frames, snapmogen_folder, vectors
from safetensors.numpy import load_file

from kinescale import recipes
from kinescale.bundle.manifest import Part
from kinescale.core.errors import DataError, FormatError, InputError
from kinescale.data.datasets import FAMILY
from kinescale.data.prepare import Settings, prepare
from kinescale.data.prepared import open_prepared
from kinescale.training.export import build_bundle
from kinescale.training.feature_cache import open_store
from kinescale.training.overrides import override
from kinescale.training.parts import build_feature
from kinescale.training.run import train

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")


@pytest.fixture(scope="module")
def humanml3d(tmp_path_factory) -> Path:
    return humanml3d_folder(tmp_path_factory.mktemp("set") / "HumanML3D")


@pytest.fixture(scope="module")
def prepared(humanml3d, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return prepare("humanml3d", humanml3d.parent, out, workers=1), open_prepared(out), out


def test_captions_with_times_make_clips_of_their_own(humanml3d):
    clips = {clip.id: clip for clip in FAMILY.load("humanml3d").find(humanml3d)}
    whole, first = clips["humanml3d/000002"], clips["humanml3d/000002@0-3"]
    assert (whole.captions, whole.stop) == (("a person walks on",), None)
    assert (first.captions, first.caption_tokens) == (("the first steps",), ("the/DET",))
    assert [(clips[f"humanml3d/000002@{s}"].start, clips[f"humanml3d/000002@{s}"].stop) for s in ("0-3", "3-6")] == [
        (0, 60),
        (60, 120),
    ]
    assert clips["humanml3d/000001"].captions == ("a person walks.", "someone goes ahead")


def test_what_is_wrong_is_told_by_name_and_the_rest_goes_on(prepared):
    report, data, _ = prepared
    said = {}
    for clip, reason in report.skipped:
        said.setdefault(clip.removeprefix("humanml3d/"), []).append(reason)
    assert any("finite" in text for text in said["007975"])
    assert "262 features" in said["000006"][0] or "shape" in said["000006"][0]
    assert "UTF-8" in said["000007"][0]
    assert "texts/000008" in said["000008"][0] and len(said["000008 (caption)"]) == 3
    assert "new_joint_vecs/000009.npy is missing" in said["000009"][0]
    assert "again in test.txt" in said["000003"][0]
    assert "leads out" in said["../outside"][0]
    assert "200 frames" in said["000004"][0] and "23 frames" in said["000005"][0]
    ids = [clip.id.removeprefix("humanml3d/") for clip in data.clips]
    assert ids == ["000001", "000002", "000002@0-3", "000002@3-6", "000003", "M000001"]
    assert {clip.split for clip in data.clips} == {"train"}


def test_published_features_are_kept_as_they_are(prepared, humanml3d):
    _, data, out = prepared
    part = Part(name="humanml3d", config={"variant": "humanml3d"})
    store = open_store(out, part, mirrored=False, dtype="float32", spare=out)
    for index, clip in enumerate(data.clips):
        name, _, span = clip.id.partition("/")[2].partition("@")
        published = np.load(humanml3d / "new_joint_vecs" / f"{name}.npy")
        if span:
            start, stop = (int(float(x) * 20) for x in span.split("-"))
            published = published[start:stop]
        assert np.array_equal(store.read(index, False, 0, store.frames(index)), published)
    assert (data.skeleton.name, data.fps) == ("humanml22", 20.0)
    assert data.clips[0].caption_tokens == ("a/DET person/NOUN walk/VERB", "someone/PRON go/VERB")
    mean, std = data.given_statistics()
    assert np.array_equal(mean, np.load(humanml3d / "Mean.npy")) and np.array_equal(std, np.load(humanml3d / "Std.npy"))
    assert load_file(out / "humanml3d" / "given.safetensors").keys() == {"mean", "std"}


def test_the_motion_beside_the_features_is_theirs(prepared):
    _, data, _ = prepared
    feature = build_feature(Part(name="humanml3d", config={"variant": "humanml3d"}))
    given = torch.from_numpy(data.given(0).copy()).double()
    wanted, got = feature.positions(given), data.motion(0).positions().double()
    wanted = wanted - wanted[:1, :1] * torch.tensor([1.0, 0, 1.0])
    assert (wanted - got).norm(dim=-1).mean() < 0.03


def test_other_settings_compute_features_anew(humanml3d, tmp_path):
    prepare("humanml3d", humanml3d, tmp_path, settings=Settings.of("humanml3d", fps=30.0), workers=1)
    data = open_prepared(tmp_path)
    assert data.fps == 30.0 and data.given_feature is None and data.given(0) is None
    store = open_store(tmp_path, Part(name="rotations"), mirrored=True, dtype="float32", spare=tmp_path)
    assert store.frames(0) > 80 and store.has_mirror(0)


def test_kit_has_its_own_joints_and_rate(tmp_path):
    folder = humanml3d_folder(tmp_path / "KIT-ML", "kit", {"00001": 30, "00002": 120, "00003": 23, "000003": 50})
    report = prepare("kit", folder, tmp_path / "out", workers=1)
    data = open_prepared(tmp_path / "out")
    assert (data.skeleton.name, data.fps) == ("kit21", 12.5)
    assert "23 frames; kit keeps 24 to 199" in dict(report.skipped)["kit/00003"]
    store = open_store(
        tmp_path / "out",
        Part(name="humanml3d", config={"variant": "kit"}),
        mirrored=False,
        dtype="float32",
        spare=tmp_path,
    )
    assert np.array_equal(store.read(0, False, 0, 30), np.load(folder / "new_joint_vecs" / "000003.npy")[:30])


def test_positions_stand_in_for_features(humanml3d, tmp_path):
    folder = tmp_path / "HumanML3D"
    shutil.copytree(humanml3d, folder)
    shutil.rmtree(folder / "new_joint_vecs")
    (folder / "new_joints").mkdir()
    feature = build_feature(Part(name="humanml3d", config={"variant": "humanml3d"}))
    positions = feature.positions(torch.from_numpy(vectors("humanml3d", 61)).double()).numpy()
    np.save(folder / "new_joints" / "000001.npy", positions.astype(np.float32))
    report = prepare("humanml3d", folder, tmp_path / "out", workers=1)
    assert report.written == 1 and open_prepared(tmp_path / "out").given(0) is None


def test_snapmogen(tmp_path):
    folder = snapmogen_folder(tmp_path / "SnapMoGen")
    report = prepare("snapmogen", folder, tmp_path / "out", workers=1)
    said = {clip.removeprefix("snapmogen/"): reason for clip, reason in report.skipped}
    assert "100 frames; snapmogen keeps 128" in said["st2_00002#0#100"]
    assert "no sentences" in said["st2_00002#0#140"] and "missing" in said["gone_00003#0#200"]
    assert "SEQUENCE#START#END" in said["gp_00001#9#x"] and "again for train" in said["gp_00001#0#150"]
    data = open_prepared(tmp_path / "out")
    assert [(clip.id, clip.split, clip.frames) for clip in data.clips] == [
        ("snapmogen/gp_00001#0#150", "train", 150),
        ("snapmogen/gp_00001#150#300", "test", 150),
    ]
    assert data.clips[0].captions == ("A person walks ahead.", "The person strides on calmly.")
    whole = np.load(folder / "renamed_feats" / "gp_00001.npy")
    store = open_store(tmp_path / "out", Part(name="snapmogen"), mirrored=False, dtype="float32", spare=tmp_path)
    assert np.array_equal(store.read(1, False, 0, 150), whole[150:300])


@pytest.mark.parametrize("up", ["y", "z"])
def test_motionx_stands_upright_whichever_axis_is_up(tmp_path, up):
    arrays, texts = tmp_path / "motion_data" / "smplx_322", tmp_path / "texts" / "semantic_labels"
    for base in (arrays, texts):
        (base / "humanml").mkdir(parents=True)
    for name in ("000001", "000002"):
        np.save(arrays / "humanml" / f"{name}.npy", smplx_frames(60, up))
    np.save(arrays / "humanml" / "000003.npy", smplx_frames(60, up)[:, :300])
    for name in ("000001", "000003"):
        (texts / "humanml" / f"{name}.txt").write_text("a person slides ahead\n")
    (tmp_path / "test.txt").write_text("humanml/000001\n")
    report = prepare("motionx", tmp_path, tmp_path / "out", settings=Settings(fps=30.0), workers=1)
    said = dict(report.skipped)
    assert "000002.txt is missing" in said["motionx/humanml/000002"] and "322" in said["motionx/humanml/000003"]
    data = open_prepared(tmp_path / "out")
    assert data.clips[0].split == "test" and data.clips[0].captions == ("a person slides ahead",)
    motion = data.motion(0)
    positions, roles = motion.positions(), motion.skeleton.role_indices()
    assert (positions[:, roles["head"], 1] - positions[:, roles["left_ankle"], 1]).min() > 1.2
    assert abs(float(positions[..., 1].min())) < 0.05
    assert torch.allclose(motion.root[-1, [0, 2]], torch.tensor([0.0, 59 / 30]), atol=0.05)


@pytest.mark.slow
def test_motionx_trains_from_smplx_parameters_without_an_override(tmp_path):
    """The recipe computes the 263 features and measures what the set does not publish; only sizes are changed here."""
    arrays, texts = (
        tmp_path / "motion_data" / "smplx_322" / "humanml",
        tmp_path / "texts" / "semantic_labels" / "humanml",
    )
    for base in (arrays, texts):
        base.mkdir(parents=True)
    for name in ("000001", "000002", "000003"):
        np.save(arrays / f"{name}.npy", smplx_frames(120))
        (texts / f"{name}.txt").write_text("a person slides ahead\n")
    (tmp_path / "train.txt").write_text("humanml/000001\nhumanml/000002\nhumanml/000003\n")
    prepare("motionx", tmp_path, tmp_path / "out", workers=1)
    assert open_prepared(tmp_path / "out").given_statistics() is None
    sizes = {"width": 4, "blocks": 1, "code_dim": 4, "bins": [2, 10], "codes": [4, 4], "max_frames": 40}
    stage = {"steps": 1, "batch_size": 2, "validate_every": 0}
    changes = {f"tokenizer.config.{name}": value for name, value in {**sizes, "slot_groups": 1}.items()}
    changes |= {f"tokenizer_training.{name}": value for name, value in stage.items()}
    config = override(recipes.get("mosa.motionx"), {**changes, "workers": 1, "device": "cpu"})
    outcome = train(config, tmp_path / "out", tmp_path / "run", ("tokenizer",))["tokenizer"]
    assert outcome.finished and build_bundle(tmp_path / "run").feature.width == 263


def test_motionx_in_the_263_features(tmp_path):
    (tmp_path / "vectors_263" / "sub").mkdir(parents=True)
    (tmp_path / "texts" / "sub").mkdir(parents=True)
    np.save(tmp_path / "vectors_263" / "sub" / "a.npy", vectors("humanml3d", 300))
    (tmp_path / "texts" / "sub" / "a.txt").write_text("a person walks far#a/DET#0.0#0.0\n")
    (tmp_path / "train.txt").write_text("sub/a\n")
    prepare("motionx", tmp_path, tmp_path / "out", workers=1)
    data = open_prepared(tmp_path / "out")
    given = data.given(0)
    assert data.clips[0].id == "motionx/sub/a" and given is not None and given.shape == (300, 263)


@pytest.mark.parametrize("corpus", ["humanml3d", "kit", "motionx", "snapmogen"])
def test_another_folder_is_refused_in_one_sentence(corpus, tmp_path):
    with pytest.raises(DataError, match="expected"):
        prepare(corpus, tmp_path, tmp_path / "out", workers=1)


def test_statistics_of_another_width_are_refused(humanml3d, tmp_path):
    folder = tmp_path / "HumanML3D"
    shutil.copytree(humanml3d, folder)
    np.save(folder / "Std.npy", np.ones(10, np.float32))
    with pytest.raises(DataError, match="263"):
        prepare("humanml3d", folder, tmp_path / "out", workers=1)


def test_an_evaluators_statistics_can_be_kept_instead(humanml3d, tmp_path):
    meta = tmp_path / "meta"
    meta.mkdir()
    with pytest.raises(DataError, match=r"no mean\.npy"):
        prepare("humanml3d", humanml3d, tmp_path / "out", statistics=meta, workers=1)
    np.save(meta / "mean.npy", np.full(263, 3.0))
    np.save(meta / "std.npy", np.full(263, 2.0))
    prepare("humanml3d", humanml3d, tmp_path / "out", statistics=meta, workers=1)
    found = open_prepared(tmp_path / "out").given_statistics()
    assert found is not None and found[0][0] == 3.0 and found[1][0] == 2.0
    with pytest.raises(InputError, match="no published features"):
        prepare("humanml3d", humanml3d, tmp_path / "b", settings=Settings(), statistics=meta, workers=1)


def test_the_published_pair_is_read(golden_root, tmp_path):
    """The one real sample: its features come through untouched, and its motion moves as its joints file says."""
    arrays = load_file(golden_root / "features_real_012314" / "io.safetensors")
    vecs = arrays["features"]
    (tmp_path / "new_joint_vecs").mkdir()
    (tmp_path / "texts").mkdir()
    np.save(tmp_path / "new_joint_vecs" / "012314.npy", vecs.astype(np.float32))
    (tmp_path / "texts" / "012314.txt").write_text("a person moves#a/DET#0.0#0.0\n")
    (tmp_path / "train.txt").write_text("012314\n")
    report = prepare("humanml3d", tmp_path, tmp_path / "out", workers=1)
    assert report.written == 1
    data = open_prepared(tmp_path / "out")
    given = data.given(0)
    assert given is not None and np.array_equal(given, vecs.astype(np.float32))
    # the motion beside them is brought to our proportions: bones point where they did
    motion, above = data.motion(0), [max(parent, 0) for parent in data.skeleton.parents]
    ours, theirs = motion.positions().numpy(), arrays["joints_file"]
    ours, theirs = ((x - x[:, above])[:, 1:] for x in (ours, theirs))
    cosines = (ours * theirs).sum(-1) / np.linalg.norm(ours, axis=-1) / np.linalg.norm(theirs, axis=-1)
    assert np.degrees(np.arccos(cosines.clip(-1, 1))).mean() < 6
    with pytest.raises(FormatError):
        (tmp_path / "new_joint_vecs" / "012314.npy").write_bytes(b"\x93NUMPY")
        FAMILY.load("humanml3d").load(FAMILY.load("humanml3d").find(tmp_path)[0])
    assert json.loads((tmp_path / "out" / "humanml3d" / "manifest.json").read_text())["given"]["name"] == "humanml3d"


def test_a_run_takes_the_published_statistics(prepared, humanml3d, tmp_path):
    _, _, out = prepared
    changes = {
        "feature": {"name": "humanml3d", "config": {"variant": "humanml3d"}},
        "data.statistics": "given",
        "tokenizer_training.steps": 1,
        "tokenizer_training.draw.mirror": False,
        "tokenizer_training.validate_every": 0,
    }
    config = override(recipes.get("moscale.debug"), changes)
    train(config, out, tmp_path / "run", ("tokenizer",))
    bundle = build_bundle(tmp_path / "run")
    assert np.array_equal(bundle.normalizer.mean.numpy(), np.load(humanml3d / "Mean.npy"))
    assert np.array_equal(bundle.normalizer.std.numpy(), np.load(humanml3d / "Std.npy"))
    prepare("humanml3d", humanml3d, tmp_path / "rest", settings=Settings.of("humanml3d", fps=30.0), workers=1)
    plain = override(recipes.get("moscale.debug"), {"data.statistics": "given", "tokenizer_training.steps": 1})
    with pytest.raises(DataError, match="published mean"):
        train(plain, tmp_path / "rest", tmp_path / "other", ("tokenizer",))
