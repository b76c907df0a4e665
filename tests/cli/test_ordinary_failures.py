"""What is nobody's fault ends in an ordinary sentence: no memory, no room, long names, plain terminals, Ctrl-C."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kinescale.cli import doctor
from kinescale.cli import main as front
from kinescale.core.errors import DataError, InputError
from kinescale.core.workers import worker_pool
from kinescale.data.prepare import corpus as preparation
from kinescale.data.prepare import parts, prepare
from kinescale.formats import read_motion, write_motion
from motion_strategies import random_motion

LONG = "x" * 300


def said_by(monkeypatch, capsys, problem: BaseException) -> tuple[int, str]:
    def dispatch(_: list[str]) -> int:
        raise problem

    monkeypatch.setattr(front, "_dispatch", dispatch)
    monkeypatch.delenv(front.DEBUG_VARIABLE, raising=False)
    code = front.main(["info"])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (MemoryError(), "not enough memory"),
        (MemoryError("Unable to allocate 9 GiB"), "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device", "/some/place"), "/some/place: no space left on device"),
        (OSError(errno.ENAMETOOLONG, "File name too long", LONG), "file name too long"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "a: permission denied"),
        (OSError("something that has no number"), "something that has no number"),
        (InputError("x" * 100_000), "xxx"),
    ],
)
def test_ordinary_troubles_are_ordinary_sentences(monkeypatch, capsys, problem, words):
    code, said = said_by(monkeypatch, capsys, problem)
    assert code == 2 and words in said and said.count("\n") == 1 and len(said) < 2100
    assert "fault" not in said and "Traceback" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", f"{LONG}.bvh"), ("convert", f"{LONG}.bvh", "a.glb"), ("convert", "walk.bvh", f"{LONG}.glb"),
        ("render", f"{LONG}.bvh", "a.png"), ("render", "walk.bvh", f"{LONG}.png"), ("describe", f"{LONG}.bvh"),
        ("clean", "walk.bvh", f"{LONG}.bvh"), ("timeline", f"{LONG}.json", "-o", "a.bvh"),
        ("generate", "a person walks", "-o", f"{LONG}.bvh"),
        ("extend", "walk.bvh", "--seconds", "1", "-o", f"{LONG}.bvh"),
        ("prepare", "folder", LONG, "--out", "out"), ("generate", "a person walks", "-o", "a.bvh", "--bundle", LONG),
        ("info", LONG), ("reconstruct", f"{LONG}.bvh", "-o", "a.bvh"),
    ],
    ids=lambda value: " ".join(part[:12] for part in value),
)  # fmt: skip
def test_names_that_are_too_long_are_said_to_be(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(front.DEBUG_VARIABLE, raising=False)
    write_motion(random_motion("humanml22", 40, 1), tmp_path / "walk.bvh")
    code = front.main(list(arguments))
    said = capsys.readouterr().err
    assert code == 2 and "fault" not in said and said.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"walk.bvh", "walk.bvh.json"}


def test_long_names_are_input_errors_in_python_too(tmp_path):
    with pytest.raises(InputError):
        read_motion(tmp_path / f"{LONG}.bvh")
    with pytest.raises(InputError):
        write_motion(random_motion("humanml22", 4, 1), tmp_path / f"{LONG}.bvh")
    # the motion's name fits, its provenance's does not: then neither is written
    with pytest.raises(InputError):
        write_motion(random_motion("humanml22", 4, 1).with_meta(license="CC0"), tmp_path / f"{'x' * 249}.bvh")
    assert list(tmp_path.iterdir()) == []


def test_a_plain_terminal_shows_everything(tmp_path):
    name, absent = "na\u00efve \u4e2d.bvh", "\u4e2d.bvh"
    write_motion(
        random_motion("humanml22", 4, 1).with_meta(license="\u00a9 \u2192", prompt="caf\u00e9"), tmp_path / name
    )
    # one process, since each loads torch: the words, the JSON, and a file that is not there
    code = (
        "import sys; from kinescale.cli.main import main\n"
        "for words in ([sys.argv[1]], [sys.argv[1], '--json'], [sys.argv[2]], [sys.argv[2], '--json']):\n"
        "    print('ended with', main(['info', *words]), flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / name), str(tmp_path / absent)],
        capture_output=True, text=True, timeout=240, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.stdout.isascii() and done.stderr.isascii() and "Traceback" not in done.stderr
    words, about, *rest = done.stdout.split("ended with ")
    assert words.strip() and [part.strip() for part in rest] == ["0", "2", "2"]
    code, about = about.split("\n", 1)
    found = json.loads(about)
    assert code == "0" and found["license"] == "\u00a9 \u2192" and found["meta"]["prompt"] == "caf\u00e9"
    assert done.stderr.count("\\u4e2d") == done.stderr.count("\n") == 2


PREPARE = "import sys; from kinescale.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")
@pytest.mark.slow  # four processes that load torch; tests/data/datasets/test_prepare.py interrupts one of them
@pytest.mark.parametrize("share", [0.6, 0.2, 0.9, 1.3])
def test_ctrl_c_in_the_first_seconds_of_prepare_is_quiet(tmp_path, share):
    """Interrupted while its workers import, as by a terminal: every process of the group gets the signal."""
    pytest.importorskip("pyarrow")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for index in range(4):
        write_motion(random_motion("humanml22", 200, index), corpus / f"{index}.npz")
    code = PREPARE.replace("import sys;", "import sys, kinescale.data.prepare.parts as p; p.PART_CLIPS = 1;")
    command = [
        sys.executable,
        "-c",
        code,
        "prepare",
        "folder",
        str(corpus),
        "--out",
        str(tmp_path / "out"),
        "--workers",
        "2",
    ]
    start = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    parts = tmp_path / "out" / "folder" / "parts"
    while not parts.is_dir() and process.poll() is None:
        time.sleep(0.02)
    # the parent took so long to import; its workers are about to
    time.sleep(share * (time.monotonic() - start))
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    said, problem = process.communicate(timeout=200)
    assert "Traceback" not in problem + said and "Error" not in problem
    assert process.returncode in (0, 130)
    if process.returncode == 130:
        assert problem.strip().splitlines()[-1] == "kinescale: interrupted."


def test_a_full_disk_in_prepare_is_a_sentence(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write_motion(random_motion("humanml22", 40, 1), corpus / "a.npz")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for module, name in ((parts, "write_part"), (parts, "write_json"), (preparation, "write_manifest")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, full)
            with pytest.raises(DataError, match="No space left on device; the parts that are done are kept"):
                prepare("folder", corpus, tmp_path / name, workers=1)
    assert prepare("folder", corpus, tmp_path / "write_manifest", workers=1).reused_parts == 1


def die(_: int) -> None:
    os._exit(9)


def test_a_worker_that_dies_is_a_sentence():
    with pytest.raises(DataError, match="fewer workers"), worker_pool(1) as pool:
        list(pool.map(die, [1]))


def test_doctor_lists_extras_programs_and_devices(monkeypatch, capsys, tmp_path):
    import tomllib

    extras = tomllib.loads((Path(front.__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert set(doctor.EXTRAS) == set(extras["optional-dependencies"]) - {"dev"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "CHECKS", {"device": doctor.CHECKS["device"]})
    monkeypatch.setenv("KINESCALE_BLENDER", str(tmp_path / "no-such-blender"))
    assert front.main(["doctor", "--json"]) == 0
    found = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert {"device", "Blender", "ffmpeg", *(f"extra '{name}'" for name in doctor.EXTRAS)} == set(found)
    assert (
        not found["Blender"]["ok"]
        and not found["Blender"]["needed"]
        and "no-such-blender" in found["Blender"]["detail"]
    )
    assert "cpu (" in found["device"]["detail"]
