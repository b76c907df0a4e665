"""Running the command line from tests: in this process, or as a user does."""

from __future__ import annotations

import os
import subprocess
import sys

from kinescale.cli.main import main


def refused(capsys, *arguments: str, code: int = 2) -> str:
    """The single line on standard error with which a command ends; nothing is printed otherwise."""
    capsys.readouterr()
    assert main(list(arguments)) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("kinescale: ") and said.err.count("\n") == 1 and said.err.endswith("\n")
    assert "Traceback" not in said.err and len(said.err) < 700
    return said.err


def accepted(capsys, *arguments: str) -> str:
    """What a command that succeeds prints."""
    capsys.readouterr()
    code = main(list(arguments))
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


def as_user(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """The command in a process of its own."""
    inherited = {k: v for k, v in os.environ.items() if k != "KINESCALE_DEBUG"}
    return subprocess.run(
        [sys.executable, "-m", "kinescale.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**inherited, "OMP_NUM_THREADS": "1", **environment},
    )
