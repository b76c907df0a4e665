"""MoMask's checkpoint import: strict, reads the authors' wrapping, refuses other models and code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kinescale.bundle.imports import momask as imports
from kinescale.core.errors import BundleError


@pytest.fixture
def published(golden_root: Path) -> dict[str, dict[str, torch.Tensor]]:
    folder = golden_root / "momask_transformers"
    if not folder.is_dir():
        pytest.skip(f"no MoMask case in {golden_root}")
    made = {name: load_file(folder / f"weights_{name}.safetensors") for name in ("masked", "residual", "length")}
    return {**made, "tokenizer": load_file(golden_root / "momask_tokenizer" / "weights.safetensors")}


def test_the_authors_files_are_read(published: dict, tmp_path: Path) -> None:
    wrapped = {
        "tokenizer": "vq_model",
        "masked": "t2m_transformer",
        "residual": "res_transformer",
        "length": "estimator",
    }
    for name, key in wrapped.items():
        torch.save({key: published[name], "ep": 3}, tmp_path / f"{name}.tar")
    tokenizer = imports.read_tokenizer(tmp_path / "tokenizer.tar", max_frames=64)
    assert tokenizer.layout().capacity == 16
    files = [tmp_path / f"{name}.tar" for name in ("masked", "residual", "length")]
    made = imports.read_generator(*files, heads=4)
    assert made.config.capacity == 49
    without = imports.read_generator(*files[:2], heads=4, capacity=30)
    assert without.config.bins == (30,) * 4
    torch.testing.assert_close(made.masked.table.weight, without.masked.table.weight)


@pytest.mark.parametrize("part", ["masked", "residual", "length"])
def test_a_missing_or_unknown_tensor_is_refused(published: dict, part: str) -> None:
    states = {name: dict(published[name]) for name in ("masked", "residual", "length")}
    states[part]["surprise.weight"] = torch.zeros(2)
    with pytest.raises(BundleError, match="unexpected key 'surprise"):
        imports.import_generator(states["masked"], states["residual"], states["length"], heads=4)
    del states[part]["surprise.weight"]
    states[part].pop(sorted(states[part])[0])
    with pytest.raises(BundleError, match=r"lacks|has no tensor"):
        imports.import_generator(states["masked"], states["residual"], states["length"], heads=4)


def test_another_systems_checkpoint_is_refused(published: dict) -> None:
    with pytest.raises(BundleError, match="MoMask"):
        imports.import_tokenizer(published["masked"])
    with pytest.raises(BundleError, match="MoMask"):
        imports.import_generator(published["tokenizer"], published["residual"])


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "run"),)

    torch.save({"vq_model": Bad()}, tmp_path / "bad.tar")
    with pytest.raises(BundleError, match="cannot be read"):
        imports.read_tokenizer(tmp_path / "bad.tar")
    assert not (tmp_path / "run").exists()
