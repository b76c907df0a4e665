"""kinescale doctor: every check is reported, and the exit code says whether anything needed is missing."""

from __future__ import annotations

import json

import pytest

from kinescale.cli import doctor
from kinescale.cli.main import main
from kinescale.core.errors import BundleError


def fails(problem):
    def check():
        raise problem

    return check


@pytest.fixture
def quick(monkeypatch):
    """Only the checks that take no time."""
    checks = {name: doctor.CHECKS[name] for name in ("python", "torch", "device", "write access")}
    monkeypatch.setattr(doctor, "CHECKS", checks)
    return checks


def test_it_checks_what_users_ask_about():
    assert set(doctor.CHECKS) == {
        "python",
        "torch",
        "device",
        "text weights",
        "default bundle",
        "write access",
    }


def test_all_is_well(capsys, quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert all(f"ok    {name}: " in said for name in quick) and "all is well" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("problem", [BundleError("gone."), RuntimeError("two\nlines"), ImportError("no torch")])
def test_a_failure_is_one_line_and_code_1(capsys, quick, problem):
    quick["torch"] = fails(problem)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert f"FAIL  torch: {'' if isinstance(problem, BundleError) else type(problem).__name__}" in said
    assert len(said.splitlines()) == len(quick) + len(doctor.PROGRAMS) + len(doctor.EXTRAS) + 1


def test_a_missing_extra_is_no_failure(capsys, quick, monkeypatch):
    monkeypatch.setattr(doctor, "EXTRAS", {"train": ("no_such_module",)})
    assert main(["doctor", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["ok"] and not about["checks"][-1]["ok"] and "pip install" in about["checks"][-1]["detail"]


def test_a_folder_that_cannot_be_written(capsys, quick, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "NamedTemporaryFile", refuse)
    assert main(["doctor"]) == 1
    assert "FAIL  write access: PermissionError" in capsys.readouterr().out
