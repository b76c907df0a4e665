"""Bundles: a round trip that changes nothing, and one sentence for every way a folder can be wrong."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from kinescale import text
from kinescale.bundle import Bundle, Part, resolve
from kinescale.bundle import hub as places
from kinescale.bundle.bundle import build_text_encoder
from kinescale.bundle.evaluator import EvaluatorManifest
from kinescale.bundle.hub import DEFAULT, DEFAULT_EVALUATOR
from kinescale.core.errors import BundleError, InputError
from kinescale.core.files import sha256_file
from kinescale.features import Normalizer
from kinescale.training.evaluator_run import EvaluatorRunRecord
from kinescale.training.run import RunRecord
from tiny_bundle import LICENSES, tiny_bundle


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle()


@pytest.fixture(scope="module")
def saved(bundle, tmp_path_factory):
    return bundle.save_pretrained(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def copy(bundle, tmp_path):
    return bundle.save_pretrained(tmp_path / "copy")


def refused(folder) -> str:
    """The one sentence with which loading ``folder`` is refused."""
    with pytest.raises(BundleError) as caught:
        Bundle.from_pretrained(folder)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500
    return text


def test_round_trip_is_bit_exact(bundle, saved):
    before = torch.random.get_rng_state()
    back = Bundle.from_pretrained(saved)
    assert torch.equal(before, torch.random.get_rng_state())
    ours, theirs = bundle.tensors(), back.tensors()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) and ours[key].dtype == theirs[key].dtype for key in ours)
    assert back.content_hash == bundle.content_hash
    assert back.manifest == bundle.manifest
    assert back.licenses == LICENSES and back.title == bundle.title
    assert not back.tokenizer.training and not any(p.requires_grad for p in back.generator.parameters())
    assert sorted(file.name for file in saved.iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_config_of_earlier_versions_is_read(copy):
    text = (copy / "config.json").read_text()
    assert '"licenses"' in text
    (copy / "config.json").write_text(text.replace('"licenses"', '"licences"'))
    assert Bundle.from_pretrained(copy).licenses == LICENSES


@pytest.mark.parametrize("kind", [EvaluatorManifest, RunRecord, EvaluatorRunRecord])
def test_every_record_of_licenses_reads_the_earlier_key(kind):
    found = {}
    for key in ("licenses", "licences", "neither"):
        with pytest.raises(ValidationError) as caught:
            kind.model_validate({key: "no list"})
        found[key] = [str(error["loc"][0]) for error in caught.value.errors()]
    assert "licenses" in found["licenses"] and "licenses" in found["licences"]
    assert "licenses" not in found["neither"] and "neither" in found["neither"]


def test_equal_bundles_give_equal_files(bundle, saved, tmp_path):
    again = tiny_bundle().save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors", "README.md"):
        assert (again / name).read_bytes() == (saved / name).read_bytes()


def test_a_tokenizer_alone_is_a_bundle(tmp_path):
    alone = tiny_bundle(generator=False)
    back = Bundle.from_pretrained(alone.save_pretrained(tmp_path / "alone"))
    assert back.generator is None and back.content_hash == alone.content_hash
    for ask in (back.sampler, lambda: back.text_encoder):
        with pytest.raises(BundleError, match="no generator"):
            ask()


def test_half_precision_is_close_and_loads_as_single(bundle, saved, tmp_path):
    small = bundle.save_pretrained(tmp_path / "half", weights="fp16")
    assert (small / "model.safetensors").stat().st_size < 0.6 * (saved / "model.safetensors").stat().st_size
    back = Bundle.from_pretrained(small).tensors()
    for key, value in bundle.tensors().items():
        assert back[key].dtype == value.dtype
        torch.testing.assert_close(back[key].double(), value.double(), rtol=2e-3, atol=1e-6)
    assert torch.equal(back["normalizer.std"], bundle.normalizer.std)


def test_the_hash_follows_content_alone(bundle):
    assert replace(bundle, title="Another", licenses=()).content_hash == bundle.content_hash
    assert tiny_bundle(1).content_hash != bundle.content_hash
    other = replace(bundle, normalizer=Normalizer(bundle.normalizer.mean, bundle.normalizer.std * 2))
    assert other.content_hash != bundle.content_hash


def test_what_is_there_is_replaced_only_when_asked(bundle, copy):
    before = (copy / "config.json").read_bytes()
    with pytest.raises(InputError, match="exists"):
        tiny_bundle(1).save_pretrained(copy)
    assert (copy / "config.json").read_bytes() == before
    other = tiny_bundle(1)
    other.save_pretrained(copy, force=True)
    assert Bundle.from_pretrained(copy).content_hash == other.content_hash
    assert [entry.name for entry in copy.parent.iterdir()] == ["copy"]


def test_a_folder_of_something_else_is_never_replaced(bundle, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="not a bundle"):
        bundle.save_pretrained(tmp_path / "thesis", force=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        bundle.save_pretrained(tmp_path / "file")


def test_a_failed_save_leaves_nothing(bundle, copy):
    broken = tiny_bundle()
    broken.normalizer.mean[0] = float("nan")
    with pytest.raises(BundleError, match="not finite"):
        broken.save_pretrained(copy, force=True)
    assert Bundle.from_pretrained(copy).content_hash == bundle.content_hash
    assert [entry.name for entry in copy.parent.iterdir()] == ["copy"]


def test_a_run_folder_stands_for_its_bundle(bundle, tmp_path):
    bundle.save_pretrained(tmp_path / "run" / "bundle")
    assert resolve(tmp_path / "run") == tmp_path / "run" / "bundle"


@pytest.mark.parametrize("name", ["no/where/at/all", "nobody/no-such-bundle", "/no/where"])
def test_absent_bundles(name):
    assert name in refused(name)


def test_a_file_is_no_bundle(copy):
    assert "is a file" in refused(copy / "config.json")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_files(copy, name):
    (copy / name).unlink()
    assert name in refused(copy)


@pytest.mark.parametrize("keep", [0, 4, 9, 100, -1000, -1])
def test_weights_cut_short(copy, keep):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    assert "corrupt or cut short" in refused(copy)


@pytest.mark.parametrize("size", [2**62, 2**31, 7])
def test_weights_with_a_false_header_length(copy, size):
    path = copy / "model.safetensors"
    path.write_bytes(struct.pack("<Q", size) + path.read_bytes()[8:])
    assert "corrupt or cut short" in refused(copy)


def test_weights_of_random_bytes(copy):
    (copy / "model.safetensors").write_bytes(np.random.default_rng(0).bytes(5000))
    assert "corrupt or cut short" in refused(copy)


def edit_weights(folder, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    # as its maker would: what is tried here is not damage
    edit_config(folder, lambda config: config.update(weights_sha256=sha256_file(folder / "model.safetensors")))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t.pop("generator.head.bias"), "lacks 'generator.head.bias'"),
        (lambda t: t.update({"generator.extra": torch.zeros(1)}), "unknown 'generator.extra'"),
        (lambda t: t.update({"generator.head.bias": torch.zeros(31)}), "has shape [31]"),
        (lambda t: t["generator.head.bias"].fill_(float("nan")), "not finite"),
        (lambda t: t["tokenizer.decoder.leave.bias"].fill_(float("inf")), "not finite"),
        (lambda t: t.update({"generator.head.bias": torch.zeros(32, dtype=torch.int64)}), "is torch.int64"),
        (lambda t: t["normalizer.std"].fill_(0), "above zero"),
        (lambda t: t.pop("normalizer.mean"), "lacks 'normalizer.mean'"),
    ],
)
def test_weights_that_do_not_fit(copy, change, expected):
    edit_weights(copy, change)
    assert expected in refused(copy)


def edit_config(folder, change) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.update(format="pytorch"), "not a Kinescale bundle"),
        (lambda c: c.update(format_version=2), "format_version"),
        (lambda c: c.update(extra=1), "extra"),
        (lambda c: c.pop("tokenizer"), "tokenizer"),
        (lambda c: c["tokenizer"].update(name="moscael"), "Did you mean 'moscale'"),
        (lambda c: c["tokenizer"].update(name="../../evil"), "name"),
        (lambda c: c["tokenizer"].update(name="os"), "no tokenizer 'os'"),
        (lambda c: c["generator"].update(name="nothing"), "no generator 'nothing'"),
        (lambda c: c["feature"].update(name="nothing"), "no feature 'nothing'"),
        (lambda c: c["text"].update(name="nothing"), "no text encoder 'nothing'"),
        (lambda c: c["sampling"].update(name="nothing"), "no sampler 'nothing'"),
        (lambda c: c["tokenizer"]["config"].update(depth=3), "depth"),
        (lambda c: c["tokenizer"]["config"].update(width=20), "shape"),
        (lambda c: c["tokenizer"]["config"].update(width=10**9), "at most"),
        (lambda c: c["tokenizer"]["config"].update(width=900_000), "shape"),
        (lambda c: c["generator"]["config"].update(layers=900_000), "layers"),
        (lambda c: c["generator"]["config"].update(layers=3), "names differ"),
        (lambda c: c["generator"]["config"].update(scales=[1] * 5000), "items"),
        (lambda c: c["sampling"]["config"].update(temperature=-1), "temperature"),
        (lambda c: c["feature"]["config"].update(skeleton="octopus"), "octopus"),
    ],
)
def test_configs_that_do_not_fit(copy, change, expected):
    edit_config(copy, change)
    assert expected in refused(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": NaN}', "[" * 100_000, "\x00\xff"])
def test_configs_that_are_no_json_object(copy, text):
    (copy / "config.json").write_text(text, encoding="latin-1")
    refused(copy)


def test_parts_must_fit_each_other(bundle):
    short = Normalizer(bundle.normalizer.mean[:-1], bundle.normalizer.std[:-1])
    with pytest.raises(BundleError, match="feature width differs"):
        replace(bundle, normalizer=short)
    wide = replace(bundle, text=Part(name="hashed", config={"width": 17}))
    with pytest.raises(BundleError, match="text width differs"):
        _ = wide.text_encoder


def test_a_bundle_cannot_open_the_network(bundle):
    greedy = replace(bundle, text=Part(name="t5", config={"model": "nobody/nothing", "offline": False}))
    with pytest.raises(BundleError, match="set offline to false"):
        _ = greedy.text_encoder


def test_the_text_encoder_is_built_on_first_use(saved):
    back = Bundle.from_pretrained(saved)
    assert "text_encoder" not in vars(back)
    assert back.text_encoder is back.text_encoder
    assert back.text_encoder.width == 16


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_flipped_bit_of_the_weights_is_noticed(copy, share):
    path = copy / "model.safetensors"
    whole = path.read_bytes()
    for bit in range(8):
        data = bytearray(whole)
        data[int(share * (len(data) - 1))] ^= 1 << bit
        path.write_bytes(bytes(data))
        refused(copy)
    path.write_bytes(whole)
    assert Bundle.from_pretrained(copy).content_hash
    # the weights of another bundle are not this one's
    edit_config(copy, lambda config: config.update(weights_sha256="0" * 64))
    assert "does not match the digest" in refused(copy)
    # bundles of the time before digests still load
    edit_config(copy, lambda config: config.pop("weights_sha256"))
    assert Bundle.from_pretrained(copy).content_hash


def test_the_bundles_in_the_package_are_pinned():
    for name in (DEFAULT, DEFAULT_EVALUATOR):
        folder = Path(places.__file__).parent / name
        config = json.loads((folder / "config.json").read_text())
        assert config["weights_sha256"] == sha256_file(folder / "model.safetensors")


@pytest.mark.parametrize("name", ["t5", "clip"])
def test_a_bundle_cannot_allow_downloads(name, monkeypatch):
    seen = []

    class Encoder(text.TextEncoder):
        def encode(self, sentences):
            raise NotImplementedError

        def __init__(self, config):
            seen.append(config.offline)

    monkeypatch.setattr(text.FAMILY.load(name), "TextEncoder", Encoder)
    for asked in (True, False):
        for offline in (True, False):
            build_text_encoder(Part(name=name, config={"offline": asked}), offline=offline)
    assert seen == [True, False, True, False]


def test_weights_of_earlier_versions_are_read(copy, bundle):
    stored = load_file(copy / "model.safetensors")
    words = {"pyramid.quantizers.0.": "pyramid.quantiser.", "normalizer.": "normaliser.", "initialized": "initialised"}
    earlier = {}
    for key, value in stored.items():
        for now, before in words.items():
            key = key.replace(now, before)
        earlier[key] = value.contiguous()
    assert earlier.keys() != stored.keys()
    save_file(earlier, copy / "model.safetensors")
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps({**config, "weights_sha256": ""}), encoding="utf-8")
    again = Bundle.from_pretrained(copy).tensors()
    assert again.keys() == bundle.tensors().keys()
    assert all(torch.equal(again[key], value) for key, value in bundle.tensors().items())
