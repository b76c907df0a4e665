"""Reading the authors' files: strict about keys, safe about content, one sentence when something is wrong."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from kinescale.bundle.imports import FAMILY, moscale
from kinescale.core.errors import BundleError


@pytest.fixture(scope="module")
def states(golden_root: Path) -> dict[str, dict[str, Tensor]]:
    weights = golden_root / "weights"
    files = {"tokenizer": "da54be2c277e", "generator": "c047380beccd"}
    paths = {kind: weights / f"{name}.safetensors" for kind, name in files.items()}
    if not all(path.is_file() for path in paths.values()):
        pytest.skip(f"the small MoScale weights are not in {weights}")
    return {kind: load_file(path) for kind, path in paths.items()}


GIVEN = {"tokenizer": {}, "generator": {"heads": 4}}
READ = {"tokenizer": moscale.read_tokenizer, "generator": moscale.read_generator}
KEY = {"tokenizer": "vq_model", "generator": "moscale"}


def test_the_family_knows_it() -> None:
    assert "moscale" in FAMILY.names()


@pytest.mark.parametrize("kind", ["tokenizer", "generator"])
def test_a_checkpoint_file_is_read(kind: str, states: dict, tmp_path: Path) -> None:
    path = tmp_path / "net_best_fid.tar"
    torch.save({KEY[kind]: states[kind], "ep": 3}, path)
    built = READ[kind](path, **GIVEN[kind])
    assert not built.training and built.config.faithful
    again = READ[kind](path, **GIVEN[kind])
    for name, value in built.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    theirs = sum(value.numel() for value in states[kind].values() if value.is_floating_point())
    assert sum(p.numel() for p in built.parameters()) <= theirs


@pytest.mark.parametrize("kind", ["tokenizer", "generator"])
def test_other_models_are_refused_in_one_sentence(kind: str, states: dict, tmp_path: Path) -> None:
    good = states[kind]
    parameter = {"tokenizer": "encoder.outproj.bias", "generator": "head.bias"}[kind]
    constant = {"tokenizer": "encoder.attn_blocks.0.rope.inv_freq", "generator": "attn_bias_for_masking"}[kind]
    other = "generator" if kind == "tokenizer" else "tokenizer"
    broken = {
        "lacks 1": {key: value for key, value in good.items() if key != parameter},
        "unexpected key 'more'": {**good, "more": torch.zeros(1)},
        "another shape": {**good, parameter: torch.zeros(3)},
        "constant": {**good, constant: good[constant] + 1},
        "has no tensor": states[other],
    }
    for message, state in broken.items():
        path = tmp_path / "broken.tar"
        torch.save({KEY[kind]: state}, path)
        with pytest.raises(BundleError, match=message) as caught:
            READ[kind](path, **GIVEN[kind])
        assert "\n" not in str(caught.value)


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_files_that_are_not_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.tar"
    contents = {
        "plain tensors": [b"", b"not a checkpoint", pickle.dumps(Evil())],
        "expected an entry": [{"net": {}}, torch.zeros(2), {"vq_model": 3}],
        "dictionary of tensors": [{"vq_model": {"a": "b"}}],
    }
    for message, values in contents.items():
        for value in values:
            if isinstance(value, bytes):
                path.write_bytes(value)
            else:
                torch.save(value, path)
            with pytest.raises(BundleError, match=message) as caught:
                moscale.read_tokenizer(path)
            assert "\n" not in str(caught.value)
    torch.save({"vq_model": Evil()}, path)
    with pytest.raises(BundleError, match="plain tensors"):
        moscale.read_tokenizer(path)
    assert "executed" not in capsys.readouterr().out
    with pytest.raises(BundleError, match="not a file"):
        moscale.read_tokenizer(tmp_path / "absent.tar")
