"""Codebooks beyond MoScale's: cosine look-up, Gumbel draws, and several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from codebook_of_a_rank import CONFIGS, train
from torch.nn import functional

from kinescale.quantizers import vq
from moscale_parts import rng


def test_cosine_finds_directions_and_uses_the_raw_vector() -> None:
    book = vq.Quantizer(vq.Config(codes=20, width=5, lookup="cosine"))
    book.codebook.mul_(torch.rand(20, 1) * 9 + 0.1)
    tokens = torch.arange(20)
    assert torch.equal(book.indices(book.dequantize(tokens) * 0.01), tokens)
    assert torch.equal(book.dequantize(tokens), book.codebook)
    vectors = torch.randn(50, 5)
    naive = functional.cosine_similarity(vectors[:, None], book.codebook[None], dim=-1).argmax(1)
    assert torch.equal(book.indices(vectors), naive)


@pytest.mark.parametrize("lookup", ["distance", "cosine"])
@pytest.mark.parametrize("assignment", ["stochastic", "gumbel"])
def test_both_ways_of_drawing_follow_the_softmax(lookup: str, assignment: str) -> None:
    book = vq.Quantizer(
        vq.Config.parse({"codes": 3, "width": 2, "temperature": 0.5, "lookup": lookup, "assignment": assignment})
    )
    book.codebook.copy_(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 2.0]]))
    vector = torch.tensor([[1.0, 0.2]])
    share = torch.bincount(book.assign(vector.expand(20000, -1), rng(4)), minlength=3) / 20000
    torch.testing.assert_close(share, torch.softmax(book.scores(vector)[0] / 0.5, 0), atol=0.02, rtol=0)
    first, again = (book.assign(vector.expand(50, -1), rng(1)) for _ in range(2))
    assert torch.equal(first, again)


def test_processes_end_with_the_codebook_that_one_process_makes(tmp_path: Path) -> None:
    script = Path(__file__).with_name("codebook_of_a_rank.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, str(script), str(rank), "2", str(tmp_path)], env=environment)
        for rank in range(2)
    ]
    assert [process.wait(timeout=100) for process in running] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for name, config in CONFIGS.items():
        alone = train(config, 0, 1)
        for key, value in first[name].items():
            assert torch.equal(value, second[name][key]), f"{name}: {key} differs between the processes"
            torch.testing.assert_close(value, alone[key], atol=1e-5, rtol=1e-5)
