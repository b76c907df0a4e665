"""Several processes train what one trains: the same curve, codebook and samples; killed, stopped and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("worlds.py")
CURVES, WEIGHTS = 1e-5, 1e-4
"""Allowed differences: of logged numbers as the law has it; of weights, some of them sums of a whole batch."""


def runs(folder: Path, which: str) -> dict[str, Any]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), which],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for kind, allowed in (("curves", CURVES), ("weights", WEIGHTS)):
        assert one[kind].keys() == other[kind].keys()
        for name, values in one[kind].items():
            assert other[kind][name] == pytest.approx(values, rel=allowed, abs=allowed, nan_ok=True), name


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return runs(tmp_path_factory.mktemp("worlds"), "fast")


def test_two_processes_and_passes_train_what_one_process_trains(fast: dict[str, Any]) -> None:
    """Tokenizer and two steps of the generator by two processes, the rest by one in two passes."""
    assert len(fast["one"]["curves"]["tokenizer.loss"]) == len(fast["one"]["curves"]["generator.loss"]) == 4
    assert_same(fast["one"], fast["lost"])


def test_the_sample_order_does_not_depend_on_the_processes(fast: dict[str, Any]) -> None:
    whole, before, after = fast["one"]["after"], fast["lost"]["before"], fast["lost"]["after"]
    assert len(whole) == 8 and len(before) + len(after) >= 8
    assert all(windows == whole[step] for part in (before, after) for step, windows in part.items())


def test_a_lost_process_ends_the_others_with_a_sentence(fast: dict[str, Any]) -> None:
    assert fast["lost"]["codes"] == [2, -signal.SIGKILL]
    assert fast["lost"]["sentence"].startswith("process 0 of 2 has lost another one (")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return runs(tmp_path_factory.mktemp("worlds"), "slow")


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_every_system_obeys_the_law(slow: dict[str, Any]) -> None:
    found = slow["law"]
    assert len(found) == 7 * 4
    for name, run in found.items():
        assert_same(found[f"{name.split()[0]} by 1"], run)


@pytest.mark.slow
def test_neighbors_of_a_batch_are_mixed_across_processes(slow: dict[str, Any]) -> None:
    assert_same(slow["mixing"]["msq.debug by 1"], slow["mixing"]["msq.debug by 2"])


@pytest.mark.slow
def test_a_run_of_two_goes_on_with_four(slow: dict[str, Any]) -> None:
    assert_same(slow["law"]["moscale.debug by 1"], slow["lost"])
    assert slow["lost"]["after"]


@pytest.mark.slow
def test_sigterm_to_one_stops_all_at_a_checkpoint_and_no_bit_is_lost(slow: dict[str, Any]) -> None:
    assert slow["stopped"]["codes"] == [143, 143]
    assert slow["stopped"]["step"] == 3
    assert slow["stopped"]["digests"] == slow["whole"]


@pytest.mark.slow
def test_a_process_that_hangs_is_given_up(slow: dict[str, Any]) -> None:
    assert slow["hung"]["codes"] == [2, -signal.SIGKILL]
    assert slow["hung"]["sentence"].startswith("process 0 of 2 has lost another one (")


@pytest.mark.slow
def test_torchrun_trains_what_one_process_trains_and_says_it_once(slow: dict[str, Any]) -> None:
    assert_same(slow["law"]["moscale.debug by 1"], slow["launched"])
    assert slow["launched"]["said"].count("tokenizer: finished") == 1 and slow["launched"]["bundle"]
