"""The command: what it writes, and one sentence for each slip."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kinescale.cli.render import run
from kinescale.core.errors import InputError, KinescaleError
from kinescale.formats import write_motion
from kinescale.motion import Motion


@pytest.fixture
def clip(walk: Motion, tmp_path: Path) -> Path:
    path = tmp_path / "clip <b>.npz"
    write_motion(walk.slice(0, 8), path)
    return path


@pytest.mark.parametrize("suffix", [".gif", ".html", ".mp4", ".png"])
def test_it_draws_and_keeps_what_exists(
    clip: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"out{suffix}"
    assert run([str(clip), str(out), "--poses", "3", "--fps", "10"]) == 0
    assert str(out) in capsys.readouterr().out
    before = out.read_bytes()
    with pytest.raises(InputError, match="--force"):
        run([str(clip), str(out)])
    assert out.read_bytes() == before
    assert run([str(clip), str(clip), str(out), "--force"]) == 0 and out.read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "-o PATH"),
        (["{clip}"], "-o PATH"),
        (["{clip}", "x.webm"], "not offered"),
        (["{clip}", "x.bvh"], r"\.gif, \.htm, \.html, \.mp4, \.png"),
        (["gone.npz", "x.png"], "no such file"),
        (["{clip}", "gone/x.png"], "does not exist"),
        (["{clip}", "x.png", "--poses", "0"], "0 poses"),
        (["{clip}", "x.gif", "--fps", "nan"], "frames per second"),
        (["{clip}", "x.mp4", "--height", "9"], "9 pixels of height"),
        (["{clip}", "x.mp4", "--camera", "drone"], "follow"),
        (["{clip}", "x.html", "--scales", "--bundle", "no/such"], "no/such"),
        (["{clip}"] * 17 + ["x.png"], "17 motions"),
    ],
)
def test_slips_end_in_one_sentence(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KinescaleError, match=says) as caught:
        run([word.replace("{clip}", str(clip)) for word in arguments])
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [clip.name]


def test_a_wrong_suffix_is_told_before_torch_is_loaded() -> None:
    code = (
        "import sys; from kinescale.cli.render import run; from kinescale.core.errors import InputError\n"
        "try: run(['a.bvh', 'b.webm'])\n"
        "except InputError: sys.exit(9 if 'torch' in sys.modules else 7)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
