"""How exactly motions go where they should, and what that costs: error, foot skating, the evaluator's score, time.

    python benchmarks/control.py --data data/prepared [--clips 3] [--seed 0] [--densities NAME ...] [--ladder 0 25 ...]

As the field does it (Xie et al. 2024, OmniControl, section 4): a held-out clip's caption is the prompt, and its joint's
own track, in 1, 2, 5, a quarter or all of its frames, is what a motion drawn for that prompt must keep. Also one pose
of the clip at a key frame. Then the same at more steps of optimization. Writes ``docs/results/control.json`` and the
tables in ``docs/control.md``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from _record import RESULTS, save, table

from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.core.files import atomic_write_text
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.metrics.ground import ground
from kinescale.metrics.jitter import jitter
from kinescale.motion import Motion
from kinescale.motion.canonicalize import canonicalize
from kinescale.pipelines import Controlled, Controller, ControlOptions, TextToMotion
from kinescale.pipelines.control.clip_control import foot_skate
from kinescale.pipelines.control.constraints import Constraint, Constraints, JointPin, PosePin

EVALUATOR = Path("src/kinescale/bundle/default_evaluator")
PAGE, MARKS = Path("docs/control.md"), ("<!-- figures -->\n", "<!-- end of figures -->")
JOINTS = {"pelvis": "hips", "right wrist": "right_wrist", "left foot": "left_ankle", "head": "head"}
DENSITIES = {"1 frame": 1, "2 frames": 2, "5 frames": 5, "25 %": 0.25, "100 %": 1.0}
LADDER = (0, 25, 100, 300, 600)
LADDER_CASES = (("pelvis", "25 %"), ("right wrist", "5 frames"))
SHORTEST, LONGEST, POOL = 60, 110, 32


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=3, help="spread over the validation split")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--densities", nargs="*", default=list(DENSITIES), choices=list(DENSITIES))
    parser.add_argument("--ladder", nargs="*", type=int, default=list(LADDER), help="steps of the second table")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    data = open_prepared(chosen.data)
    bench = Bench(data, chosen.clips, chosen.seed)
    began = time.process_time()
    rows = {"recorded": bench.recorded(), "uncontrolled": bench.uncontrolled()}
    rows |= {f"{joint}, {density}": bench.case(joint, density) for joint in JOINTS for density in chosen.densities}
    rows["key pose, free"] = bench.case("pose", "1 frame")
    ladder = {
        f"{joint}, {density}": {str(steps): bench.case(joint, density, steps) for steps in chosen.ladder}
        for joint, density in LADDER_CASES
        if chosen.ladder
    }
    results = {"clips": bench.ids, "steps": "fast", "rows": rows, "ladder": ladder}
    path = save("control", {**results, "cpu_s": time.process_time() - began}, chosen.out)
    figures = told(rows, ladder)
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    atomic_write_text(PAGE, before + MARKS[0] + "\n" + figures + "\n" + MARKS[1] + rest.partition(MARKS[1])[2])
    print(figures, path, sep="\n")


class Bench:
    """Held-out clips with their captions, the default bundle, and the evaluator's view of the captions."""

    def __init__(self, data: Prepared, count: int, seed: int):
        self.seed = seed
        self.controller = Controller.from_pretrained()
        self.evaluator = EvaluatorBundle.from_pretrained(EVALUATOR)
        fitting = [
            i for i, c in enumerate(data.clips) if c.split == "val" and c.captions and SHORTEST <= c.frames <= LONGEST
        ]
        # spread over the split, and no caption twice
        by_caption = {data.clips[i].captions[0]: i for i in reversed(fitting)}
        distinct = sorted(by_caption.values())
        picked = [distinct[k * len(distinct) // count] for k in range(count)]
        self.ids = [data.clips[i].id for i in picked]
        self.prompts = [data.clips[i].captions[0] for i in picked]
        self.clips = [canonicalize(data.motion(i)) for i in picked]
        others = [text for text in by_caption if text not in self.prompts][: POOL - 1]
        self.texts = self.evaluator.embed_text([*self.prompts, *others])

    def recorded(self) -> dict[str, Any]:
        """The clips themselves."""
        return {**self._natural(self.clips), "seconds": 0.0}

    def uncontrolled(self) -> dict[str, Any]:
        """The same prompts without control."""
        pipeline = TextToMotion(self.controller.bundle)
        made, spent = [], []
        for prompt, clip in zip(self.prompts, self.clips, strict=True):
            began = time.process_time()
            made.append(pipeline(prompt, len(clip) / clip.fps, 1, self.seed).motions[0])
            spent.append(time.process_time() - began)
        return {**self._natural(made), "seconds": statistics.mean(spent)}

    def case(self, joint: str, density: str, steps: int | str = "fast") -> dict[str, Any]:
        """One kind of constraint on all clips."""
        done: list[Controlled] = []
        options = ControlOptions(seed=self.seed, steps=steps)
        spent = []
        for prompt, clip in zip(self.prompts, self.clips, strict=True):
            wanted = Constraints((pose(clip) if joint == "pose" else track(clip, joint, density),))
            began = time.process_time()
            done.append(self.controller.generate(prompt, wanted, len(clip) / clip.fps, options=options))
            spent.append(time.process_time() - began)
        errors = [one.errors[0][0] for one in done]
        skates = [point.foot_skate_m_s or 0.0 for one in done for point in one.clips[0].curve[-1:]]
        return {
            "error_m": statistics.mean(one.mean_m or 0.0 for one in errors),
            "worst_m": max(one.worst_m or 0.0 for one in errors),
            "met": sum(one.met for one in errors) / len(errors),
            "before_m": statistics.mean(one.clips[0].curve[0].mean_m if one.clips[0].curve else 0.0 for one in done),
            "decoder_m": statistics.mean(one.clips[0].curve[-1].mean_m if one.clips[0].curve else 0.0 for one in done),
            "decoder_foot_skate_m_s": statistics.mean(skates) if skates else 0.0,
            "steps": statistics.mean(one.clips[0].steps for one in done),
            "corrected_turn_rad": max(one.clips[0].turned_rad for one in done),
            "corrected_root_m": max(one.clips[0].moved_m for one in done),
            "seconds": statistics.mean(spent),
            **self._natural([one.motions[0] for one in done]),
        }

    def _natural(self, motions: Sequence[Motion]) -> dict[str, float]:
        """Foot skating, and how well the evaluator finds each motion's caption among ``POOL``."""
        embedded, _ = self.evaluator.embed_motions([motion.to(torch.float32) for motion in motions])
        apart = torch.cdist(embedded, self.texts)
        own = apart.diagonal()
        return {
            "foot_skate_m_s": statistics.mean(foot_skate(motion) or 0.0 for motion in motions),
            "toes_m_s": statistics.mean(ground(motion).skate or 0.0 for motion in motions),
            "jerk_m_s3": statistics.mean(jitter(motion.positions().double(), motion.fps) for motion in motions),
            "matching": float(own.mean()),
            "r_precision_3": float(((apart < own[:, None]).sum(1) < 3).float().mean()),
        }


def track(clip: Motion, joint: str, density: str) -> Constraint:
    """A joint's own places in some frames, evenly spread."""
    count = DENSITIES[density]
    number = round(count * len(clip)) if isinstance(count, float) else count
    frames = sorted({round((k + 0.5) * len(clip) / number - 0.5) for k in range(number)})
    places = clip.positions()[frames, clip.skeleton.role(JOINTS[joint])].double().numpy()
    return JointPin(f"{joint}, {density}", tuple(frames), joint=JOINTS[joint], positions=places)


def pose(clip: Motion) -> Constraint:
    """The clip's pose in the middle, at that frame."""
    middle = len(clip) // 2
    return PosePin("pose", (middle,), pose=clip.slice(middle, middle + 1))


def told(rows: dict[str, Any], ladder: dict[str, Any]) -> str:
    """Both tables."""
    head = [
        "asked",
        "error mm",
        "worst mm",
        "met",
        "by the decoder mm",
        "foot skate cm/s",
        "toes cm/s",
        "jerk m/s³",
        "matching",
        "R@3",
        "CPU s",
    ]
    lines = [[name, *_cells(row)] for name, row in rows.items()]
    first = table(head, lines)
    steps = [[name, count, *_cells(row)] for name, runs in ladder.items() for count, row in runs.items()]
    return first + "\n\n" + table(["asked", "steps", *head[1:]], steps) if steps else first + "\n"


def _cells(row: dict[str, Any]) -> list[str]:
    error = ["-", "-", "-", "-"]
    if "error_m" in row:
        error = [f"{1000 * row['error_m']:.1f}", f"{1000 * row['worst_m']:.1f}", f"{100 * row['met']:.0f} %"]
        error.append(f"{1000 * row['before_m']:.0f} to {1000 * row['decoder_m']:.0f}")
    natural = [f"{100 * row['foot_skate_m_s']:.1f}", f"{100 * row['toes_m_s']:.1f}", f"{row['jerk_m_s3']:.0f}"]
    natural += [f"{row['matching']:.2f}", f"{100 * row['r_precision_3']:.0f} %"]
    return [*error, *natural, f"{row['seconds']:.1f}"]


if __name__ == "__main__":
    main()
