"""How much of recorded motion the tokens of the first k scales keep."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _quality import NAMES, mean_of, quality
from torch import Tensor

from kinescale.bundle import Bundle
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.motion import canonicalize

SPLIT = "val"
NUMBERS = ("mpjpe_mm", "mpjpe_root_mm", "feature_rmse", *NAMES)


def reconstruction(bundle: Bundle, data: Path, limit: int = 0) -> dict[str, Any]:
    """Mean over the clips of the validation split, for each number of scales, in all and by corpus.

    ``mpjpe_mm``: mean joint distance in the world (both start at the origin with the same heading, so a root that
    drifts counts); ``mpjpe_root_mm``: each frame's root taken away; ``feature_rmse``: of normalized features; and
    sliding and shaking, with those of the recorded clips under ``recorded``.
    """
    prepared = open_prepared(data)
    chosen = [i for i, clip in enumerate(prepared.clips) if clip.split == SPLIT]
    chosen = chosen[:: max(1, len(chosen) // limit)][:limit] if limit else chosen
    rows: dict[tuple[str, int], list[tuple[float, ...]]] = defaultdict(list)
    for index in chosen:
        for scales, numbers in enumerate(_clip(bundle, prepared, index), start=1):
            rows["all", scales].append(numbers)
            rows[prepared.clips[index].corpus, scales].append(numbers)
    found: dict[str, Any] = defaultdict(list)
    for (group, scales), values in sorted(rows.items()):
        mean = dict(zip(NUMBERS, np.mean(values, axis=0).tolist(), strict=True))
        found[group].append({"scales": scales, "clips": len(values), **mean})
    recorded = mean_of([quality(canonicalize(prepared.motion(index))) for index in chosen])
    about = {"split": SPLIT, "data_hash": prepared.manifest_hash, "clips": len(chosen)}
    return {**about, "groups": dict(found), "recorded": recorded}


@torch.no_grad()
def _clip(bundle: Bundle, prepared: Prepared, index: int) -> list[tuple[float, ...]]:
    """The numbers of one clip for the first 1, 2 ... scales."""
    features = bundle.feature.from_motion(canonicalize(prepared.motion(index)))
    windows = [_windows(bundle, window) for window in features.split(bundle.max_frames)]
    true = bundle.feature.positions(features)
    normal = bundle.normalizer.apply(features)
    numbers = []
    for parts in zip(*windows, strict=True):
        made = torch.cat(parts)
        found = bundle.feature.positions(bundle.normalizer.undo(made))
        rooted = (found - found[:, :1]) - (true - true[:, :1])
        world_mm, root_mm = 1000 * float((found - true).norm(dim=-1).mean()), 1000 * float(rooted.norm(dim=-1).mean())
        motion = bundle.feature.to_motion(bundle.normalizer.undo(made))
        numbers.append((world_mm, root_mm, float((made - normal).square().mean().sqrt()), *quality(motion).values()))
    return numbers


def _windows(bundle: Bundle, window: Tensor) -> list[Tensor]:
    """A window of features, normalized, through the first 1, 2 ... scales; its last frame is held to fill a step."""
    frames = len(window)
    whole = -(-frames // bundle.stride) * bundle.stride
    normal = bundle.normalizer.apply(window)
    held = torch.cat([normal, normal[-1:].expand(whole - frames, -1)])
    tokens = bundle.tokenizer.encode(held[None], torch.tensor([whole])).tokens
    counts = range(1, len(tokens.scales) + 1)
    return [bundle.tokenizer.decode(tokens.first(count))[0, :frames].float() for count in counts]
