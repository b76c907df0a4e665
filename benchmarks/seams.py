"""How smooth edits are where they meet: acceleration at loops, joins, beginnings and ends, over the clip's own.

    python benchmarks/seams.py --data data/prepared [--clips 6] [--tasks "loop --cut" loop then] [--label after]

Of each corpus, validation clips spread evenly. *Seam*: the greatest acceleration of any joint within ``NEAR`` frames of
where two stretches meet: a border of what was sampled; of a spread seam the frame where one clip goes over into the
other; of a loop, going round three times, where its rounds meet. Second differences at 30 steps a second. *Own*: the
95th percentile, over the source's frames, of the fastest joint's. The bar is 1.2 times that. *Changed*: the greatest in
all frames that were changed, over the same; natural motion has about 1.3. *Skate*: mean speed of the toes while down,
m/s, that of the source beside it. Writes ``docs/results/seams.json``, a part per ``--label``.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import RESULTS, save, table

from kinescale.data.prepared import open_prepared
from kinescale.kinematics.contacts import floor_height, foot_slide
from kinescale.metrics.ground import DOWN_M
from kinescale.motion import Motion
from kinescale.pipelines import Edited, Editor
from kinescale.pipelines.editing.blend import ACCELERATION_FPS, joint_accelerations
from kinescale.pipelines.editing.cycle import in_a_row
from kinescale.pipelines.editing.tasks.loop import Looped, LoopOptions

NEAR, BAR, ROUNDS = 2, 1.2, 3
SHORTEST_S, LONGEST_S = 1.5, 6.0


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=6, help="of each corpus")
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--label", default="after", help="under which name the figures are kept")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    editor, rows = Editor.from_pretrained(), defaultdict(list)
    for corpus, clips in corpora(options.data, options.clips):
        for k, clip in enumerate(clips):
            for task in options.tasks:
                began = time.process_time()
                seam = TASKS[task](editor, clip, clips[(k + 1) % len(clips)])
                rows[task, corpus].append({**seam.figures(), "cpu_s": time.process_time() - began})
    found = {task: summary(rows, task) for task in options.tasks}
    path = options.out / "seams.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else {}
    save("seams", {"figures": {**kept, options.label: found}}, options.out)
    head = [
        "edit",
        "corpus",
        "seam m/s2",
        "own p95",
        "median ratio",
        "worst",
        f"within {BAR}",
        "changed",
        "skate",
        "was",
    ]
    print(table(head, [cells(task, corpus, row) for task, every in found.items() for corpus, row in every.items()]))


def corpora(folder: Path, count: int) -> list[tuple[str, list[Motion]]]:
    """Validation clips of each corpus; composed ones are no recordings."""
    found = []
    for name in sorted(path.parent.name for path in folder.glob("*/manifest.json")):
        if name.startswith("composed"):
            continue
        prepared = open_prepared(folder / name)
        fitting = [
            i for i, clip in enumerate(prepared.clips)
            if clip.split == "val" and SHORTEST_S <= clip.frames / prepared.fps <= LONGEST_S
        ]  # fmt: skip
        chosen = [fitting[k * len(fitting) // count] for k in range(min(count, len(fitting)))]
        found.append((name, [prepared.motion(i) for i in dict.fromkeys(chosen)]))
    return [(name, clips) for name, clips in found if clips]


@dataclass(frozen=True, eq=False)
class Seam:
    """A motion that was made, the frames where something meets, the changed stretch, and what it was made of."""

    made: Motion
    borders: Sequence[int]
    changed: tuple[int, int]
    sources: Sequence[Motion]

    def figures(self) -> dict[str, float]:
        """Accelerations at the borders and in all that was changed, those of the sources, and the skate of both."""
        own = float(np.percentile(np.concatenate([fastest(clip) for clip in self.sources]), 95))
        every = fastest(self.made)
        near = [every[max(0, at - NEAR - 1) : at + NEAR] for at in self.borders if 0 < at < len(self.made)]
        seam = max(float(one.max()) for one in near if len(one))
        changed = float(every[max(0, self.changed[0] - 2) : self.changed[1]].max())
        around = self.made.slice(max(0, self.changed[0] - 5), min(len(self.made), self.changed[1] + 5))
        skates = [skate(clip, self.sources[0]) for clip in self.sources]
        return {
            "seam": seam, "own": own, "ratio": seam / own, "changed": changed / own,
            "skate": skate(around, self.sources[0]), "skate_source": float(np.mean(skates)),
        }  # fmt: skip


def fastest(motion: Motion) -> np.ndarray:
    """Of each frame that has neighbors, the greatest acceleration of a joint; value i is of frame i + 1."""
    assert round(motion.fps / ACCELERATION_FPS) == 1
    return joint_accelerations(motion).amax(1).numpy()


def skate(motion: Motion, source: Motion) -> float:
    """Mean speed of the toes while they are as low as standing toes of the source."""
    toes = [motion.skeleton.role(f"{side}_toes") for side in ("left", "right")]
    level = floor_height(source.positions()[:, toes])
    at = motion.positions()[:, toes].double()
    return foot_slide(at, at[..., 1] - level < DOWN_M, motion.fps)


def _loop(options: LoopOptions) -> Callable[[Editor, Motion, Motion], Seam]:
    def run(editor: Editor, clip: Motion, _other: Motion) -> Seam:
        edited = editor.loop(clip, loop=options)
        assert isinstance(edited, Looped)
        made, (start, stop) = edited.motions[0], edited.spans[0]
        count = len(made)
        row = in_a_row(made, edited.offsets[0], ROUNDS)
        borders = [count, 2 * count, *([start, stop] if start > 0 else [])]
        return Seam(row, borders, (start, count + 3), (clip,))

    return run


def _then(editor: Editor, clip: Motion, other: Motion) -> Seam:
    edited = editor.then(clip, other, 1.0)
    left = re.findall(r"left at its frame (\d+)", " ".join(edited.notes))
    return _between(edited, (clip, other), [int(left[0])] if left else edited.spans[0])


def _join(editor: Editor, clip: Motion, other: Motion) -> Seam:
    return _between(editor.inbetween(clip, other, 1.0), (clip, other))


def _prefix(editor: Editor, clip: Motion, _other: Motion) -> Seam:
    return _between(editor.prefix(clip, clip.duration_s / 2), (clip,))


def _suffix(editor: Editor, clip: Motion, _other: Motion) -> Seam:
    return _between(editor.suffix(clip, clip.duration_s / 2), (clip,))


def _between(edited: Edited, sources: Sequence[Motion], borders: Sequence[int] | None = None) -> Seam:
    return Seam(edited.motions[0], borders or edited.spans[0], edited.spans[0], sources)


TASKS: dict[str, Callable[[Editor, Motion, Motion], Seam]] = {
    "loop --cut": _loop(LoopOptions(0.4, cut=True)),
    "loop": _loop(LoopOptions(0.5)),
    "then": _then,
    "in between": _join,
    "prefix": _prefix,
    "suffix": _suffix,
}


def summary(rows: dict[tuple[str, str], list[dict[str, float]]], task: str) -> dict[str, dict[str, Any]]:
    """Of all clips and of each corpus: medians, the worst ratio and the share within the bar."""
    groups = {corpus: found for (name, corpus), found in rows.items() if name == task}
    groups = {"all": [row for found in groups.values() for row in found], **groups}
    return {
        corpus: {
            "clips": len(found),
            **{f"median_{key}": float(np.median([row[key] for row in found])) for key in found[0]},
            "worst_ratio": max(row["ratio"] for row in found),
            "within": float(np.mean([row["ratio"] <= BAR for row in found])),
        }
        for corpus, found in groups.items()
    }


def cells(task: str, corpus: str, row: dict[str, Any]) -> list[str]:
    """One line of the table."""
    medians = [f"{row[f'median_{key}']:.1f}" for key in ("seam", "own")]
    ratios = [f"{row['median_ratio']:.2f}", f"{row['worst_ratio']:.2f}", f"{row['within']:.0%}"]
    return [
        task,
        corpus,
        *medians,
        *ratios,
        *(f"{row[f'median_{k}']:.2f}" for k in ("changed", "skate", "skate_source")),
    ]


if __name__ == "__main__":
    main()
