"""What post-processing does to decoded recordings: sliding, floor, jerk and peaks before and after, by corpus.

    python benchmarks/finishing.py data/prepared/cmu data/prepared/hdm05 --bundle FOLDER --split test --limit 40

Writes ``docs/results/finishing.json``. Measures are those of ``kinescale evaluate`` (``metrics.ground``, ``jitter``,
``peaks``); ``knee_jerk`` is the mean third difference of the knees' angles, degrees a frame cubed.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import RESULTS, save

from kinescale.bundle import Bundle
from kinescale.data.prepared import open_prepared
from kinescale.metrics import ground, jitter, peaks
from kinescale.motion import Motion, canonicalize
from kinescale.pipelines import FINISH, RAW, PostProcess, onto_feature
from kinescale.pipelines.post_process import postprocess
from kinescale.pipelines.reconstruction import mean_joint_error

LONGEST = 240
"""Frames of a recording that are measured."""

STEPS = {
    "decoded": RAW,
    "smoothed": PostProcess(anchor=False, plant=False),
    "anchored": PostProcess(plant=False),
    "finished": FINISH,
}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+", help="prepared folders")
    parser.add_argument("--bundle", required=True, help="whose tokenizer")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=40, help="clips a folder, walks and others in equal shares")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    bundle = Bundle.from_pretrained(chosen.bundle)
    rows: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    spent: list[float] = []
    for folder in chosen.data:
        prepared = open_prepared(folder)
        for index in _some(prepared.clips, chosen.split, chosen.limit):
            clip = prepared.clips[index]
            real = onto_feature(prepared.motion(index), bundle.feature).to(torch.float32)
            real = canonicalize(real.slice(0, min(len(real), LONGEST)))
            made, seconds = _made(bundle, real)
            spent.append(seconds * 120 / len(real))
            groups = [clip.corpus, "all", *(["walk"] if "walk" in clip.action else [])]
            groups += ["standing"] if ground.ground(real).stands else []
            for name, motion in {"recorded": real, **made}.items():
                for group in groups:
                    rows[group][name].append(numbers(motion, real))
    found: dict[str, Any] = {
        group: {name: _mean(clips) for name, clips in steps.items()} for group, steps in sorted(rows.items())
    }
    for group, steps in found.items():
        for name, row in steps.items():
            print(f"{group:14} {name:9} " + "  ".join(f"{key} {value:.3g}" for key, value in row.items()))
    timing = {"ms_per_120_frames_cpu_median": 1000 * float(np.median(spent))}
    about = {"bundle": bundle.content_hash, "split": chosen.split, "limit": chosen.limit, **timing, "groups": found}
    save("finishing", about, chosen.out)


def numbers(motion: Motion, real: Motion) -> dict[str, float]:
    """One motion's numbers next to its recording."""
    feet = ground.ground(motion)
    at, there = motion.positions().double(), real.positions().double()
    found = {
        "under_share": float(feet.under > ground.UNDER_M),
        "sinking_mm": 1000 * feet.sinking,
        "hips_sinking_mm": 1000 * feet.hips_sinking,
        "jerk_ratio": jitter.jitter(at, motion.fps) / max(1e-9, jitter.jitter(there, motion.fps)),
        "knee_jerk": knee_jerk(motion),
        "aligned_mm": 1000 * mean_joint_error(motion, real, root_relative=True),
    }
    found |= {} if feet.skate is None else {"skate_m_s": feet.skate}
    return found | {f"kept_{name}": share for name, share in peaks.kept(real, motion).items()}


def knee_jerk(motion: Motion) -> float:
    """Mean absolute third difference of both knees' angles, degrees."""
    at, total = motion.positions(), []
    for side in ("left", "right"):
        hip, knee, ankle = (at[:, motion.skeleton.role(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        cosine = torch.nn.functional.cosine_similarity(hip - knee, ankle - knee, dim=-1).clamp(-1, 1)
        total.append(torch.rad2deg(torch.acos(cosine)).diff(n=3).abs())
    return float(torch.stack(total).mean())


@torch.no_grad()
def _made(bundle: Bundle, real: Motion) -> tuple[dict[str, Motion], float]:
    """The recording through the tokenizer, after each step; and the processor seconds of all of them."""
    features = bundle.feature.from_motion(real)
    parts = []
    for window in features.split(bundle.max_frames):
        normal = bundle.normalizer.apply(window)
        whole = -(-len(window) // bundle.stride) * bundle.stride
        held = torch.cat([normal, normal[-1:].expand(whole - len(window), -1)])[None]
        tokens = bundle.tokenizer.encode(held, torch.tensor([whole])).tokens
        parts.append(bundle.tokenizer.decode(tokens)[0, : len(window)].float())
    decoded = bundle.normalizer.undo(torch.cat(parts))
    made = {name: postprocess(bundle.feature, decoded, settings).motion for name, settings in STEPS.items()}
    start = time.process_time()
    postprocess(bundle.feature, decoded)
    return made, time.process_time() - start


def _some(clips: Any, split: str, limit: int) -> list[int]:
    """Half walks, half others, picked by a hash of their ids: always the same."""
    rows = [row for row, clip in enumerate(clips) if clip.split == split]
    rows.sort(key=lambda row: hashlib.sha256(clips[row].id.encode()).digest())
    walks = [row for row in rows if "walk" in clips[row].action]
    others = [row for row in rows if "walk" not in clips[row].action]
    return walks[: limit // 2] + others[: limit - limit // 2]


def _mean(clips: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for clip in clips for name in clip)
    means = {name: float(np.mean([clip[name] for clip in clips if name in clip])) for name in names}
    return {"clips": len(clips), **means}


if __name__ == "__main__":
    main()
