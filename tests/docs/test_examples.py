"""Every script in examples/ runs and writes a motion that can be read."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from kinescale import read_motion

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))


def test_there_are_examples():
    assert {"generate", "edit", "timeline", "convert"} <= {script.stem for script in EXAMPLES}


SLOW = ("edit", "timeline")
"""Examples that draw much; `make slow` runs them."""


def _marked() -> list:
    marks = pytest.mark.slow
    return [pytest.param(script, marks=marks if script.stem in SLOW else (), id=script.stem) for script in EXAMPLES]


@pytest.mark.parametrize("script", _marked())
def test_an_example_runs(script, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as leaving:
        assert leaving.code == 0
    written = [path for path in tmp_path.iterdir() if path.suffix in (".bvh", ".glb")]
    assert written
    for path in written:
        assert len(read_motion(path)) > 1
