"""Broken files of every reader, a few hundred here and many thousands by ``make slow`` and ``tests/fuzz/fuzz.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mutations import lying_shape
from targets import broken, targets

import fuzz
from kinescale.formats.base import suffixes

TARGETS = targets()
READ_ELSEWHERE = {".fbx", ".gltf", ".vrm", ".vrma"}
"""Read by another program into a format that is fuzzed here, and the same document as .glb under another name."""


def test_every_reader_has_a_target() -> None:
    assert {t.suffix for t in TARGETS.values()} - {".asf"} == set(suffixes("read")) - READ_ELSEWHERE


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_broken_files_end_soon_and_well(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    seeds = target.seeds(tmp_path)
    ends = [fuzz.try_one(target, broken(target, seeds, number), tmp_path, number) for number in range(150)]
    wrong = [end for end in ends if end["why"] and "MiB" not in end["why"]]  # memory is not this process's alone here
    assert not wrong
    assert any(end["end"] == "refused" for end in ends)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_an_input_is_known_by_its_number(name: str, tmp_path: Path) -> None:
    seeds = TARGETS[name].seeds(tmp_path)
    assert [broken(TARGETS[name], seeds, n) for n in range(8)] == [broken(TARGETS[name], seeds, n) for n in range(8)]


@pytest.mark.parametrize("name", sorted(name for name, target in TARGETS.items() if target.large is not None))
def test_large_sound_files_keep_the_bound_of_memory(name: str) -> None:
    """In a process of its own, so that the memory is the reader's; the first input of a target is a large sound one."""
    summary = fuzz.run(name, 1)
    assert (summary.inputs, summary.motions) == (1, 1) and summary.bytes_most > 5_000_000
    assert summary.memory_over_size_most <= fuzz.FREE_BYTES
    assert not [failure for failure in summary.failures if "plain reads" not in failure["why"]]


def test_a_header_longer_than_a_header_can_say_is_broken_too() -> None:
    header = b"\x93NUMPY\x01\x00\xff\xff{'descr': '<f4', 'fortran_order': False, 'shape': (1, 22, 3), }"
    made = [lying_shape(header + b" " * 70_000 + b"\n", np.random.default_rng(seed)) for seed in range(8)]
    assert all(data.startswith(b"\x93NUMPY") for data in made) and len(set(made)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_thousands_of_broken_files(name: str) -> None:
    summary = fuzz.run(name, 5000, first=1_000_000)
    assert not summary.failures
    assert summary.inputs == 5000
