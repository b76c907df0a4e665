"""Retargeting and motion from positions on real clips: there and back, standing feet, speed, how near, how smooth.

    python benchmarks/retarget.py FOLDER [--clips 3] [--tracks 24] [--repeats 5]

FOLDER holds the corpora as published (unpacked), one folder each, found by the datasets family. Writes
``docs/results/retarget.json`` and the tables in ``docs/retarget.md``.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import torch
from _record import RESULTS, against, save, table
from jaxtyping import Bool, Float
from torch import Tensor

from formats import RETARGETED, made, seconds_of
from kinescale import skeletons
from kinescale.core.errors import DataError
from kinescale.data import datasets
from kinescale.data.datasets import RawClip
from kinescale.kinematics.contacts import velocities
from kinescale.kinematics.rotations import quat_apply, quat_between, quat_conjugate, quat_multiply
from kinescale.motion import Motion, retarget
from kinescale.motion.from_positions import motion_from_positions
from kinescale.motion.retarget import NEEDED, standing_points

BARS = {"there_and_back_m": 0.01, "slide_m_s": 0.01, "retarget_s": 1.0, "mean_m": 0.01, "worst_m": 0.03, "flips": 0}
FLIP_DEGREES = 45.0
"""A flip: from one frame to the next a joint turns by more than this about its own bone, beyond what it does in the
recording itself. Frames in which the recorded bone itself jumps by as much are broken: they are counted apart."""
CORPORA = ("bandai_namco", "cmu", "hdm05")
PAGE = Path("docs/retarget.md")
MARKS = ("<!-- figures -->", "<!-- end of figures -->")
SECONDS = 12
"""Longer clips are cut."""


def main() -> None:
    """Measure, print beside the bars, write the JSON and the page's tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=3, help="of each corpus, for every pair of skeletons")
    parser.add_argument("--tracks", type=int, default=24, help="of each corpus, for motion from positions")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    chosen = parser.parse_args()
    pairs = every_pair([motion for _, motion in spread_out(chosen.folder, chosen.clips)])
    tracks = {corpus: list(group) for corpus, group in from_positions(chosen.folder, chosen.tracks).items()}
    long, target = made(RETARGETED), skeletons.get("bandai_namco")
    seconds = statistics.median(seconds_of(lambda: retarget(long, target), chosen.repeats))
    results = {
        "clips_a_corpus": chosen.clips,
        "tracks_a_corpus": chosen.tracks,
        "flip_degrees": FLIP_DEGREES,
        "bars": BARS,
        "retarget_frames": RETARGETED,
        "retarget_s": seconds,
        "pairs": pairs,
        "from_positions": {corpus: summary(group) for corpus, group in tracks.items()},
    }
    path = save("retarget", results, chosen.out)
    text = tables(results)
    print(text, f"see {path}", sep="\n")
    if chosen.page.exists():
        page = chosen.page.read_text(encoding="utf-8")
        before, after = page.split(MARKS[0])[0], page.split(MARKS[1])[1]
        chosen.page.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}", encoding="utf-8")


def spread_out(folder: Path, count: int) -> Iterator[tuple[str, Motion]]:
    """So many clips of each corpus, evenly over the list, each cut to its first seconds."""
    for name in CORPORA:
        try:
            clips: list[RawClip] = datasets.FAMILY.get(name, "find")(folder)
        except DataError:
            continue
        load = datasets.FAMILY.get(name, "load")
        for index in range(count):
            motion: Motion = load(clips[(2 * index + 1) * len(clips) // (2 * count)])
            yield name, motion.slice(0, min(len(motion), round(SECONDS * motion.fps)))


def bodies() -> list[str]:
    """The bundled skeletons that retargeting takes."""
    return [name for name in skeletons.FAMILY.names() if set(NEEDED) <= set(skeletons.get(name).roles)]


def every_pair(clips: list[Motion]) -> list[dict[str, Any]]:
    """For every A and B: mean and worst joint error of A -> B -> A, and slide on B and A where A stands."""
    rows = []
    own = {name: [retarget(clip, skeletons.get(name)) for clip in clips] for name in bodies()}
    standing = {name: [standing_points(motion) for motion in motions] for name, motions in own.items()}
    for first, second in permutations(bodies(), 2):
        errors, slides, before = [], [], []
        for motion, points in zip(own[first], standing[first], strict=True):
            there = retarget(motion, skeletons.get(second))
            back = retarget(there, motion.skeleton)
            joints = sorted(motion.skeleton.role_indices().values())
            errors.append((back.positions() - motion.positions())[:, joints].norm(dim=-1).flatten())
            slides.append(standing_speeds(*points, there))
            before.append(standing_speeds(*points, motion))
        error, slide = torch.cat(errors), torch.cat(slides)
        rows.append(
            {
                "from": first,
                "to": second,
                "there_and_back_m": float(error.mean()),
                "there_and_back_worst_m": float(error.max()),
                "slide_m_s": float(slide.mean()),
                "slide_95_m_s": float(slide.sort().values[int(0.95 * len(slide))]),
                "source_slide_m_s": float(torch.cat(before).mean()),
            }
        )
    return rows


def standing_speeds(parts: list[str], stands: Bool[Tensor, "T K"], motion: Motion) -> Float[Tensor, " N"]:
    """Ground speeds, m/s, of the foot points that stand on the source in this frame and the next."""
    both = [part for part in parts if part in motion.skeleton.roles]
    columns = [parts.index(part) for part in both]
    track = motion.positions()[:, [motion.skeleton.role(part) for part in both]]
    speed = velocities(track, motion.fps)[:-1][..., [0, 2]].norm(dim=-1)
    return speed[(stands[1:] & stands[:-1])[:, columns]]


def from_positions(folder: Path, count: int) -> dict[str, list[dict[str, float]]]:
    """Per corpus and clip: how near its positions are met on its own skeleton, and how the result turns."""
    found: dict[str, list[dict[str, float]]] = {}
    for corpus, captured in spread_out(folder, count):
        positions = captured.positions()
        made_of = motion_from_positions(positions, captured.skeleton, captured.fps)
        error = (made_of.positions() - positions).norm(dim=-1)
        (step, _), (recorded, jump) = twist_steps(made_of), twist_steps(captured)
        broken = (jump > FLIP_DEGREES) | (recorded > FLIP_DEGREES)
        beyond = (step - recorded).masked_fill(broken, 0.0)
        found.setdefault(corpus, []).append(
            {
                "frames": float(len(captured)),
                "sum_m": float(error.mean(1).sum()),
                "worst_m": float(error.max()),
                "flips": float((beyond > FLIP_DEGREES).sum()),
                "beyond_degrees": float(beyond.max()),
                "broken": float(broken.sum()),
            }
        )
    return found


def twist_steps(motion: Motion) -> tuple[Float[Tensor, "S J"], Float[Tensor, "S J"]]:
    """Degrees from frame to frame: each joint's turn about its own bone, beyond what turns the bone, and the bone's."""
    world = motion.global_rotations().double()
    offsets = torch.as_tensor(motion.skeleton.offsets.copy())
    twists, bends = [], []
    for joint, children in enumerate(motion.skeleton.children):
        long = [child for child in children if float(offsets[child].norm()) > 1e-3]
        if not long:
            continue
        bone = quat_apply(world[:, joint], offsets[long[0]])
        turn = quat_multiply(world[1:, joint], quat_conjugate(world[:-1, joint]))
        swing = quat_between(bone[:-1], bone[1:])
        rest = quat_multiply(turn, quat_conjugate(swing))
        twists.append(2 * torch.atan2(rest[:, :3].norm(dim=-1), rest[:, 3].abs()))
        bends.append(2 * torch.atan2(swing[:, :3].norm(dim=-1), swing[:, 3].abs()))
    return torch.rad2deg(torch.stack(twists, dim=1)), torch.rad2deg(torch.stack(bends, dim=1))


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """One corpus."""
    frames = sum(row["frames"] for row in rows)
    return {
        "clips": len(rows),
        "frames": int(frames),
        "mean_m": sum(row["sum_m"] for row in rows) / frames,
        "worst_m": max(row["worst_m"] for row in rows),
        "flips": int(sum(row["flips"] for row in rows)),
        "beyond_degrees": max(row["beyond_degrees"] for row in rows),
        "broken_in_the_recording": int(sum(row["broken"] for row in rows)),
    }


def tables(results: dict[str, Any]) -> str:
    """The figures as Markdown."""
    names = bodies()
    cells = {(row["from"], row["to"]): row for row in results["pairs"]}

    def grid(key: str, factor: float) -> str:
        rows = [[a, *("" if a == b else f"{factor * cells[a, b][key]:.1f}" for b in names)] for a in names]
        return table(["from \\ to", *names], rows)

    worst = {key: max(row[key] for row in results["pairs"]) for key in ("there_and_back_m", "slide_m_s")}
    bars = [[key, f"{worst[key]:.4f}", f"{BARS[key]:g}", against(worst[key], BARS[key])] for key in worst]
    bars.append(["retarget_s", f"{results['retarget_s']:.3f}", "1", against(results["retarget_s"], 1.0)])
    for corpus, row in results["from_positions"].items():
        for key in ("mean_m", "worst_m", "flips"):
            bars.append([f"{key}, {corpus}", f"{row[key]:.4g}", f"{BARS[key]:g}", against(row[key], BARS[key])])
    return "\n\n".join(
        [
            "Every pair's worst, and motion from positions:",
            table(["figure", "value", "bar", "kept"], bars),
            "Mean joint error of A to B and back, millimeters:",
            grid("there_and_back_m", 1e3),
            "Mean ground speed on B of feet that stand on A, millimeters a second:",
            grid("slide_m_s", 1e3),
        ]
    )


if __name__ == "__main__":
    main()
