"""The animation: frames, tempo, size."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from kinescale.motion import Motion
from kinescale.render.base import Options
from kinescale.render.base.scene import scene
from kinescale.render.gif import MAX_IMAGES, encode, schedule


def durations(data: bytes) -> list[int]:
    image = Image.open(io.BytesIO(data))
    found = []
    for frame in range(getattr(image, "n_frames", 1)):
        image.seek(frame)
        image.load()
        found.append(image.info.get("duration", 0))
    return found


def test_it_plays_in_real_time_and_loops(walk: Motion) -> None:
    data = encode([scene(walk)], Options())
    times = durations(data)
    assert len(times) == 40 and set(times) == {50}
    assert Image.open(io.BytesIO(data)).info["loop"] == 0
    assert len(durations(encode([scene(walk)], Options(fps=10)))) == 20


def test_six_seconds_stay_below_three_megabytes(walk: Motion) -> None:
    second = len(encode([scene(walk)], Options())) / walk.duration_s
    assert 6 * second < 3_000_000


def test_the_palette_keeps_the_paper_white(walk: Motion) -> None:
    first = Image.open(io.BytesIO(encode([scene(walk.slice(0, 1))], Options()))).convert("RGB")
    assert first.size == (480, 480) and first.getpixel((470, 60)) == (255, 255, 255)


@pytest.mark.parametrize("last", [0.0, 0.01, 1 / 30, 0.5, 5.97, 15.0, 333.3, 1e4])
@pytest.mark.parametrize("fps", [1.0, 20.0, 24.0, 50.0])
def test_the_schedule_spans_the_motion_in_a_bounded_number_of_images(last: float, fps: float) -> None:
    delay, times = schedule(last, fps)
    assert 1 <= len(times) <= MAX_IMAGES and times[0] == 0 and delay >= 2
    assert times[-1] <= last + 0.006
    assert last - times[-1] < delay / 100 + 0.01, "the end is not cut off"
