"""Measured captions against the labels of real clips, their speed, and how often real motion does what it says.

    python benchmarks/describe.py --data DIR [--out docs]

DIR is a folder made by ``kinescale prepare``. Writes ``results/describe.json`` (agreement per class, every
disagreement, the real data's own instruction-following rates, clips a second) and the tables in ``describe.md``.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from _describe_page import page
from _record import save

from kinescale.core.files import atomic_write_text
from kinescale.data.datasets import label_claims
from kinescale.data.prepared import open_prepared
from kinescale.description import Description, describe
from kinescale.description.claim_rates import KINDS, rates
from kinescale.description.claim_scores import score
from kinescale.description.claims import Claim

CLASSES = {
    "direction": "direction of travel",
    "turn_side": "turn side",
    "turn_angle": "turn angle",
    "speed": "gait and speed",
    "limb_side": "limb and side",
    "repetition": "count",
    "order": "order of two actions",
}
SPEED_CLIPS, SPEED_SECONDS, WORKERS = 300, (4.5, 7.5), 2
CHANCE_DRAWS = 20


def main() -> None:
    """Describe every clip, compare with its label, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    chosen = parser.parse_args()
    found = _described(chosen.data)
    rows = _rows(found)
    results = {
        "clips": len(found),
        "claims": len(rows),
        "bars": {"clips_per_second": 200},
        "agreement": _agreement(rows),
        "disagreements": [_told(row) for row in rows if not row["fulfilled"]],
        "real_rates": _real_rates(rows, found),
        "speed": _speed(chosen.data),
    }
    save("describe", results, chosen.out / "results")
    atomic_write_text(chosen.out / "describe.md", page(results, CLASSES))
    print(f"{len(results['disagreements'])} of {len(rows)} claims of labels not met; {results['speed']}")


def _described(folder: Path) -> dict[str, tuple[str, str, Description]]:
    """Id -> (corpus, label, description) of every clip whose label claims something."""
    data = open_prepared(folder)
    found = {}
    for index, clip in enumerate(data.clips):
        if label_claims(clip.corpus, clip.action, _take(clip.id)):
            found[clip.id] = (clip.corpus, clip.action, describe(data.motion(index)))
    return found


def _take(clip_id: str) -> str:
    return clip_id.split("/", 1)[1]


def _rows(found: dict[str, tuple[str, str, Description]]) -> list[dict[str, Any]]:
    rows = []
    for clip, (corpus, action, description) in found.items():
        for claim in label_claims(corpus, action, _take(clip)):
            made = score(claim, description)
            rows.append(
                {
                    "clip": clip,
                    "corpus": corpus,
                    "label": action if corpus != "cmu" else "take",
                    "claim": claim,
                    "fulfilled": made.fulfilled,
                    "measured": made.measured,
                }
            )
    return rows


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "claim": row["claim"].model_dump(mode="json", exclude_defaults=True)}


def _agreement(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per kind of claim and label: clips, and those that agree."""
    groups: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for row in rows:
        groups[row["claim"].kind, row["corpus"], row["label"]].append(row["fulfilled"])
    return [
        {"kind": kind, "corpus": corpus, "label": label, "clips": len(done), "agree": sum(done)}
        for (kind, corpus, label), done in sorted(groups.items())
    ]


def _real_rates(rows: list[dict[str, Any]], found: dict[str, tuple[str, str, Description]]) -> list[dict[str, Any]]:
    """Per kind the real data's own rate, and how often another real clip, drawn blindly, would fulfil the claim."""
    others = [description for _, _, description in found.values()]
    rng = random.Random(0)
    chance: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        claim: Claim = row["claim"]
        chance[claim.kind] += [score(claim, d).fulfilled for d in rng.sample(others, CHANCE_DRAWS)]
    own = rates((row["claim"].kind, row["fulfilled"]) for row in rows)
    return [
        {**rate.to_json(), "chance": sum(chance[kind]) / len(chance[kind]) if chance[kind] else None}
        for kind, rate in zip(KINDS, own, strict=True)
    ]


def _chosen(folder: Path) -> list[int]:
    data = open_prepared(folder)
    fit = [i for i, clip in enumerate(data.clips) if SPEED_SECONDS[0] <= clip.frames / clip.fps <= SPEED_SECONDS[1]]
    return fit[:: max(1, len(fit) // SPEED_CLIPS)][:SPEED_CLIPS]


def _seconds(folder: Path, clips: list[int]) -> tuple[float, float, float]:
    """Wall and processor seconds for describing clips that are in memory, and the clips' mean length."""
    data = open_prepared(folder)
    motions = [data.motion(index) for index in clips]
    for motion in motions[:5]:
        describe(motion)
    start, spent = time.perf_counter(), time.process_time()
    for motion in motions:
        describe(motion)
    length = sum(motion.duration_s for motion in motions) / len(motions)
    return time.perf_counter() - start, time.process_time() - spent, length


def _speed(folder: Path) -> dict[str, float]:
    """Clips a second in one process and in two side by side."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    clips = _chosen(folder)
    wall, spent, length = _seconds(folder, clips)
    with ProcessPoolExecutor(WORKERS) as pool:
        walls = [w for w, _, _ in pool.map(_seconds, [folder] * WORKERS, [clips] * WORKERS)]
    return {
        "clips": len(clips),
        "mean_clip_seconds": length,
        "per_second_one_process": len(clips) / wall,
        "per_processor_second": len(clips) / spent,
        "per_second_two_processes": WORKERS * len(clips) / max(walls),
    }


if __name__ == "__main__":
    main()
