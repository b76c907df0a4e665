"""How real joints accelerate, and how edits of real clips meet them: the untouched part, the seams, the time.

    python benchmarks/editing.py --data data/prepared [--limit] [--clips 6] [--bundles default]

``--limit`` measures captured motion first (clips of the validation split) and writes
``src/kinescale/edits/real_motion.json``, the bound that blends are widened for. The edits go to
``docs/results/editing.json`` and the table in ``docs/editing.md``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from _record import RESULTS, command_line, save, table

from kinescale.core.files import atomic_write_text
from kinescale.core.records import write_json
from kinescale.datasets.prepared import Prepared, open_prepared
from kinescale.edits import outside
from kinescale.edits.seam import ACCELERATION_FPS, LIMIT_M_S2, joint_accelerations
from kinescale.motion import Motion
from kinescale.pipeline import Editor

LIMIT_FILE = Path("src/kinescale/edits/real_motion.json")
PAGE, MARKS = Path("docs/editing.md"), ("<!-- figures -->\n", "<!-- end of figures -->")
LEAST_FRAMES, CLIPS_A_CORPUS = 10, 60
TASKS: dict[str, dict[str, Any]] = {
    "a second, with a prompt": {"prompt": "a person waves with the right hand", "share": (0.4, 1.0)},
    "a second, without": {"prompt": None, "share": (0.4, 1.0)},
    "one arm, two seconds": {"prompt": "a person waves with the right hand", "share": (0.3, 2.0), "parts": "right_arm"},
    "the second half": {"prompt": None, "share": (0.5, None)},
}
"""What is edited: where it begins, as a share of the clip, and how many seconds it lasts."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", action="store_true", help="measure captured motion only")
    parser.add_argument("--clips", type=int, default=6, help="edited, spread over the validation split")
    parser.add_argument("--bundles", default="default")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    data = open_prepared(chosen.data)
    if chosen.limit:
        write_json(LIMIT_FILE, {"command": command_line(), **captured(data)})
        print(LIMIT_FILE.read_text(encoding="utf-8"))
        return
    rows = {name: edits(data, Editor.from_pretrained(name), chosen.clips) for name in chosen.bundles.split(",")}
    path = save("editing", {"limit_m_s2": LIMIT_M_S2, "clips": chosen.clips, "bundles": rows}, chosen.out)
    figures = told(rows)
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    atomic_write_text(PAGE, before + MARKS[0] + "\n" + figures + "\n" + MARKS[1] + rest.partition(MARKS[1])[2])
    print(figures, path, sep="\n")


def captured(data: Prepared) -> dict[str, Any]:
    """Percentiles over all joints and frames of held-out captured clips, an equal number a corpus at most."""
    found: dict[str, list[torch.Tensor]] = {}
    for index, clip in enumerate(data.clips):
        some = found.setdefault(clip.corpus, [])
        if clip.split == "val" and clip.frames >= LEAST_FRAMES and len(some) < CLIPS_A_CORPUS:
            some.append(joint_accelerations(data.motion(index)))
    everything = torch.cat([one.flatten() for some in found.values() for one in some])
    peaks = torch.cat([one.amax(1) for some in found.values() for one in some])
    return {
        "joint_acceleration_p99_m_s2": percentile(everything, 0.99),
        "joint_acceleration_p50_m_s2": percentile(everything, 0.5),
        "fastest_joint_of_a_frame_p99_m_s2": percentile(peaks, 0.99),
        "steps_a_second": ACCELERATION_FPS,
        "split": "val",
        "clips": {corpus: len(some) for corpus, some in found.items()},
        "frames": len(peaks),
        "joints": int(len(everything) / len(peaks)),
        "skeleton": data.skeleton.name,
    }


def percentile(values: torch.Tensor, share: float) -> float:
    """The value that a share of all are at most."""
    return round(float(values.sort().values[min(len(values) - 1, int(share * len(values)))]), 2)


def edits(data: Prepared, editor: Editor, count: int) -> dict[str, Any]:
    """Figures a task over ``count`` clips spread evenly over the validation split."""
    fitting = [i for i, clip in enumerate(data.clips) if clip.split == "val" and 100 <= clip.frames <= 600]
    picked = [fitting[k * len(fitting) // count] for k in range(count)]
    rows = {}
    for name, task in TASKS.items():
        moved, peaks, own, blends, seconds = [], [], [], [], []
        for seed, index in enumerate(picked):
            clip = data.motion(index)
            first, length = task["share"]
            start = round(first * len(clip))
            stop = len(clip) if length is None else min(len(clip), start + round(length * clip.fps))
            began = time.perf_counter()
            parts = task.get("parts", ())
            edited = editor.edit(clip, task["prompt"], frames=(start, stop), parts=parts, seed=seed)
            seconds.append(time.perf_counter() - began)
            moved.append(untouched(edited.motions[0], clip, edited.spans))
            peaks += [seam.peak_m_s2 for seam in edited.seams[0]]
            own.append(float(joint_accelerations(clip).max()))
            blends += [seam.blend / clip.fps for seam in edited.seams[0]]
        rows[name] = {
            "untouched_moved_rad": max(moved),
            "seam_peak_m_s2_median": statistics.median(peaks),
            "seam_peak_m_s2_worst": max(peaks),
            "clips_own_peak_m_s2_median": statistics.median(own),
            "seams_within_limit": sum(peak <= LIMIT_M_S2 for peak in peaks) / len(peaks),
            "blend_s_median": statistics.median(blends),
            "seconds_median": statistics.median(seconds),
        }
    return rows


def untouched(made: Motion, clip: Motion, spans: tuple[tuple[int, int], ...]) -> float:
    """The greatest change of a local rotation's numbers outside the spans (the root's own aside, after the first)."""
    worst = 0.0
    for start, stop in outside(spans, len(clip)):
        joints = slice(0 if start == 0 else 1, None)
        change = (made.rotations[start:stop, joints] - clip.rotations[start:stop, joints]).abs().max()
        worst = max(worst, float(change))
    return worst


def told(rows: dict[str, Any]) -> str:
    """The table, a row a bundle and task."""
    head = ["bundle", "edit", "untouched moved", "seam, median", "seam, worst", "within", "blend s", "time s"]
    lines = [
        [
            bundle if bundle == "default" else Path(bundle).name,
            name,
            f"{row['untouched_moved_rad']:g}",
            f"{row['seam_peak_m_s2_median']:.1f}",
            f"{row['seam_peak_m_s2_worst']:.1f}",
            f"{100 * row['seams_within_limit']:.0f} %",
            f"{row['blend_s_median']:.2f}",
            f"{row['seconds_median']:.1f}",
        ]
        for bundle, tasks in rows.items()
        for name, row in tasks.items()
    ]
    return table(head, lines)


if __name__ == "__main__":
    main()
