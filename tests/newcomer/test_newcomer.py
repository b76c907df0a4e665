"""A newcomer's day: the package as a wheel without extras in a new environment, then the README's commands in order.

KINESCALE_NEWCOMER_PYTHON names another interpreter to make the environment with; KINESCALE_NEWCOMER_VENV an
environment that has the dependencies already.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))

from pages import ROOT, Command, commands, python_blocks

NEEDS_MORE = ("kinescale prepare ", "kinescale train ", "runs/mine")
"""Commands of the README that take the extra [train] and a published corpus."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def run(words: list[str], folder: Path, **environment: str) -> str:
    """What a program prints; the test fails with its last lines when it fails."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KINESCALE"))}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=1800, env={**clean, **environment})
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    return done.stdout


@pytest.fixture(scope="module")
def binaries(tmp_path_factory) -> Path:
    """The folder of programs of an environment with the wheel in it."""
    place = tmp_path_factory.mktemp("newcomer")
    python = os.environ.get("KINESCALE_NEWCOMER_PYTHON", sys.executable)
    run([python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(place), str(ROOT)], place)
    (wheel,) = place.glob("kinescale-*.whl")
    given = os.environ.get("KINESCALE_NEWCOMER_VENV")
    if given:
        folder = Path(given)
        more = ["--no-deps", "--force-reinstall"]
    else:
        folder = place / "venv"
        run([python, "-m", "venv", str(folder)], place)
        more = ["-c", str(ROOT / "constraints.txt")]
    run([str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *more, str(wheel)], place)
    return folder / "bin"


def test_the_commands_of_the_readme_run_in_order(binaries, tmp_path):
    ran: list[Command] = []
    for command in commands(ROOT / "README.md"):
        if command.words[0] == "kinescale" and not any(part in command.text for part in NEEDS_MORE):
            run([str(binaries / "kinescale"), *command.words[1:]], tmp_path, PATH=f"{binaries}:{os.environ['PATH']}")
            ran.append(command)
    assert len(ran) >= 8
    for _, code in python_blocks(ROOT / "README.md"):
        run([str(binaries / "python"), "-c", code], tmp_path)


def test_what_needs_an_extra_says_so(binaries, tmp_path):
    """Training without the extra ends in one sentence that names it."""
    done = subprocess.run(
        [str(binaries / "kinescale"), "prepare", "folder", str(tmp_path), "-o", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
