"""Report: all metrics of a protocol from embeddings, mean and 95 % interval over repeats; JSON and a Markdown table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale import metrics
from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.evaluation.plan import Repeat
from kinescale.evaluation.protocol import Protocol
from kinescale.metrics import fid
from kinescale.metrics.base import EmbeddedClips, Value

# fmt: off
STUDENT = (
    12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)
# fmt: on
"""Student's two-sided 95 % factors for 1 to 30 degrees of freedom."""

NORMAL = 1.96
REAL, GENERATED = "real", "generated"


@dataclass(frozen=True, eq=False)
class Space:
    """Motions in an evaluator's space: ``match`` beside texts, ``fid`` for FID (often the same)."""

    match: Float[Tensor, "... D"]
    fid: Float[Tensor, "... D2"]


@dataclass(frozen=True, eq=False)
class Embedded:
    """Embeddings of one repeat, N clips in the plan's numbering.

    ``text`` [N, D]; ``samples`` [P, S, D]: many motions of each of the plan's prompts, for multimodality.
    """

    text: Float[Tensor, "N D"]
    real: Space
    generated: Space | None = None
    samples: Space | None = None


class Figure(Record):
    """A number of the table: ``half`` the 95 % interval's half width, ``over`` what it was taken."""

    mean: float
    half: float | None = None
    over: str = ""
    values: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + ("" if self.half is None else f"±{self.half:.3f}")


class Report(Record):
    """All rows of an evaluation: row -> metric -> figure, the real row first."""

    protocol: Protocol
    seed: int
    clips: int
    rows: dict[str, dict[str, Figure]]
    notes: tuple[str, ...] = ()

    def table(self) -> str:
        """The rows as Markdown."""
        names = list(dict.fromkeys(name for row in self.rows.values() for name in row))
        lines = ["| | " + " | ".join(names) + " |", "|" + " --- |" * (len(names) + 1)]
        for title, row in self.rows.items():
            lines.append(f"| {title} | " + " | ".join(str(row.get(name, "")) for name in names) + " |")
        return "\n".join(lines)


def evaluate(
    protocol: Protocol, plans: Sequence[Repeat], repeats: Sequence[Embedded], *, seed: int, cosine: bool = False
) -> Report:
    """Measure every repeat by its plan and put them together.

    ``cosine``: whether the evaluator compares by angle. ``InputError`` when embeddings and plan do not fit.
    """
    if len(plans) != len(repeats) or not plans:
        raise InputError(f"{len(repeats)} repeats for a plan of {len(plans)}; expected as many, and one at least.")
    measured = [measure(protocol, part, item, cosine=cosine) for part, item in zip(plans, repeats, strict=True)]
    rows: dict[str, dict[str, Figure]] = {}
    for title in measured[0]:
        rows[title] = {
            name: figure(protocol, [found[title][name] for found in measured]) for name in measured[0][title]
        }
    return Report(
        protocol=protocol, seed=seed, clips=len(plans[0].captions), rows=rows, notes=_notes(plans[0], repeats[0])
    )


def measure(protocol: Protocol, part: Repeat, item: Embedded, *, cosine: bool = False) -> dict[str, dict[str, Value]]:
    """One repeat: row -> metric -> number."""
    clips = len(part.captions)
    for what, rows in (("texts", item.text), ("real motions", item.real.match)):
        if len(rows) != clips:
            raise InputError(f"{len(rows)} {what} for a plan of {clips} clips; expected as many.")
    first, second = (torch.from_numpy(rows) for rows in part.again)
    # the same clips in two passes, or in the fixed protocol two halves: FID where nothing is amiss
    real = _clips(part, item.text, item.real.match, cosine)
    real = replace(real, reference=item.real.fid[first], features=item.real.fid[second], halves=part.own_pools)
    found = {REAL: real}
    if item.generated is not None:
        if item.samples is not None:
            _check_samples(protocol, part, item.samples.match)
        made = _with_last_samples(protocol, part, item)
        found[GENERATED] = replace(
            _clips(part, item.text, made.match, cosine),
            reference=item.real.fid[real.counted],
            features=made.fid[real.counted],
            samples=None if item.samples is None else item.samples.match,
        )
    return {title: _row(clips) for title, clips in found.items()}


def _clips(part: Repeat, text: Tensor, motion: Tensor, cosine: bool) -> EmbeddedClips:
    """The repeat's rows and embeddings; the fields of FID are filled in by the caller."""
    return EmbeddedClips(
        text=text,
        motion=motion,
        reference=motion[:0],
        features=motion[:0],
        counted=torch.from_numpy(part.counted),
        pools=torch.from_numpy(part.pools),
        own_pools=part.own_pools,
        pairs=torch.from_numpy(part.diversity),
        sample_pairs=torch.from_numpy(part.sample_pairs),
        cosine=cosine,
    )


def _row(clips: EmbeddedClips) -> dict[str, Value]:
    row: dict[str, Value] = {}
    for name, metric in metrics.with_input("embeddings").items():
        row |= metrics.values_of(name, metric.measure(clips))
    return row


def _check_samples(protocol: Protocol, part: Repeat, samples: Tensor) -> None:
    if samples.ndim != 3 or len(samples) != len(part.prompts):
        raise InputError(f"samples {tuple(samples.shape)}; expected [{len(part.prompts)} prompts, samples, width].")
    if part.sample_pairs.size and samples.shape[1] != protocol.samples:
        raise InputError(
            f"{samples.shape[1]} samples per prompt; the protocol '{protocol.name}' needs {protocol.samples}."
        )


def _with_last_samples(protocol: Protocol, part: Repeat, item: Embedded) -> Space:
    assert item.generated is not None
    if not protocol.last_sample_counts or item.samples is None:
        return item.generated
    match, other = item.generated.match.clone(), item.generated.fid.clone()
    match[part.prompts], other[part.prompts] = item.samples.match[:, -1], item.samples.fid[:, -1]
    return Space(match, other)


def figure(protocol: Protocol, found: Sequence[Value]) -> Figure:
    """The mean over repeats with its 95 % interval: over repeats, or over clips where repeats do not differ."""
    values = np.array([one.value for one in found])
    mean, count = float(values.mean()), len(values)
    shown = tuple(values.tolist())
    if protocol.spread == "population":
        return Figure(mean=mean, half=NORMAL * float(values.std()) / math.sqrt(count), over="repeats", values=shown)
    if protocol.spread == "deviation":
        return Figure(mean=mean, half=float(values.std()), over="repeats (one deviation)", values=shown)
    if count > 1 and np.ptp(values) > 0:
        factor = STUDENT[count - 2] if count - 2 < len(STUDENT) else NORMAL
        half = factor * float(values.std(ddof=1)) / math.sqrt(count)
        return Figure(mean=mean, half=half, over="repeats", values=shown)
    error = found[0].error
    if error is None:
        return Figure(mean=mean, values=shown)
    return Figure(mean=mean, half=NORMAL * error, over="clips", values=shown)


def _notes(part: Repeat, item: Embedded) -> tuple[str, ...]:
    left = len(part.captions) - len(part.counted)
    lines = [f"{left} clips, others in each repeat, fill no whole pool and are left out."] if left else []
    lines.append(fid.gaussian(item.real.fid[torch.from_numpy(part.counted)]).note)
    return tuple(line for line in lines if line)
