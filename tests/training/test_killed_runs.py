"""A run that is killed, anywhere, and started again has the weights of one that was not, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed_runs.py")


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_kill_leads_to_the_same_weights(digests: dict[str, dict[str, str]]) -> None:
    found = digests["toy"]
    assert len(found) == 11
    assert {name for name, value in found.items() if value != found["whole"]} == set()


@pytest.mark.parametrize("stage", ["tokenizer", "generator"])
def test_stages_of_a_recipe_survive_a_kill(digests: dict[str, dict[str, str]], stage: str) -> None:
    assert digests["run"][f"{stage} whole"] == digests["run"][f"{stage} killed"]
