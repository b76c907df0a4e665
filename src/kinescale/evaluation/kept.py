"""Tokenizer yardstick: what recordings keep on their way through a tokenizer, by corpus, by class and at their peaks.

Everything is measured clip by clip on a fixed sample of a split, spread evenly over classes, and then put together
by corpus, by class, and by the kinds of motion that small tokenizers delete (``PEAK_KINDS``). No mean over corpora is
taken: the commonest class would decide it.

    yardstick = TokenizerYardstick(feature, samples(open_prepared(folder), ("val", "test")))
    report = yardstick.measure(tokenizer, normalizer)
    print("\\n".join(f"{bar.name}: {bar.value} ({bar.limit})" for bar in report.bars))
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import DataError
from kinescale.data.prepared import Prepared, PreparedClip
from kinescale.evaluation.kept_record import KeptReport, KeptRow, PeakRow, bars_of
from kinescale.evaluation.kinds import peak_kind
from kinescale.features import Feature, Normalizer
from kinescale.kinematics.filters import gaussian_smooth
from kinescale.metrics import ground, jitter, mpjpe, peaks
from kinescale.motion import Motion, canonicalize, facing_yaw
from kinescale.motion.canonicalize import transform
from kinescale.motion.resample import resample
from kinescale.motion.retarget import retarget
from kinescale.tokenizers import Tokenizer

LONGEST_S = 16.0
"""Of a longer recording so much from its middle: a take of two minutes says little more."""

WORLD_S, FIT_S = 4.0, 0.3
"""The world error is that of a stretch of ``WORLD_S`` that fits at its start, over ``FIT_S`` at its end."""

LOW = 10
"""Percentile of the clips that lose most."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A recording with its label; ``cut``: whether it is only the middle of a longer one."""

    id: str
    corpus: str
    action: str
    motion: Motion
    cut: bool = False

    @property
    def label(self) -> str:
        """ "corpus/action"."""
        return f"{self.corpus}/{self.action}"


@dataclass(frozen=True, eq=False)
class _Reference:
    """A recording as the feature sees it, with all that a copy is held against."""

    sample: Sample
    motion: Motion
    features: Float[Tensor, "T F"]
    turn: Tensor
    shift: Float[Tensor, " 3"]
    jerk: float
    ground: ground.Ground
    peaks: dict[str, float]


@dataclass(frozen=True)
class _Found:
    """One clip's numbers."""

    corpus: str
    label: str
    kind: str
    aligned_mm: float
    facing_deg: float
    world_mm: float | None
    jerk_ratio: float
    skate_real: float | None
    skate: float | None
    under_real: float
    under: float
    real_peaks: dict[str, float]
    kept: dict[str, float]


def samples(
    prepared: Prepared,
    splits: Sequence[str] = ("val", "test"),
    per_class: int = 6,
    *,
    accept: Callable[[PreparedClip], bool] = lambda clip: True,
) -> list[Sample]:
    """At most ``per_class`` recordings of each class of the splits, picked by a hash of their ids: always the same.

    ``accept``: which clips may be taken. ``DataError`` when there is none.
    """
    classes: dict[str, list[int]] = defaultdict(list)
    for row, clip in enumerate(prepared.clips):
        if clip.split in splits and accept(clip):
            classes[f"{clip.corpus}/{clip.action}"].append(row)
    if not classes:
        raise DataError(f"the data has no clip in the splits {', '.join(splits)}; choose others or prepare more.")
    found = []
    for label in sorted(classes):
        rows = sorted(classes[label], key=lambda row: hashlib.sha256(prepared.clips[row].id.encode()).digest())
        for row in rows[:per_class]:
            clip, motion = prepared.clips[row], prepared.motion(row)
            most = round(LONGEST_S * motion.fps)
            cut = len(motion) > most
            if cut:
                start = (len(motion) - most) // 2
                motion = motion.slice(start, start + most)
            found.append(Sample(clip.id, clip.corpus, clip.action, motion, cut))
    return found


class TokenizerYardstick:
    """The recordings of a sample, measured once; ``measure`` holds a tokenizer against them.

    Parameters
    ----------
    feature : what the tokenizer reads.
    samples : the recordings, brought to the feature's skeleton and rate where they are not on it.

    Clips too short for a third derivative are left out (``too_short``).
    """

    def __init__(self, feature: Feature, samples: Iterable[Sample]):
        self.feature = feature
        every = list(samples)
        kept = [one for one in every if len(one.motion) > jitter.ORDER + 1]
        self.too_short = len(every) - len(kept)
        self._references = [_reference(feature, one) for one in kept]
        if not self._references:
            raise DataError("no recording is long enough to be measured; give longer ones.")

    @property
    def clips(self) -> int:
        """How many recordings are measured."""
        return len(self._references)

    def measure(
        self,
        tokenizer: Tokenizer,
        normalizer: Normalizer,
        *,
        scales: int | None = None,
        smoothing: float = 0.0,
        batch: int = 8,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> KeptReport:
        """Put every recording through the tokenizer and measure what comes out.

        ``scales``: only the coarsest so many. ``smoothing``: sigma in frames of a Gaussian over the decoded features,
        as generation applies one; 0 shows the tokenizer itself. The tokenizer's mode and gradients are left alone.
        """
        was_training = tokenizer.training
        tokenizer.eval()
        try:
            with torch.no_grad():
                copies = decoded(tokenizer, normalizer, [one.features for one in self._references], scales, batch)
                found = []
                for at, (reference, features) in enumerate(zip(self._references, copies, strict=True)):
                    if smoothing > 0 and len(features) > 1:
                        features = gaussian_smooth(features.T.contiguous(), smoothing).T
                    made = self.feature.to_motion(features)
                    found.append(_compare(reference, transform(made, reference.turn, reference.shift)))
                    progress(at + 1, len(self._references))
        finally:
            tokenizer.train(was_training)
        most = len(tokenizer.layout().scales)
        return _report(found, self._references, most if scales is None else scales, smoothing)


@torch.no_grad()
def decoded(
    tokenizer: Tokenizer,
    normalizer: Normalizer,
    features: Sequence[Float[Tensor, "_ F"]],
    scales: int | None = None,
    batch: int = 8,
) -> list[Float[Tensor, "_ F"]]:
    """Features of clips through the tokens and back, in their own units, on the CPU.

    Clips longer than the tokenizer's capacity go through window by window. Windows of like length share a batch.
    """
    layout = tokenizer.layout()
    windows = [(clip, window) for clip, whole in enumerate(features) for window in whole.split(layout.max_frames)]
    parts: list[Tensor | None] = [None] * len(windows)
    order = sorted(range(len(windows)), key=lambda at: len(windows[at][1]))
    device = next(tokenizer.parameters()).device
    for first in range(0, len(order), batch):
        some = order[first : first + batch]
        rows, lengths = _padded([windows[at][1] for at in some], normalizer, layout.stride, device)
        tokens = tokenizer.encode(rows, lengths).tokens
        made = tokenizer.decode(tokens if scales is None else tokens.first(scales)).float().cpu()
        for at, row in zip(some, made, strict=True):
            parts[at] = normalizer.undo(row[: len(windows[at][1])])
    joined: dict[int, list[Tensor]] = defaultdict(list)
    for (clip, _), part in zip(windows, parts, strict=True):
        assert part is not None
        joined[clip].append(part)
    return [torch.cat(joined[clip]) for clip in range(len(features))]


def _padded(
    windows: Sequence[Tensor], normalizer: Normalizer, stride: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Normalized windows in one tensor, the last frame of each held to fill a whole latent step."""
    lengths = [-(-len(window) // stride) * stride for window in windows]
    rows = torch.zeros(len(windows), max(lengths), windows[0].shape[1], device=device)
    for row, window, length in zip(rows, windows, lengths, strict=True):
        normal = normalizer.apply(window).to(device)
        row[:length] = torch.cat([normal, normal[-1:].expand(length - len(window), -1)])
    return rows, torch.tensor(lengths, device=device)


def _reference(feature: Feature, sample: Sample) -> _Reference:
    motion = resample(retarget(sample.motion, feature.skeleton, feet=False), feature.fps).to(torch.float32)
    source = canonicalize(motion)
    with torch.no_grad():
        features = feature.from_motion(source)
        lossless = feature.to_motion(features)
    # features of velocities have one frame fewer
    source = source.slice(0, len(lossless))
    there = facing_yaw(source.positions()[0], source.skeleton)
    turn = there - facing_yaw(lossless.positions()[0], source.skeleton)
    shift = source.root[0] - transform(lossless.slice(0, 1), turn, torch.zeros(3)).root[0]
    return _Reference(
        sample=sample,
        motion=source,
        features=features,
        turn=turn,
        shift=shift,
        jerk=jitter.jitter(source.positions(), source.fps),
        ground=ground.ground(source),
        peaks=peaks.peaks(source),
    )


def _compare(reference: _Reference, made: Motion) -> _Found:
    real = reference.motion
    here, there = real.positions().double(), made.positions().double()
    floor = ground.ground(made)
    return _Found(
        corpus=reference.sample.corpus,
        label=reference.sample.label,
        kind=peak_kind(reference.sample.action),
        aligned_mm=mpjpe.mpjpe_aligned(here, there, root=real.skeleton.role("hips")),
        facing_deg=float(_apart(facing_yaw(here, real.skeleton) - facing_yaw(there, real.skeleton)).rad2deg().mean()),
        world_mm=world_error_mm(here, there, real.fps),
        jerk_ratio=jitter.jitter(there, real.fps) / max(reference.jerk, 1e-9),
        skate_real=reference.ground.skate,
        skate=floor.skate,
        under_real=reference.ground.under,
        under=floor.under,
        real_peaks=reference.peaks,
        kept=peaks.kept(real, made),
    )


def _apart(angles: Tensor) -> Tensor:
    """How far angles are from 0, radians, the short way round."""
    return torch.atan2(torch.sin(angles), torch.cos(angles)).abs()


def world_error_mm(
    real: Float[Tensor, "T J 3"], made: Float[Tensor, "T J 3"], fps: float, seconds: float = WORLD_S
) -> float | None:
    """Mean joint error, mm, at the end of stretches of ``seconds``, each laid upon the recording's at its start.

    The copy of a stretch is turned about the vertical and moved on the ground so that its first ``FIT_S`` fit best;
    heights are left as they are. Stretches follow on each other. ``None`` for a clip shorter than one.
    """
    span, edge = round(seconds * fps), max(1, round(FIT_S * fps))
    errors = []
    for start in range(0, len(real) - span + 1, span):
        one, two = real[start : start + span], made[start : start + span]
        laid = _laid(one, two, edge)
        errors.append(float((one[-edge:] - laid[-edge:]).norm(dim=-1).mean()))
    return mpjpe.MM_PER_M * float(np.mean(errors)) if errors else None


def _laid(real: Tensor, made: Tensor, edge: int) -> Tensor:
    """``made`` turned about the vertical and moved on the ground so that its first ``edge`` frames fit ``real``."""
    flat = [0, 2]
    one, two = real[:edge][..., flat].reshape(-1, 2), made[:edge][..., flat].reshape(-1, 2)
    here, there = one.mean(0), two.mean(0)
    a, b = one - here, two - there
    # the angle about the vertical that turns b onto a, in the plane of x and z
    angle = torch.atan2((b[:, 0] * a[:, 1] - b[:, 1] * a[:, 0]).sum(), (a * b).sum())
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([torch.stack([cos, sin]), torch.stack([-sin, cos])])
    moved = (made[..., flat] - there) @ turn + here
    return torch.stack([moved[..., 0], made[..., 1], moved[..., 1]], dim=-1)


def _report(found: Sequence[_Found], references: Sequence[_Reference], scales: int, smoothing: float) -> KeptReport:
    corpora, kinds, classes = (_grouped(found, key) for key in ("corpus", "kind", "label"))
    return KeptReport(
        clips=len(found),
        cut=sum(one.sample.cut for one in references),
        scales=scales,
        smoothing=smoothing,
        corpora=corpora,
        kinds=kinds,
        classes=classes,
        bars=bars_of(corpora, kinds),
    )


def _grouped(found: Sequence[_Found], key: str) -> list[KeptRow]:
    groups: dict[str, list[_Found]] = defaultdict(list)
    for one in found:
        groups[getattr(one, key)].append(one)
    return [_row(name, groups[name]) for name in sorted(groups) if name]


def _row(name: str, found: Sequence[_Found]) -> KeptRow:
    world = [one.world_mm for one in found if one.world_mm is not None]
    rows = {}
    for measure in peaks.LEAST:
        shares = [one.kept[measure] for one in found if measure in one.kept]
        if shares:
            real = [one.real_peaks[measure] for one in found if measure in one.kept]
            rows[measure] = PeakRow(
                clips=len(shares),
                real=float(np.median(real)),
                median=float(np.median(shares)),
                low=float(np.percentile(shares, LOW)),
            )
    aligned = [one.aligned_mm for one in found]
    return KeptRow(
        name=name,
        clips=len(found),
        aligned_mm=float(np.mean(aligned)),
        aligned_median_mm=float(np.median(aligned)),
        aligned_high_mm=float(np.percentile(aligned, 100 - LOW)),
        facing_deg=float(np.mean([one.facing_deg for one in found])),
        world_mm=float(np.mean(world)) if world else None,
        world_clips=len(world),
        jerk_ratio=float(np.median([one.jerk_ratio for one in found])),
        skate_real=_mean(one.skate_real for one in found),
        skate=_mean(one.skate for one in found),
        under_real=ground.share_under(np.array([one.under_real for one in found])),
        under=ground.share_under(np.array([one.under for one in found])),
        peaks=rows,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
