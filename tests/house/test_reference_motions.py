"""The bundle in the package gives the motions that it gave before: refactorings change no number."""

from __future__ import annotations

import json

import pytest
import torch
from reference_motions import FILE, PAIRS, motions

NEAR_M = 0.005
"""Positions are written to the millimeter; processors round differently, and a draw that turns differs by far more."""


@pytest.fixture(scope="module")
def made():
    return motions()


@pytest.mark.parametrize("prompt", PAIRS)
def test_same_weights_prompt_and_seed_give_the_same_motion(prompt, made):
    kept = torch.tensor(json.loads(FILE.read_text(encoding="utf-8"))[prompt])
    assert (torch.tensor(made[prompt]) - kept).abs().max() <= NEAR_M
