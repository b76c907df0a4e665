"""Reading ScaleMoGen's files: strict about keys and graphs, safe about content, one sentence when it goes wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from kinescale.bundle.imports import FAMILY, scalemogen
from kinescale.core.errors import BundleError

FILES = {"tokenizer": "e22970c00dd4", "generator": "e88258cd3f03", "snapmogen": "3eec97ef8711"}
READ = {"tokenizer": scalemogen.read_tokenizer, "generator": scalemogen.read_generator}
KEY = {"tokenizer": "vq_model", "generator": "gpt_wo_ddp"}


@pytest.fixture(scope="module")
def states(golden_root: Path) -> dict[str, dict[str, Tensor]]:
    paths = {kind: golden_root / "weights" / f"{name}.safetensors" for kind, name in FILES.items()}
    if not all(path.is_file() for path in paths.values()):
        pytest.skip(f"the small ScaleMoGen weights are not in {golden_root}")
    return {kind: load_file(path) for kind, path in paths.items()}


def test_the_family_knows_it() -> None:
    assert "scalemogen" in FAMILY.names()


@pytest.mark.parametrize("kind", ["tokenizer", "generator"])
def test_a_checkpoint_file_is_read(kind: str, states: dict, tmp_path: Path) -> None:
    path = tmp_path / "latest.tar"
    content: dict[str, Any] = {KEY[kind]: states[kind], "ep": 3, "ema_model": {}}
    if kind == "generator":
        content = {"trainer": {"vae_local": {}, **content}, "arch": "layer12", "iter": 4}
    torch.save(content, path)
    built = READ[kind](path)
    assert not built.training and built.config.faithful
    frozen = sum(v.numel() for k, v in states[kind].items() if k.endswith(("adj_matrix", "zero_k_bias")))
    theirs = sum(v.numel() for v in states[kind].values() if v.is_floating_point())
    assert sum(p.numel() for p in built.parameters()) == theirs - frozen
    bare = tmp_path / "bare.pth"
    torch.save({"model": states[kind]}, bare)
    again = READ[kind](bare).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in built.state_dict().items())


def test_the_body_and_its_published_scales_follow_from_the_shapes(states: dict) -> None:
    built = scalemogen.import_tokenizer(states["snapmogen"])
    assert (built.config.body, built.feature_width, built.layout().positions) == ("snapmogen24", 296, 1057)
    given = scalemogen.scales_of(built)
    assert given["bins"] == [1, 2, 4, 8, 16, 40, 80] and given["capacity"] == 80


@pytest.mark.parametrize("rows", [5, 24, 40])
def test_rows_of_no_text_are_cut_or_filled_up(rows: int, states: dict) -> None:
    built = scalemogen.import_generator(states["generator"], text_tokens=rows)
    theirs = states["generator"]["cfg_uncond"]
    assert built.no_text.shape == (rows, 128)
    assert torch.equal(built.no_text[:24], theirs[:rows]) and not built.no_text[24:].any()


@pytest.mark.parametrize("kind", ["tokenizer", "generator"])
def test_other_models_are_refused_in_one_sentence(kind: str, states: dict, tmp_path: Path) -> None:
    good = states[kind]
    parameter = {"tokenizer": "quantizer2d.project_out.bias", "generator": "head.bias"}[kind]
    constant = {
        "tokenizer": "conv_enc.layers.0.0.layers.2.adj_matrix",
        "generator": "block_chunks.0.module.0.sa.zero_k_bias",
    }[kind]
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
            READ[kind](path)
        assert "\n" not in str(caught.value)


def test_a_graph_that_is_not_ours_is_refused(states: dict) -> None:
    """With the edge that the reference lacks, weights were trained by somebody else."""
    key = "conv_enc.layers.0.0.layers.2.adj_matrix"
    graph = states["snapmogen"][key].clone()
    assert graph[7, 8] == 0
    graph[7, 8] = graph[8, 7] = 1
    with pytest.raises(BundleError, match="adj_matrix"):
        scalemogen.import_tokenizer({**states["snapmogen"], key: graph})


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_files_that_are_not_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.tar"
    contents = {
        "plain tensors": [b"", b"not a checkpoint", {"vq_model": Evil()}],
        "expected an entry": [{"net": {}}, torch.zeros(2), {"vq_model": 3}],
        "dictionary of tensors": [{"vq_model": {"a": "b"}}],
        "0 joints|no tensor": [{"vq_model": {"a": torch.zeros(1)}}],
    }
    for message, values in contents.items():
        for value in values:
            if isinstance(value, bytes):
                path.write_bytes(value)
            else:
                torch.save(value, path)
            with pytest.raises(BundleError, match=message) as caught:
                scalemogen.read_tokenizer(path)
            assert "\n" not in str(caught.value)
    assert "executed" not in capsys.readouterr().out
    with pytest.raises(BundleError, match="not a file"):
        scalemogen.read_generator(tmp_path / "absent.pth")


def test_both_forms_of_block_names_give_the_same_generator(states: dict) -> None:
    chunked = states["generator"]
    # four blocks in chunks of two; as one row, and as chunks of three and one
    rename = [(0, 0), (0, 1), (1, 0), (1, 1)]

    def named(form: dict[tuple[int, int], str]) -> dict[str, Tensor]:
        made = {}
        for key, value in chunked.items():
            match = re.match(r"block_chunks\.(\d)\.module\.(\d)\.", key)
            made[form[int(match[1]), int(match[2])] + key[match.end() :] if match else key] = value
        return made

    plain = named({place: f"blocks.{k}." for k, place in enumerate(rename)})
    uneven = named({place: f"block_chunks.{k // 3}.module.{k % 3}." for k, place in enumerate(rename)})
    wanted = scalemogen.import_generator(chunked).state_dict()
    for state in (plain, uneven, {**chunked, **plain}):
        got = scalemogen.import_generator(state).state_dict()
        assert got.keys() == wanted.keys() and all(torch.equal(value, got[name]) for name, value in wanted.items())
    other = {**chunked, **plain, "blocks.1.ffn.fc1.bias": plain["blocks.1.ffn.fc1.bias"] + 1}
    with pytest.raises(BundleError, match="differ"):
        scalemogen.import_generator(other)
