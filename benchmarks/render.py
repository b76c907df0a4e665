"""Drawing: frames per second of video at 720 lines, and seconds and bytes of each kind of picture of a 6-second motion.

    python benchmarks/render.py [--repeats 3]

Nothing but the package with its extra ``video`` is needed. Writes ``docs/results/render.json``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from _record import RESULTS, save, table

from kinescale import skeletons
from kinescale.kinematics.rotations import axis_angle_quat
from kinescale.motion import Motion
from kinescale.render import Options, render
from kinescale.render.base.film import cells, frames
from kinescale.render.base.scene import scene

SIZE = (1280, 720)
SECONDS, FPS = 6, 30
BAR_FRAMES_PER_S = 60.0
SUFFIXES = (".png", ".gif", ".mp4", ".html")


def main() -> None:
    """Measure, print beside the bar, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    walk = made()
    drawn = {str(count): [drawing(walk, count) for _ in range(chosen.repeats)] for count in (1, 2, 4)}
    speeds = {count: statistics.median(values) for count, values in drawn.items()}
    files = {suffix: picture(walk, suffix, chosen.repeats) for suffix in SUFFIXES}
    settings = {"size": SIZE, "frames": SECONDS * FPS, "bar_frames_per_s": BAR_FRAMES_PER_S}
    path = save("render", {**settings, "drawn_frames_per_s_by_motions": speeds, "files": files}, chosen.out)
    rows = [[f"drawing {n} at once", f"{value:.0f} frames/s", ""] for n, value in speeds.items()]
    rows += [[suffix, f"{made['median_s']:.2f} s", f"{made['bytes'] / 1024:.0f} KiB"] for suffix, made in files.items()]
    print(table(["what", "speed", "size"], rows), f"bar: {BAR_FRAMES_PER_S:g} frames/s", f"see {path}", sep="\n")


def made() -> Motion:
    """A walk with swinging legs, the same every time."""
    skeleton = skeletons.get("humanml22")
    time_s = torch.arange(SECONDS * FPS, dtype=torch.float64) / FPS
    rotations = torch.zeros(len(time_s), len(skeleton), 4, dtype=torch.float64)
    rotations[..., 3] = 1
    for side, sign in (("left", -1), ("right", 1)):
        swing = sign * 0.5 * torch.sin(2 * torch.pi * time_s)
        rotations[:, skeleton.index(f"{side}_hip")] = axis_angle_quat(swing, "x")
    root = torch.stack([0 * time_s, 0 * time_s + 0.93, 1.2 * time_s], dim=1)
    return Motion(skeleton, float(FPS), root, rotations, {"prompt": "a person walks forward"})


def drawing(walk: Motion, count: int) -> float:
    """Frames drawn a second with ``count`` motions in the picture, nothing encoded."""
    scenes = [scene(walk)] * count
    times = np.arange(len(walk)) / FPS
    start = time.perf_counter()
    total = sum(1 for _ in frames(scenes, times, cells(count, *SIZE), SIZE, Options()))
    return total / (time.perf_counter() - start)


def picture(walk: Motion, suffix: str, repeats: int) -> dict[str, float]:
    """Median seconds to write one kind of picture, and its bytes."""
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"walk{suffix}"
        for _ in range(repeats):
            start = time.perf_counter()
            render(walk, out)
            spent.append(time.perf_counter() - start)
        return {"median_s": statistics.median(spent), "bytes": float(out.stat().st_size)}


if __name__ == "__main__":
    main()
