"""Temporary folders: gone after use, gone after a kill when the next one is made, never another's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kinescale.io.scratch import LOCK, PREFIX, scratch_folder, sweep

HOLD = """
import sys
from kinescale.io.scratch import scratch_folder
with scratch_folder(sys.argv[1]) as folder:
    (folder / "half.bin").write_bytes(bytes(1000))
    print(folder, flush=True)
    sys.stdin.read()
"""


def holder(place: Path) -> tuple[subprocess.Popen, Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip()).parent


def test_it_is_empty_and_goes_away(tmp_path):
    with scratch_folder(tmp_path) as folder:
        assert folder.is_dir() and list(folder.iterdir()) == []
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), scratch_folder(tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_and_what_is_in_use_stays(tmp_path):
    killed, left = holder(tmp_path)
    alive, used = holder(tmp_path)
    try:
        assert left != used and left.is_dir() and used.is_dir()
        killed.kill()
        killed.wait(60)
        assert (left / "files" / "half.bin").is_file()
        with scratch_folder(tmp_path):
            assert not left.exists() and (used / "files" / "half.bin").is_file()
        assert sweep(tmp_path) == []
    finally:
        for process in (killed, alive):
            process.communicate("", timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_folders_of_others_are_left_alone(tmp_path):
    own = tmp_path / "mine"
    own.mkdir()
    (own / LOCK).write_text("")
    (tmp_path / f"{PREFIX}without-lock").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(own)
    (tmp_path / f"{PREFIX}file").write_text("x")
    assert sweep(tmp_path) == []
    assert (own / LOCK).is_file() and len(list(tmp_path.iterdir())) == 4
