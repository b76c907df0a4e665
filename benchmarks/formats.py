"""Reading, writing and retargeting: a made clip of 3,000 frames and 22 joints as BVH, GLB, NPZ; 10,000 retargeted.

    python benchmarks/formats.py [--repeats 7]

Nothing but the package is needed. Writes ``docs/results/formats.json``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from _record import RESULTS, against, save, table

from kinescale import skeletons
from kinescale.features.rotations import gaussian_smooth
from kinescale.formats import read_motion, write_motion
from kinescale.motion import Motion, retarget

FRAMES, RETARGETED = 3_000, 10_000
SOURCE, TARGET = "humanml22", "bandai_namco"
BARS_S = {"read_bvh": 0.1, "write_glb": 0.1, "retarget": 1.0}


def main() -> None:
    """Measure each, print beside the bars, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    clip, long, target = made(FRAMES), made(RETARGETED), skeletons.get(TARGET)
    with tempfile.TemporaryDirectory() as folder:
        bvh, glb, npz = (Path(folder) / f"made.{kind}" for kind in ("bvh", "glb", "npz"))
        jobs: dict[str, Callable[[], object]] = {
            "write_bvh": lambda: write_motion(clip, bvh, force=True),
            "read_bvh": lambda: read_motion(bvh),
            "write_glb": lambda: write_motion(clip, glb, force=True),
            "read_glb": lambda: read_motion(glb),
            "write_npz": lambda: write_motion(clip, npz, force=True),
            "read_npz": lambda: read_motion(npz),
            "retarget": lambda: retarget(long, target),
        }
        every = {name: seconds_of(job, chosen.repeats) for name, job in jobs.items()}
        sizes = {"bvh_bytes": bvh.stat().st_size, "glb_bytes": glb.stat().st_size, "npz_bytes": npz.stat().st_size}
    medians = {name: statistics.median(values) for name, values in every.items()}
    settings = {"frames": FRAMES, "retargeted_frames": RETARGETED, "source": SOURCE, "target": TARGET, **sizes}
    path = save("formats", {**settings, "median_s": medians, "bars_s": BARS_S, "every_s": every}, chosen.out)
    rows = [
        [name, f"{value:.4f}", f"{BARS_S[name]:g}" if name in BARS_S else "", against(value, BARS_S.get(name))]
        for name, value in medians.items()
    ]
    print(table(["job", "median s", "bar s", "kept"], rows), f"see {path}", sep="\n")


def made(frames: int) -> Motion:
    """A smooth random motion on the 22 joints, the same every time."""
    skeleton = skeletons.get(SOURCE)
    rng = torch.Generator().manual_seed(0)
    joints = len(skeleton)
    wander = gaussian_smooth(torch.randn(joints * 3 + 3, frames, generator=rng), 12.0).T
    turn = torch.cat([wander[:, : joints * 3].reshape(frames, joints, 3), torch.ones(frames, joints, 1)], dim=-1)
    root = wander[:, joints * 3 :].cumsum(0) / 30 + torch.tensor([0.0, 0.9, 0.0])
    return Motion(skeleton, 30.0, root, turn / turn.norm(dim=-1, keepdim=True))


def seconds_of(job: Callable[[], object], times: int) -> list[float]:
    """Wall seconds of each run, after one that warms the caches."""
    found = []
    for _ in range(times + 1):
        start = time.perf_counter()
        job()
        found.append(time.perf_counter() - start)
    return found[1:]


if __name__ == "__main__":
    main()
