"""``kinescale clean``: runs the steps asked for, reports what they moved, refuses what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinescale.cli.main import main
from kinescale.formats import read_motion, write_motion
from motion_strategies import random_motion


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_motion(random_motion(), tmp_path / "in.npz")
    return tmp_path / "in.npz"


def test_steps_run_and_report(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.npz"
    assert main(["clean", str(clip), str(out), "--json", "--steps", "floor,foot-lock", "--set", "floor.height=1"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["steps"]) == ["floor", "foot_lock"]
    assert len(read_motion(out)) == len(read_motion(clip))
    assert main(["clean", str(clip), str(out), "--force"]) == 0
    assert "jitter: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "flor"], "Did you mean 'floor'"),
        (["--steps", ","], "no steps to run"),
        (["--set", "floor.heigth=1"], "heigth"),
        (["--set", "floor=1"], "STEP.FIELD=VALUE"),
        (["--steps", "floor", "--set", "jitter.spikes=false"], "not among the steps"),
    ],
)
def test_bad_wishes_end_in_a_sentence(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["clean", str(clip), str(tmp_path / "out.npz"), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()
