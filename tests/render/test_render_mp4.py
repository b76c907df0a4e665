"""The video: what is in the file, its tempo, and one sentence for everything that keeps it from being made."""

from __future__ import annotations

import os
import stat
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from render_cases import make_walk

from kinescale.core.errors import InputError, MissingDependencyError
from kinescale.motion import Motion
from kinescale.render import Options, mp4, render
from kinescale.render.base.scene import scene

ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="videos need the extra 'video'")

SMALL = Options(height=240)


def decoded(path: Path) -> tuple[dict, np.ndarray]:
    """What ffmpeg says of a video, and its frames [N, H, W, 3]."""
    reader = ffmpeg.read_frames(str(path))
    about = next(reader)
    width, height = about["size"]
    frames = [np.frombuffer(frame, dtype=np.uint8).reshape(height, width, 3) for frame in reader]
    return about, np.stack(frames).astype(int)


def test_every_frame_of_the_motion_is_in_the_file(walk: Motion, tmp_path: Path) -> None:
    out = render(walk.slice(0, 20), tmp_path / "x.mp4", options=SMALL)
    about, frames = decoded(out)
    assert about["codec"] == "h264" and about["pix_fmt"].startswith("yuv420p") and about["size"] == (426, 240)
    assert about["fps"] == 30 and len(frames) == 20
    assert np.abs(frames[0] - frames[-1]).max() > 100, "the body moves"
    for first, second in ((0, 2), (2, 0)):
        assert ((frames[5, ..., first] - frames[5, ..., second]) > 60).sum() > 100, "left is orange, right is blue"
    data = out.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat"), "ready to stream"


@pytest.mark.parametrize(("height", "size"), [(240, (426, 240)), (241, (426, 240)), (333, (590, 332))])
def test_sizes_are_even(height: int, size: tuple[int, int], tmp_path: Path) -> None:
    out = render(make_walk(2), tmp_path / "x.mp4", options=Options(height=height))
    assert decoded(out)[0]["size"] == size


def test_the_rate_is_the_motions_or_the_one_asked_for(walk: Motion) -> None:
    drawn = scene(walk)
    assert mp4.schedule([drawn], None)[0] == 30 and len(mp4.schedule([drawn], None)[1]) == 60
    assert mp4.schedule([drawn], 15.0)[0] == 15 and len(mp4.schedule([drawn], 15.0)[1]) == 30
    assert mp4.schedule([scene(walk.replace(fps=30000 / 1001))], None)[0] == Fraction(30000, 1001)
    quick = walk.replace(fps=240.0)
    assert mp4.schedule([scene(quick)], None)[0] == 120, "every second frame"
    assert mp4.schedule([scene(walk.replace(fps=0.5))], None)[0] == 1
    rate, times = mp4.schedule([drawn, scene(quick)], None)
    assert rate == 120 and times[-1] == pytest.approx(drawn.last_s, abs=1 / 120)


def test_a_still_camera_sees_the_body_cross_the_picture(tmp_path: Path) -> None:
    walk = make_walk(40, turn=0.0)

    def places(options: Options) -> tuple[float, float]:
        _, frames = decoded(render(walk, tmp_path / "x.mp4", options=options))
        orange = (frames[..., 0] - frames[..., 2]) > 60
        columns = [np.flatnonzero(frame.any(axis=0)).mean() for frame in (orange[0], orange[-1])]
        return float(columns[0]), float(columns[1])

    still = places(Options(height=240, camera="still"))
    follow = places(SMALL)
    assert still[1] - still[0] > 50 > abs(follow[1] - follow[0])


def test_too_many_frames_are_refused_before_any_is_drawn(
    walk: Motion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mp4, "frames", None)
    slow = walk.replace(fps=0.05)
    with pytest.raises(InputError, match=r"14160\d frames in one video; expected at most 18000.* lower the fps"):
        render(slow, tmp_path / "x.mp4", fps=120)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_it_says_what_to_install(
    walk: Motion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingDependencyError, match=r"kinescale\[video\]") as caught:
        render(walk, tmp_path / "x.mp4")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("program", "limit_s", "says"),
    [
        ("cat > /dev/null; echo broken pipe dream >&2; exit 3", 60, "code 3: broken pipe dream"),
        ("exit 0", 60, "wrote nothing"),
        ("exit 4", 60, "code 4: no message"),
        ("exec sleep 60", 1, "not encoded within 1 s"),
    ],
)
def test_an_encoder_that_fails_or_hangs_ends_in_one_sentence(
    walk: Motion,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    limit_s: int,
    says: str,
) -> None:
    fake, note = tmp_path / "fake", tmp_path_factory.mktemp("note") / "pid"
    fake.write_text(f"#!/bin/sh\necho $$ > {note}\n{program}\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(mp4, "encoder", lambda: str(fake))
    monkeypatch.setattr(mp4, "LIMIT_S", float(limit_s))
    monkeypatch.setattr(mp4, "LIMIT_FRAME_S", 0.0)
    with pytest.raises(InputError, match=says) as caught:
        render(walk, tmp_path / "x.mp4", options=SMALL)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["fake"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_an_encoder_that_is_not_there(walk: Motion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4, "encoder", lambda: str(tmp_path / "gone"))
    with pytest.raises(MissingDependencyError, match="does not start"):
        render(walk, tmp_path / "x.mp4", options=SMALL)
