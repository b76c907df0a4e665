"""In-betweening by the protocol of the field, on clips that nobody trained on: ours against what is free.

    python benchmarks/inbetween.py --data data/prepared [--rows NAME ...] [--most 400]
    python benchmarks/inbetween.py --bvh FOLDER [--test subject5]

Harvey et al. 2020, "Robust Motion In-betweening", section 5: 10 past frames and one target frame, gaps of 5, 15, 30 and
45 frames, windows every 40 frames, 30 frames per second; L2Q on global quaternions, L2P normalized by the deviation of
training windows, NPSS, all in the gap's frames only. Besides: error of joints, sliding of feet and jerk, those of the
recordings beside them. With ``--data``, the validation and test clips of every corpus, by class, too; with ``--bvh``,
files whose name holds ``--test`` are measured, the others give the deviation (all give both if none is so named).
Writes ``docs/results/inbetween.json`` (``inbetween_bvh.json``) and the tables in ``docs/inbetween.md``.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import RESULTS, save, table
from torch import Tensor

from kinescale import read_motion
from kinescale.core.files import atomic_write_text
from kinescale.data.prepared.reader import open_prepared
from kinescale.kinematics.rotations import quat_about_y, quat_apply
from kinescale.metrics import l2p, l2q, npss
from kinescale.metrics.foot_skate import sole_skate
from kinescale.metrics.jitter import third_derivative
from kinescale.motion.canonicalize import FEET, facing_yaw
from kinescale.motion.clean_up.base import rest_heights
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample
from kinescale.pipelines.editing.inbetween_network import load
from kinescale.pipelines.editing.infill import InfillOptions, infill, interpolate, meet_velocities

PAST, EVERY, FPS = 10, 40, 30.0
GAPS = (5, 15, 30, 45)
TRAIN_FRAMES, TRAIN_EVERY = 50, 20
LEAST_OF_CLASS = 8
"""Windows, at the shortest gap, that a class needs for a row of its own."""
PAGE, MARKS = Path("docs/inbetween.md"), ("<!-- figures -->\n", "<!-- end of figures -->")
METRICS = ("l2q", "l2p", "npss", "joint_cm", "skate_m_s", "jerk_m_s3")

Filler = Callable[[Motion, tuple[int, int]], Motion]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path)
    source.add_argument("--bvh", type=Path)
    parser.add_argument("--test", default="subject5", help="part of the names of BVH files that are measured")
    parser.add_argument("--rows", nargs="*", default=list(fillers(None)), choices=list(fillers(None)))
    parser.add_argument("--gaps", nargs="*", type=int, default=list(GAPS))
    parser.add_argument("--most", type=int, help="windows of each corpus and gap, spread evenly; all when not given")
    parser.add_argument("--weights", type=Path, help="folder of an in-betweening network; the package's when not given")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    source = Corpora(options.data) if options.data else Folder(options.bvh, options.test)
    chosen = {name: made for name, made in fillers(options.weights).items() if name in options.rows}
    results = {f"gap {gap}": measured(source, gap, chosen, options.most) for gap in options.gaps}
    path = save("inbetween" if options.data else "inbetween_bvh", {"rows": list(chosen), **results}, options.out)
    page = figures(results, list(chosen))
    if options.data and options.out == RESULTS:
        before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
        atomic_write_text(PAGE, before + MARKS[0] + "\n" + page + "\n" + MARKS[1] + rest.partition(MARKS[1])[2])
    print(page, path, sep="\n")


def fillers(weights: Path | None) -> dict[str, Filler]:
    """What is compared: name of the row -> how a gap is filled. The floor of prepared data and of LAFAN1 is y = 0."""
    network = load(weights) if weights else None

    def ours(**steps: Any) -> Filler:
        return lambda clip, span: infill(clip, span, InfillOptions(floor=0.0, **steps), network=network).motion

    return {
        "zero velocity": held,
        "interpolation": interpolate,
        "inertialized": lambda clip, span: meet_velocities(interpolate(clip, span), span),
        "network alone": ours(borders=0.0, feet=False),
        "infill": ours(),
    }


def held(clip: Motion, span: tuple[int, int]) -> Motion:
    """The last frame before the gap, held."""
    root, rotations = clip.root.clone(), clip.rotations.clone()
    root[span[0] : span[1]], rotations[span[0] : span[1]] = root[span[0] - 1], rotations[span[0] - 1]
    return clip.replace(root=root, rotations=rotations)


@dataclass(frozen=True, eq=False)
class Item:
    """A clip to cut windows from, its corpus and its class."""

    clip: Motion
    corpus: str
    label: str


class Corpora:
    """Held-out clips of prepared corpora; composed ones are no recordings."""

    def __init__(self, folder: Path):
        names = sorted(path.parent.name for path in folder.glob("*/manifest.json"))
        self.prepared = {name: open_prepared(folder / name) for name in names if not name.startswith("composed")}

    def held_out(self) -> Iterator[Item]:
        """Validation and test."""
        for name, prepared in self.prepared.items():
            for i, clip in enumerate(prepared.clips):
                if clip.split in ("val", "test"):
                    yield Item(prepared.motion(i), name, clip.action)

    def training(self) -> Iterator[Motion]:
        """Every twentieth clip of training, for the deviation."""
        for prepared in self.prepared.values():
            chosen = [i for i, clip in enumerate(prepared.clips) if clip.split == "train"]
            yield from (prepared.motion(i) for i in chosen[::20])


class Folder:
    """BVH files, brought to 30 frames per second; a class is the name up to the first digit or underscore."""

    def __init__(self, folder: Path, test: str):
        files = sorted(folder.rglob("*.bvh"))
        named = [file for file in files if test in file.stem]
        self.test, self.train = named or files, [file for file in files if file not in named] or files

    def held_out(self) -> Iterator[Item]:
        """The files that are measured."""
        for file in self.test:
            label = "".join(c if c.isalpha() else " " for c in file.stem).split()
            yield Item(resample(read_motion(file), FPS).to(torch.float32), "bvh", label[0] if label else file.stem)

    def training(self) -> Iterator[Motion]:
        """The files that give the deviation."""
        yield from (resample(read_motion(file), FPS).to(torch.float32) for file in self.train)


def deviation(source: Corpora | Folder) -> Tensor:
    """Deviation [J, 3] of joint positions over training windows, centered and turned to one facing."""
    rows = []
    for clip in source.training():
        joints = clip.positions()
        for start in range(0, len(clip) - TRAIN_FRAMES + 1, TRAIN_EVERY):
            window = joints[start : start + TRAIN_FRAMES]
            window = window - window[:, :1].mean(0, keepdim=True) * window.new_tensor([1.0, 0.0, 1.0])
            turn = quat_about_y(-facing_yaw(window[PAST - 1], clip.skeleton))
            rows.append(quat_apply(turn, window))
    return torch.cat(rows).double().std(0).clamp(min=1e-6)


@dataclass
class Sums:
    """What the windows of a group add up to, by row."""

    windows: int = 0
    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    tracks: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))

    def means(self, rows: Sequence[str]) -> dict[str, dict[str, float]]:
        """Of each row, every metric."""
        found = {}
        for row in ("recording", *rows):
            found[row] = {name: float(np.mean(values)) for name, values in self.values[row].items()}
            if row != "recording":
                found[row]["npss"] = npss.npss(torch.stack(self.tracks["recording"]), torch.stack(self.tracks[row]))
        return found


def measured(source: Corpora | Folder, gap: int, rows: Mapping[str, Filler], most: int | None) -> dict[str, Any]:
    """All windows of one gap: over everything, by corpus and by class."""
    spread = deviation(source)
    groups: dict[tuple[str, str], Sums] = defaultdict(Sums)
    spent = dict.fromkeys(rows, 0.0)
    for item in windows(source, gap, most):
        span, real = (PAST, PAST + gap), Look.of(item.clip)
        keys = [("all", ""), ("corpus", item.corpus), ("class", f"{item.corpus}: {item.label}")]
        seen = {"recording": real.alone(span)}
        made = {"recording": real}
        for name, fill in rows.items():
            began = time.process_time()
            clip = fill(item.clip, span)
            spent[name] += time.process_time() - began
            made[name] = Look.of(clip)
            seen[name] = {**made[name].alone(span), **made[name].against(real, span, spread)}
        for key in keys:
            groups[key].windows += 1
            for name, values in seen.items():
                for metric, value in values.items():
                    groups[key].values[name][metric].append(value)
                groups[key].tracks[name].append(made[name].track(real, span))
    count = groups["all", ""].windows
    return {
        "windows": count,
        "all": groups["all", ""].means(list(rows)),
        "corpora": {k: {"windows": s.windows, **s.means(list(rows))} for (g, k), s in groups.items() if g == "corpus"},
        "classes": {
            k: {"windows": s.windows, **s.means(list(rows))}
            for (g, k), s in groups.items()
            if g == "class" and s.windows >= LEAST_OF_CLASS
        },
        "seconds_per_window": {name: value / max(1, count) for name, value in spent.items()},
    }


def windows(source: Corpora | Folder, gap: int, most: int | None) -> Iterator[Item]:
    """Past, gap and target, every ``EVERY`` frames; of each corpus at most ``most``, spread evenly."""
    frames = PAST + gap + 1
    found: dict[str, list[tuple[Item, int]]] = defaultdict(list)
    for item in source.held_out():
        found[item.corpus] += [(item, start) for start in range(0, len(item.clip) - frames + 1, EVERY)]
    for rows in found.values():
        kept = len(rows) if most is None else min(most, len(rows))
        for k in range(kept):
            item, start = rows[k * len(rows) // kept]
            yield Item(item.clip.slice(start, start + frames), item.corpus, item.label)


@dataclass(frozen=True, eq=False)
class Look:
    """What is measured of a clip."""

    joints: Tensor
    world: Tensor
    feet: Tensor
    rest: Tensor

    @staticmethod
    def of(clip: Motion) -> Look:
        """In double precision."""
        clip = clip.to(torch.float64)
        joints = clip.positions()
        feet = [clip.skeleton.role(role) for role in FEET if role in clip.skeleton.roles]
        return Look(joints, clip.global_rotations(), joints[:, feet], rest_heights(clip.skeleton)[feet])

    def alone(self, span: tuple[int, int]) -> dict[str, float]:
        """Sliding over the gap with its borders, and jerk of every four frames that touch it."""
        first, stop = span
        jerk = third_derivative(self.joints[max(0, first - 3) : stop + 3], FPS)
        return {
            "skate_m_s": sole_skate(self.feet[first - 1 : stop + 1], self.rest, FPS),
            "jerk_m_s3": float(jerk.mean()),
        }

    def against(self, real: Look, span: tuple[int, int], spread: Tensor) -> dict[str, float]:
        """Errors of the gap's frames."""
        gap = slice(*span)
        return {
            "l2q": l2q.l2q(real.world[gap], self.world[gap]),
            "l2p": l2p.l2p(real.joints[gap], self.joints[gap], spread),
            "joint_cm": 100 * float((real.joints[gap] - self.joints[gap]).norm(dim=-1).mean()),
        }

    def track(self, real: Look, span: tuple[int, int]) -> Tensor:
        """Global quaternions of the gap's frames on the side of the recording's, which go on evenly."""
        gap = slice(*span)
        return npss.aligned(even(real.world[gap]), self.world[gap])


def even(world: Tensor) -> Tensor:
    """Quaternions whose signs do not change over time."""
    signs = torch.where((world[1:] * world[:-1]).sum(-1, keepdim=True) < 0, -1.0, 1.0).to(world)
    return torch.cat([world[:1], world[1:] * signs.cumprod(0)])


def figures(results: Mapping[str, Any], rows: Sequence[str]) -> str:
    """The tables of the page: all windows, corpora and the classes that gain least."""
    parts = []
    for gap, found in results.items():
        head = [
            f"{gap} frames, {found['windows']} windows",
            "L2Q",
            "L2P",
            "NPSS",
            "joints cm",
            "skate m/s",
            "jerk m/s³",
            "ms",
        ]
        body = []
        for row in ("recording", *rows):
            values = found["all"][row]
            cells = [f"{values[m]:.3f}" if m in values else "" for m in METRICS[:3]]
            cells += [
                f"{values[m]:.{d}f}" if m in values else ""
                for m, d in (("joint_cm", 1), ("skate_m_s", 3), ("jerk_m_s3", 0))
            ]
            spent = found["seconds_per_window"].get(row)
            body.append([row, *cells, "" if spent is None else f"{1000 * spent:.0f}"])
        parts.append(table(head, body))
    for kind in ("corpora", "classes"):
        body = ratios(results, kind, rows[-1])
        parts.append(
            table([f"`{rows[-1]}` over interpolation, {kind}", *(f"{g}: L2Q / joints" for g in results)], body)
        )
    return "\n\n".join(parts) + "\n"


def ratios(results: Mapping[str, Any], kind: str, row: str) -> list[list[str]]:
    """Of each group, its errors over those of interpolation; the worst first."""
    names = dict.fromkeys(name for found in results.values() for name in found[kind])
    body = []
    for name in names:
        cells, worst = [], 0.0
        for found in results.values():
            group = found[kind].get(name)
            if group is None or "interpolation" not in group:
                cells.append("")
                continue
            pair = [group[row][m] / max(group["interpolation"][m], 1e-9) for m in ("l2q", "joint_cm")]
            worst = max(worst, *pair)
            cells.append(f"{pair[0]:.2f} / {pair[1]:.2f} ({group['windows']})")
        body.append((worst, [name, *cells]))
    return [cells for _, cells in sorted(body, key=lambda entry: -entry[0])]


if __name__ == "__main__":
    main()
