"""Reconstruction metrics: recordings through the tokenizer and back, mean over clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import torch

from kinescale import metrics
from kinescale.bundle.bundle import Bundle
from kinescale.core.errors import SkeletonError
from kinescale.evaluation.protocol import Protocol
from kinescale.evaluation.record import Row
from kinescale.evaluation.report import figure
from kinescale.metrics.base import Value
from kinescale.motion import Motion, canonicalize
from kinescale.pipelines import onto_feature, reconstruct
from kinescale.tokens import TokenMap


def reconstruction(
    bundle: Bundle, motions: Iterable[Motion], protocol: Protocol, step: Callable[[], None]
) -> tuple[Row, list[TokenMap]]:
    """Reconstruction metrics over all scales, mean over recordings with its interval, and the recordings' tokens."""
    rows, tokens = defaultdict(list), []
    for motion in motions:
        source = onto_feature(motion, bundle.feature).to(torch.float32)
        made = reconstruct(bundle, source)
        frames = min(len(made), len(source))
        for column, value in _compared(source.slice(0, frames), made.slice(0, frames)).items():
            rows[column].append(value)
        tokens.append(encoded(bundle, source))
        step()
    student = protocol.but(spread="student")
    means = {name: Value.mean_of(torch.tensor(found, dtype=torch.float64)) for name, found in rows.items()}
    return {name: figure(student, [mean]) for name, mean in means.items()}, tokens


def _compared(source: Motion, made: Motion) -> dict[str, float]:
    """Column -> number of every reconstruction metric that applies to the skeleton."""
    found = {}
    for name, metric in metrics.with_input("reconstruction").items():
        try:
            values = metrics.values_of(name, metric.measure(source, made))
        except SkeletonError:
            continue
        found |= {column: value.value for column, value in values.items()}
    return found


@torch.no_grad()
def encoded(bundle: Bundle, motion: Motion) -> TokenMap:
    """The tokens of a motion on the bundle's skeleton, as far as one pass holds; only whole latent steps."""
    features = bundle.feature.from_motion(canonicalize(motion))[: bundle.max_frames]
    whole = max(len(features) // bundle.stride, 1) * bundle.stride
    normal = bundle.normalizer.apply(features[:whole]).to(bundle.device)
    held = torch.cat([normal, normal[-1:].expand(whole - len(normal), -1)])
    return bundle.tokenizer.encode(held[None], torch.tensor([whole], device=bundle.device)).tokens
