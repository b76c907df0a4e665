"""Shape checks on for every test, and where the shared corpora and golden tensors lie."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import hypothesis
import pytest
import torch

import shape_checks

if not os.environ.get("NOHOOK"):
    shape_checks.install("kinescale")

# A busy machine is no failure: laws have no clock, and speed has its own tests.
hypothesis.settings.register_profile("kinescale", deadline=None, max_examples=50)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=200)
hypothesis.settings.load_profile("kinescale")

ROOT = Path(__file__).resolve().parents[1]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The same numbers for a test whatever ran before it, and in whichever process."""
    torch.manual_seed(zlib.crc32(item.nodeid.encode()))


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable, ROOT.parent / "shared" / default)).expanduser()


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of corpus archives; the test is skipped where it is absent."""
    folder = _folder("KINESCALE_DATA", "data")
    if not (folder / "index.csv").is_file():
        pytest.skip(f"the shared corpora are not at {folder}; set KINESCALE_DATA")
    return folder


@pytest.fixture(scope="session")
def golden_root() -> Path:
    """The folder of golden cases; the test is skipped where it is absent."""
    folder = _folder("KINESCALE_GOLDEN", "golden")
    if not folder.is_dir():
        pytest.skip(f"the golden cases are not at {folder}; set KINESCALE_GOLDEN")
    return folder
