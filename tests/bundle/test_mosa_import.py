"""Reading MoSa's files: strict about keys, safe about content, one sentence when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from kinescale.bundle.imports import FAMILY, mosa
from kinescale.core.errors import BundleError

GIVEN = {"tokenizer": {}, "generator": {"heads": 3}}
READ = {"tokenizer": mosa.read_tokenizer, "generator": mosa.read_generator}
KEY = {"tokenizer": "vq_model", "generator": "trans"}


@pytest.fixture(scope="module")
def states(golden_root: Path) -> dict[str, dict[str, Tensor]]:
    files = {"tokenizer": "dcd6b4d3e435", "generator": "66fb861417fc"}
    paths = {kind: golden_root / "weights" / f"{name}.safetensors" for kind, name in files.items()}
    if not all(path.is_file() for path in paths.values()):
        pytest.skip(f"the small MoSa weights are not in {golden_root / 'weights'}")
    return {kind: load_file(path) for kind, path in paths.items()}


def test_the_family_knows_it() -> None:
    assert "mosa" in FAMILY.names()


@pytest.mark.parametrize("kind", ["tokenizer", "generator"])
def test_a_checkpoint_file_is_read_whole(kind: str, states: dict, tmp_path: Path) -> None:
    path = tmp_path / "net_best_fid.pth"
    torch.save({KEY[kind]: states[kind], "ep": 3}, path)
    built = READ[kind](path, **GIVEN[kind])
    assert not built.training
    unused = ("decoder.up.0.upsample", "initted", "code_sum", "code_count", "codebook")
    constants = ("attn_mask", "freqs_cis", "lvl_1L")
    theirs = sum(
        value.numel()
        for key, value in states[kind].items()
        if not any(word in key for word in unused) and key not in constants
    )
    assert sum(p.numel() for p in built.parameters()) == theirs


def test_the_books_averages_come_along(states: dict) -> None:
    built = mosa.import_tokenizer(states["tokenizer"])
    for k, book in enumerate(built.pyramid.quantizers):
        assert torch.equal(book.code_count, states["tokenizer"][f"quantizer.layers.{k}.code_count"])
        assert bool(book.initialized)
    assert built.slots is not None and bool(built.slots.initialized)


@pytest.mark.parametrize("kind", ["tokenizer", "generator"])
def test_other_models_are_refused_in_one_sentence(kind: str, states: dict, tmp_path: Path) -> None:
    good = states[kind]
    parameter = {"tokenizer": "encoder.norm_out.bias", "generator": "heads.2.bias"}[kind]
    half = {"tokenizer": "encoder.mid.attn_1.qkv.weight", "generator": "blocks.1.attn.value.bias"}[kind]
    constant = {"tokenizer": "initted", "generator": "freqs_cis"}[kind]
    other = "generator" if kind == "tokenizer" else "tokenizer"
    broken = {
        "lacks 1": {key: value for key, value in good.items() if key != parameter},
        "lacks": {key: value for key, value in good.items() if key != half},
        "unexpected key 'more'": {**good, "more": torch.zeros(1)},
        "another shape": {**good, parameter: torch.zeros(3)},
        "constant": {**good, constant: good[constant] + 3},
        "has no tensor": states[other],
    }
    for message, state in broken.items():
        path = tmp_path / "broken.pth"
        torch.save({KEY[kind]: state}, path)
        with pytest.raises(BundleError, match=message) as caught:
            READ[kind](path, **GIVEN[kind])
        assert "\n" not in str(caught.value)
    with pytest.raises(BundleError, match="max_frames"):
        mosa.import_tokenizer(states["tokenizer"], max_frames=240, bins=(3, 60), codes=(4, 4))


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_files_that_are_not_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.pth"
    for message, value in (("plain tensors", {"vq_model": Evil()}), ("expected an entry", {"weights": {}})):
        torch.save(value, path)
        with pytest.raises(BundleError, match=message) as caught:
            mosa.read_tokenizer(path)
        assert "\n" not in str(caught.value)
    assert "executed" not in capsys.readouterr().out
    with pytest.raises(BundleError, match="not a file"):
        mosa.read_generator(tmp_path / "absent.pth")
