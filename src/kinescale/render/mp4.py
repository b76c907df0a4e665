"""MP4 video (H.264), encoded by the ffmpeg of the imageio-ffmpeg wheel.

Frames are drawn as for the GIF and piped in raw; ffmpeg runs without a shell, under a time limit, into a temporary
folder.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float

from kinescale.core.errors import InputError, MissingDependencyError
from kinescale.io.scratch import scratch_folder
from kinescale.render.base import FPS_RANGE, Options
from kinescale.render.base.film import cells, frames
from kinescale.render.base.scene import Scene

SUFFIXES = (".mp4",)

MAX_FRAMES = 18_000
"""Most frames of a video: ten minutes at 30 frames per second."""

SHAPE = Fraction(16, 9)
QUALITY = 20
"""Constant rate factor of x264, without visible loss in drawings."""

LIMIT_S = 120.0
"""Time limit of an encoding, seconds: a constant and an amount per frame."""

LIMIT_FRAME_S = 0.2


def check(scenes: Sequence[Scene], options: Options) -> None:
    """Raise for a video that is too long or a missing encoder, before anything is drawn."""
    schedule(scenes, options.fps)
    encoder()


def encode(scenes: Sequence[Scene], options: Options) -> bytes:
    """Bytes of the MP4 file: yuv420p, even sizes, fast start; shorter motions hold their last frame."""
    rate, times = schedule(scenes, options.fps)
    height = options.height // 2 * 2
    width = round(height * SHAPE / 2) * 2
    pictures = frames(scenes, times, cells(len(scenes), width, height), (width, height), options)
    with scratch_folder() as folder:
        out = Path(folder) / "film.mp4"
        command = [encoder(), *_arguments(width, height, rate), str(out)]
        with _running(command, Path(folder) / "log.txt", LIMIT_S + LIMIT_FRAME_S * len(times)) as pipe:
            for picture in pictures:
                pipe.write(picture.data)
        if not out.is_file():
            raise InputError("the video encoder wrote nothing; choose another height or fps.")
        return out.read_bytes()


def schedule(scenes: Sequence[Scene], fps: int | float | None) -> tuple[Fraction, Float[np.ndarray, " N"]]:
    """Frames per second as a fraction, and the times of the frames; ``InputError`` for too many.

    Without ``fps`` every frame of the motion with the highest rate is shown, or every second, third ... where the rate
    would be too high for players.
    """
    if fps is None:
        quickest = max(each.fps for each in scenes)
        fps = max(FPS_RANGE[0], quickest / -(-quickest // FPS_RANGE[1]))
    rate = Fraction(fps).limit_denominator(1001)
    count = int(max(each.last_s for each in scenes) * float(rate) + 1e-6) + 1
    if count > MAX_FRAMES:
        raise InputError(f"{count} frames in one video; expected at most {MAX_FRAMES}; cut it or lower the fps.")
    return rate, np.arange(count) / float(rate)


def encoder() -> str:
    """Path of ffmpeg; ``MissingDependencyError`` when imageio-ffmpeg is not installed."""
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        raise MissingDependencyError(
            "writing .mp4 needs imageio-ffmpeg, which carries an encoder; pip install 'kinescale[video]', "
            "or name a .gif or .html file."
        ) from None


def _arguments(width: int, height: int, rate: Fraction) -> list[str]:
    into = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{width}x{height}", "-r", str(rate), "-i", "pipe:0"]
    # explicit color space, else players guess by size; bitexact and a fixed number of threads: reproducible bytes
    named = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    colors = ["-vf", f"scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{named}"]
    video = ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(QUALITY), "-threads", "2"]
    plain = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
    quiet = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    return [*quiet, *into, "-an", *colors, *video, *plain, "-movflags", "+faststart"]


class _Pipe:
    """Standard input of ffmpeg; a write fails when it has ended."""

    def __init__(self, process: subprocess.Popen[bytes]):
        assert process.stdin is not None
        self.write = process.stdin.write


@contextlib.contextmanager
def _running(command: list[str], log: Path, limit_s: float) -> Iterator[_Pipe]:
    """A running encoder to write frames to; ``InputError`` when it fails or takes longer than ``limit_s``."""
    with log.open("wb") as words:
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words)
        except OSError as problem:
            raise MissingDependencyError(
                f"the video encoder {command[0]} does not start ({problem.strerror or problem}); "
                "pip install --force-reinstall imageio-ffmpeg."
            ) from None
    late = threading.Event()
    clock = threading.Timer(limit_s, lambda: (late.set(), process.kill()))
    clock.daemon = True
    clock.start()
    try:
        # when ffmpeg stops early, writing fails: its log is the better message
        with contextlib.suppress(BrokenPipeError):
            yield _Pipe(process)
            assert process.stdin is not None
            process.stdin.close()
        code = process.wait()
    finally:
        clock.cancel()
        process.kill()
        process.wait()
    if late.is_set():
        raise InputError(f"the video was not encoded within {limit_s:.0f} s; choose a smaller height or fps.")
    if code != 0:
        words = log.read_text(encoding="utf-8", errors="replace").split()
        raise InputError(f"the video encoder stopped with code {code}: {' '.join(words)[-300:] or 'no message'}.")
