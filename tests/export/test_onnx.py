"""Exports to ONNX: the same tokens as the bundle, at lengths that fill a layout and that do not; hostile folders."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from edit_bundles import debug_bundle
from kinescale.bundle import Bundle, Part
from kinescale.cli.main import main
from kinescale.core.errors import BundleError, InputError
from kinescale.export import FAMILY
from kinescale.pipelines import TextToMotion
from tiny_bundle import tiny_bundle

onnx_target = pytest.importorskip("onnxruntime") and FAMILY.load("onnx")

PROMPT = "a person walks"
NEAR_M = 1e-4


def exported(bundle, folder, **settings):
    """The bundle as loaded back from an export."""
    onnx_target.export(bundle, folder, onnx_target.Config(**{"seconds": (1.0,), **settings}))
    return onnx_target.load(folder)


def assert_same(bundle, other, seconds, prompt=PROMPT):
    """Equal tokens, and motions that differ by rounding alone."""
    here, there = (TextToMotion(one)(prompt, seconds, candidates=1) for one in (bundle, other))
    for mine, theirs in zip(here.tokens[0].scales, there.tokens[0].scales, strict=True):
        filled = min(mine.shape[1], theirs.shape[1])
        assert torch.equal(mine[:, :filled], theirs[:, :filled])
    apart = here.motions[0].positions() - there.motions[0].positions()
    assert apart.abs().max() < NEAR_M


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    # several passes of a scale, so that states of both forms are met
    sampling = Part(name="next_scale", config={"steps": [1, 2, 3]})
    bundle, folder = replace(debug_bundle("moscale"), sampling=sampling), tmp_path_factory.mktemp("export") / "tiny"
    return bundle, exported(bundle, folder), folder


@pytest.mark.parametrize("seconds", [1.0, 0.7, 64 / 30])
def test_the_exported_bundle_draws_the_same_tokens(tiny, seconds):
    assert_same(tiny[0], tiny[1], seconds)


def test_logits_of_every_pass_are_the_networks(tiny, monkeypatch):
    bundle, other, _ = tiny
    seen = {"torch": [], "onnx": []}

    def record(generator, name):
        step = generator.step

        def recorded(*given):
            logits, state = step(*given)
            seen[name].append(logits)
            return logits, state

        monkeypatch.setattr(generator, "step", recorded)

    record(bundle.generator, "torch")
    record(other.generator, "onnx")
    assert_same(bundle, other, 1.0)
    assert len(seen["torch"]) == len(seen["onnx"]) > 5
    for mine, theirs in zip(seen["torch"], seen["onnx"], strict=True):
        torch.testing.assert_close(theirs, mine, atol=1e-3, rtol=0)
        assert torch.equal(theirs.argmax(-1), mine.argmax(-1))


def test_the_manifest_says_what_a_program_needs(tiny):
    bundle, _, folder = tiny
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["bundle"] == bundle.content_hash and manifest["license"] == bundle.license
    assert manifest["statistics"]["mean"] == bundle.normalizer.mean.tolist()
    assert manifest["skeleton"]["joints"] == list(bundle.feature.skeleton.joints)
    assert {path.name for path in folder.iterdir()} == {*manifest["files"], "manifest.json"}
    assert np.prod([scale["bins"] for scale in manifest["layouts"][0]["scales"]]) > 0


def test_without_guidance_a_pass_holds_one_sentence(tiny):
    bundle, other, _ = tiny
    here, there = (
        TextToMotion(one)(PROMPT, 1.0, sampling={"guidance_scale": 1.0}, candidates=1).tokens[0].scales
        for one in (bundle, other)
    )
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(here, there, strict=True))


@pytest.mark.slow
def test_half_precision_weights_take_half_the_bytes_and_stay_near(tiny, tmp_path):
    bundle, _, folder = tiny
    half = exported(bundle, tmp_path / "half", weights="fp16")
    sizes = [(place / "weights.bin").stat().st_size for place in (folder, tmp_path / "half")]
    assert sizes[1] < 0.6 * sizes[0]
    assert len(TextToMotion(half)(PROMPT, 1.0, candidates=1).motions[0]) == 30


def test_a_changed_file_is_refused(tiny, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny[2], copy)
    with (copy / "weights.bin").open("ab") as file:
        file.write(b"more")
    with pytest.raises(BundleError, match="does not match its digest"):
        onnx_target.load(copy)
    (copy / "weights.bin").unlink()
    with pytest.raises(BundleError, match="is not there"):
        onnx_target.load(copy)


def test_a_folder_that_is_no_export_is_refused(tmp_path):
    with pytest.raises(BundleError, match="no ONNX export"):
        onnx_target.load(tmp_path)


def test_files_outside_of_the_folder_are_refused(tiny, tmp_path):
    manifest = json.loads((tiny[2] / "manifest.json").read_text())
    manifest["files"] = {"../secret": "0" * 64, **manifest["files"]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="is not there"):
        onnx_target.load(tmp_path)


def test_what_was_not_exported_is_refused(tiny):
    bundle, other, _ = tiny
    with pytest.raises(InputError, match="one clip at a time"):
        TextToMotion(other)(PROMPT, 1.0, 2, batch=2, shared_passes=True, candidates=1)
    with pytest.raises(InputError, match="no encoder"):
        other.codec.quantize_scale(torch.zeros(1), 0, other.tokenizer.layout(), torch.tensor([1]))
    with pytest.raises(InputError, match="seconds"):
        onnx_target.layouts(bundle, (99.0,))


@pytest.mark.slow
@pytest.mark.parametrize("system", ["moscale", "mosa", "scalemogen", "msq", "momask"])
def test_every_system_draws_the_same_tokens(system, tmp_path):
    bundle = debug_bundle(system)
    other = exported(bundle, tmp_path / system, seconds=(0.8, 1.0))
    for seconds in (1.0, 0.8, bundle.max_frames / bundle.feature.fps):
        assert_same(bundle, other, seconds)


@pytest.mark.slow
@pytest.mark.parametrize(("system", "tokenizer"), [("moscale", "msq"), ("mosa", "msq"), ("scalemogen", "moscale")])
def test_pairs_of_systems_draw_the_same_tokens(system, tokenizer, tmp_path):
    bundle = debug_bundle(system, tokenizer)
    assert_same(bundle, exported(bundle, tmp_path / "pair"), 1.0)


@pytest.mark.slow
def test_the_bundle_in_the_package_draws_the_same_tokens(tmp_path):
    bundle = Bundle.from_pretrained()
    other = exported(bundle, tmp_path / "default", seconds=(2.0,))
    for seconds, prompt in ((2.0, PROMPT), (1.7, "a person waves the left hand"), (8.0, "a person kicks")):
        assert_same(bundle, other, seconds, prompt)


@pytest.mark.slow
def test_eight_bits_are_measured(tmp_path):
    folder = tmp_path / "int8"
    other = exported(tiny_bundle(), folder, weights="int8")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["precision"] == "int8" and "% of the best tokens" in manifest["notes"][0]
    assert len(TextToMotion(other)(PROMPT, 1.0, candidates=1).motions[0]) == 30


@pytest.mark.slow
def test_the_command_line_exports_and_generates(tmp_path, capsys):
    tiny_bundle().save_pretrained(tmp_path / "bundle")
    written, made = str(tmp_path / "onnx"), tmp_path / "walk.bvh"
    assert main(["export", str(tmp_path / "bundle"), "--to", "onnx", "-o", written, "--seconds", "1"]) == 0
    assert "files" in capsys.readouterr().out
    words = ["generate", PROMPT, "-o", str(made), "--seconds", "1", "--bundle", written, "--runtime", "onnx"]
    assert main(words) == 0 and made.read_text().startswith("HIERARCHY")
    assert main([*words, "--force", "--device", "cuda"]) == 2
    assert main(["export", str(tmp_path / "bundle"), "-o", written]) == 2
