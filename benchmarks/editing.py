"""Every editing task on held-out clips, for every system: the untouched part, the seams, the prompt, the time.

    python benchmarks/editing.py --data data/prepared [--limit] [--clips 4] [--bundles default] [--runs runs/compare]

``--limit`` measures captured motion first (clips of the validation split) and writes
``src/kinescale/edits/real_motion.json``, the bound that blends are widened for. The edits go to
``docs/results/editing.json``, the tables in ``docs/editing.md`` and a picture a task in ``docs/edits``. ``--bundles``
are bundles; ``--runs`` is a folder of training runs, each of which is a system more.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from _edit_tasks import TASKS, Outcome, Task, equal, moved
from _record import RESULTS, command_line, save, table
from PIL import Image
from torch.nn import functional

from kinescale.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.core.files import atomic_write_text
from kinescale.core.records import write_json
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.description import describe
from kinescale.description.claim_scores import score
from kinescale.evaluation.clips import seen
from kinescale.evaluation.run import find_evaluator
from kinescale.motion import Motion
from kinescale.pipelines import Editor
from kinescale.pipelines.editing.blend import ACCELERATION_FPS, LIMIT_M_S2, joint_accelerations
from kinescale.render import render
from kinescale.training.export import build_bundle

LIMIT_FILE = Path("src/kinescale/edits/real_motion.json")
PAGE, MARKS = Path("docs/editing.md"), ("<!-- figures -->\n", "<!-- end of figures -->")
LEAST_FRAMES, CLIPS_A_CORPUS = 10, 60
SHEETS = Path("docs/edits")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", action="store_true", help="measure captured motion only")
    parser.add_argument("--clips", type=int, default=4, help="edited, spread over the validation split")
    parser.add_argument("--bundles", default="default")
    parser.add_argument("--runs", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    data = open_prepared(chosen.data)
    if chosen.limit:
        write_json(LIMIT_FILE, {"command": command_line(), **captured(data)})
        print(LIMIT_FILE.read_text(encoding="utf-8"))
        return
    bundles = {name: Bundle.from_pretrained(name) for name in chosen.bundles.split(",") if name}
    if chosen.runs is not None:
        bundles |= {
            run.name: build_bundle(run) for run in sorted(chosen.runs.iterdir()) if (run / "run.json").is_file()
        }
    evaluator, _ = find_evaluator("default")
    clips = picked(data, chosen.clips + 1)
    rows: dict[str, Any] = {}
    shown: dict[str, list[tuple[str, Motion]]] = {task.name: [("the clip itself", clips[0])] for task in TASKS}
    for name, bundle in bundles.items():
        rows[name], examples = edits(Editor(bundle), clips, evaluator)
        for task, made in examples.items():
            shown[task].append((name, made))
    sheets(shown)
    result = {"limit_m_s2": LIMIT_M_S2, "clips": chosen.clips, "split": "val", "bundles": rows}
    path = save("editing", result, chosen.out)
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


def picked(data: Prepared, count: int) -> list[Motion]:
    """Clips spread evenly over the validation split, each with its caption in ``meta``."""
    fitting = [i for i, clip in enumerate(data.clips) if clip.split == "val" and 100 <= clip.frames <= 600]
    chosen = [fitting[k * len(fitting) // count] for k in range(count)]
    return [data.motion(i).with_meta(prompt=next(iter(data.clips[i].captions), "a person moves")) for i in chosen]


def edits(
    editor: Editor, clips: list[Motion], evaluator: EvaluatorBundle | None
) -> tuple[dict[str, Any], dict[str, Motion]]:
    """Figures and an example a task: each clip but the last is edited, the next one beside it where two are needed."""
    rows, examples = {}, {}
    for task in TASKS:
        outcomes, seconds = [], []
        for seed, (clip, other) in enumerate(itertools.pairwise(clips)):
            began = time.perf_counter()
            outcome = task.run(editor, clip, other, seed)
            if outcome is None:
                break
            seconds.append(time.perf_counter() - began)
            outcomes.append(outcome)
        if not outcomes:
            continue
        examples[task.name] = outcomes[0].made
        peaks = [peak for one in outcomes for peak in one.peaks]
        blends = [blend for one in outcomes for blend in one.blends]
        rows[task.name] = {
            "untouched_moved": max(moved(one.same) for one in outcomes),
            "untouched_equal": all(equal(one.same) for one in outcomes),
            "untouched_compared": sum(a.numel() for one in outcomes for a, _ in one.same),
            "seams": len(peaks),
            "seam_peak_m_s2_median": statistics.median(peaks) if peaks else None,
            "seam_peak_m_s2_worst": max(peaks) if peaks else None,
            "seams_within_limit": sum(peak <= LIMIT_M_S2 for peak in peaks) / len(peaks) if peaks else None,
            "blend_s_median": statistics.median(blends) if blends else None,
            "seconds_median": statistics.median(seconds),
            **followed(task, outcomes, evaluator),
        }
        print(task.name, rows[task.name], flush=True)
    return rows, examples


def followed(task: Task, outcomes: list[Outcome], evaluator: EvaluatorBundle | None) -> dict[str, Any]:
    """How often the claim was met, and the evaluator's cosine of drawn frames and prompt, beside the source's."""
    drawn = [(one, one.made.slice(*one.drawn)) for one in outcomes if one.drawn is not None]
    if task.prompt is None or not drawn:
        return {"claims_met": None, "similarity": None, "similarity_before": None}
    met = [any(score(claim, describe(part)).fulfilled for claim in task.claims) for _, part in drawn]
    found = {"claims_met": sum(met) / len(met), "similarity": None, "similarity_before": None}
    if evaluator is not None:
        text = functional.normalize(evaluator.embed_text([task.prompt]), dim=-1)
        found["similarity"] = alike(evaluator, [part for _, part in drawn], text)
        found["similarity_before"] = alike(evaluator, [one.before for one, _ in drawn if one.before is not None], text)
    return found


def alike(evaluator: EvaluatorBundle, motions: list[Motion], text: torch.Tensor) -> float | None:
    """Mean cosine of motions and a sentence."""
    if not motions:
        return None
    ready = [seen(motion, evaluator.feature) for motion in motions]
    return float((functional.normalize(evaluator.embed_motions(ready)[0], dim=-1) @ text.T).mean())


def sheets(shown: dict[str, list[tuple[str, Motion]]]) -> None:
    """One picture a task: the first clip, and what each system made of it."""
    SHEETS.mkdir(exist_ok=True)
    for task, rows in shown.items():
        name = "_".join(task.replace(",", "").split())
        if len(rows) > 1:
            file = render([motion for _, motion in rows], SHEETS / f"{name}.png", titles=[title for title, _ in rows])
            small(file)


def small(file: Path, width: int = 1000, colors: int = 96) -> None:
    """The picture in fewer pixels and colors: there are many."""
    with Image.open(file) as picture:
        size = (width, round(picture.height * width / picture.width))
        picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).quantize(colors).save(file, optimize=True)


def told(rows: dict[str, Any]) -> str:
    """The tables, one a system."""
    head = ["edit", "untouched moved", "seam, median", "seam, worst", "within", "blend s", "claim met", "cosine"]
    head += ["before", "time s"]
    pages = []
    for bundle, tasks in rows.items():
        lines = [
            [
                name,
                "-"
                if not row["untouched_compared"]
                else "0"
                if row["untouched_equal"]
                else f"{row['untouched_moved']:g}",
                shown_as(row["seam_peak_m_s2_median"], ".1f"),
                shown_as(row["seam_peak_m_s2_worst"], ".1f"),
                shown_as(row["seams_within_limit"], ".0%"),
                shown_as(row["blend_s_median"], ".2f"),
                shown_as(row["claims_met"], ".0%"),
                shown_as(row["similarity"], ".2f"),
                shown_as(row["similarity_before"], ".2f"),
                f"{row['seconds_median']:.1f}",
            ]
            for name, row in tasks.items()
        ]
        pages.append(f"**{bundle}**\n\n{table(head, lines)}")
    return "\n\n".join(pages)


def untouched(row: dict[str, Any]) -> str:
    """0 only where every number is the same to the bit."""
    if not row["untouched_compared"]:
        return "-"
    return "0" if row["untouched_equal"] else f"{row['untouched_moved']:g}"


def shown_as(value: float | None, form: str) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else format(value, form)


if __name__ == "__main__":
    main()
