"""Tokenizer yardstick: what a tokenizer preserves of recordings, by corpus, by class and at their peaks.

Everything is measured per clip on a fixed sample of a split, spread evenly over classes, and then grouped
by corpus, by class, and by the kinds of motion that small tokenizers delete (``PEAK_KINDS``). No mean over corpora is
taken: the commonest class would decide it.

    yardstick = TokenizerYardstick(feature, samples(open_prepared(folder), ("val", "test")))
    report = yardstick.measure(tokenizer, normalizer)
    print("\\n".join(f"{bar.name}: {bar.value} ({bar.limit})" for bar in report.bars))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import DataError
from kinescale.evaluation.peak_kinds import peak_kind
from kinescale.evaluation.tokenizer_decode import decoded
from kinescale.evaluation.tokenizer_record import TokenizerReport
from kinescale.evaluation.tokenizer_rows import ClipNumbers, tokenizer_report
from kinescale.evaluation.tokenizer_samples import Sample
from kinescale.evaluation.world_error import world_error_mm
from kinescale.features import Feature, Normalizer
from kinescale.kinematics.filters import gaussian_smooth
from kinescale.metrics import ground, jitter, mpjpe, peaks
from kinescale.motion import Motion, canonicalize, facing_yaw
from kinescale.motion.canonicalize import transform
from kinescale.motion.resample import resample
from kinescale.motion.retarget import retarget
from kinescale.tokenizers import Tokenizer


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
    ) -> TokenizerReport:
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
        cut = sum(one.sample.cut for one in self._references)
        return tokenizer_report(found, cut, most if scales is None else scales, smoothing)


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


def _compare(reference: _Reference, made: Motion) -> ClipNumbers:
    real = reference.motion
    here, there = real.positions().double(), made.positions().double()
    floor = ground.ground(made)
    return ClipNumbers(
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
