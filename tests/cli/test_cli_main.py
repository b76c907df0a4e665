"""The front door: the list of commands, exit codes, and one sentence for every error."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import pytest
from command_line import accepted, as_user, refused

import kinescale
from kinescale.cli import main as front
from kinescale.core.errors import InputError


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_overview_lists_every_command(capsys, arguments):
    out = accepted(capsys, *arguments)
    names = front.FAMILY.names()
    assert {"convert", "doctor", "generate", "info", "reconstruct"} <= set(names)
    for name in names:
        assert f"  {name} " in out and front.FAMILY.summary(name) in out
    assert " main " not in out and "_options" not in out


def test_version(capsys):
    assert accepted(capsys, "--version") == f"kinescale {kinescale.__version__}\n"


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "kinescale", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"kinescale {kinescale.__version__}\n")
    wrong = subprocess.run([sys.executable, "-m", "kinescale", "genrate"], capture_output=True, text=True)
    assert wrong.returncode == front.BAD_INPUT and "Did you mean 'generate'?" in wrong.stderr


def test_help_is_light():
    code = (
        "import sys; from kinescale.cli.main import main; main(['--help']);"
        "sys.exit(any(m in sys.modules for m in ('torch', 'tyro', 'numpy', 'pydantic', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("command", ["convert", "doctor", "generate", "info", "reconstruct"])
def test_every_command_explains_itself(capsys, command):
    assert f"usage: kinescale {command}" in accepted(capsys, command, "--help")


def test_unknown_commands(capsys):
    assert "Did you mean 'generate'?" in refused(capsys, "genrate")
    assert "Known: " in refused(capsys, "zzz")
    assert "--verbose" in refused(capsys, "--verbose")
    refused(capsys, "main")
    refused(capsys, "_options")


def command(monkeypatch, run) -> None:
    """Make ``kinescale info`` do something else."""
    module = types.ModuleType("kinescale.cli.info")
    module.__dict__["run"] = run
    monkeypatch.setitem(sys.modules, "kinescale.cli.info", module)


def raising(problem):
    def run(argv):
        raise problem

    return run


def test_exit_codes(capsys, monkeypatch):
    monkeypatch.delenv(front.DEBUG_VARIABLE, raising=False)
    command(monkeypatch, raising(InputError("two\nlines")))
    assert refused(capsys, "info") == "kinescale: two lines\n"
    command(monkeypatch, raising(KeyboardInterrupt()))
    refused(capsys, "info", code=130)
    command(monkeypatch, raising(RuntimeError("the engine\nfell out")))
    said = refused(capsys, "info", code=1)
    assert "the engine fell out" in said and "KINESCALE_DEBUG=1" in said
    for code, expected in ((0, 0), (None, 0), (3, 3), ("words", 1)):
        command(monkeypatch, raising(SystemExit(code)))
        assert front.main(["info"]) == expected


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setenv(front.DEBUG_VARIABLE, "1")
    for problem in (InputError("bad"), RuntimeError("worse")):
        command(monkeypatch, raising(problem))
        with pytest.raises(type(problem)):
            front.main(["info"])


def test_a_closed_pipe_is_quiet():
    code = "import sys; from kinescale.cli.main import main; sys.exit(main(['--help']))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_parsers_frames_become_a_sentence(encoding):
    for arguments, expected in (
        (
            ["x", "-o", "y.bvh", "--second", "3"],
            "unrecognized options: --second, 3; perhaps you meant --seconds FLOAT",
        ),
        (
            ["x", "-o", "y.bvh", "--seed", "a"],
            "error parsing --seed: invalid literal for int() with base 10: 'a'",
        ),
        (["x"], "missing from kinescale generate: -o PATH, --out PATH File to write"),
    ):
        done = as_user("generate", *arguments, PYTHONIOENCODING=encoding)
        assert done.returncode == 2 and done.stderr.startswith(f"kinescale: {expected}"), done.stderr
        assert done.stderr.count("\n") == 1 and done.stderr.endswith("; see kinescale generate --help.\n")


def test_as_a_user_sees_it(tmp_path):
    done = as_user("generate", "", "-o", str(tmp_path / "x.bvh"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("kinescale: the prompt is ''")


def test_a_hostile_files_bytes_do_not_reach_the_terminal(tmp_path, capsys):
    file = tmp_path / "evil.bvh"
    file.write_bytes(b"\x1b]0;owned\x07\x1b[2J\n")
    assert front.main(["convert", str(file), str(tmp_path / "out.npz")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("kinescale: ") and "\x1b" not in said and "\x07" not in said
