"""Post-processing of decoded features: smoothing, root anchoring, planted feet, joints lifted out of the floor.

Every step is bounded, reports the largest change that it made, and depends on nothing but the clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from kinescale.core.records import Record
from kinescale.features import Feature
from kinescale.kinematics.contacts import HEIGHT_LIMIT, SPEED_LIMIT, steady_contacts, velocities
from kinescale.kinematics.filters import gaussian_smooth
from kinescale.motion.anchor import anchor_feet
from kinescale.motion.canonicalize import FEET
from kinescale.motion.clean_up.base import rest_heights
from kinescale.motion.motion import Motion
from kinescale.motion.plant import plant_stances

TREMOR_PER_S2 = 200.0
"""Mean jerk of the joints (m/s3) over their mean speed (m/s) plus ``STILL_M_S`` above which a clip trembles: three of
four recordings stay below 169 (median 132), a small tokenizer reached 700 (``LOG.md``)."""

STILL_M_S = 0.1

SIGMAS = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5)
"""Sigmas, frames, that a trembling clip may be smoothed with."""


class PostProcess(Record):
    """Post-processing settings of a decoded motion.

    Parameters
    ----------
    smoothing : sigma, in frames, of a Gaussian over the decoded features; 0 is none. ``None``: the least of ``SIGMAS``
        with which the clip trembles no more than recordings do, so that a kick stays as fast as it is.
    anchor : subtract the sliding of standing feet from the root's path (``motion.anchor``); rotations stay.
    plant : bend the legs so that standing feet stay in place, and lift joints out of the floor (``motion.plant``).

    Example
    -------
    >>> from kinescale import PostProcess, TextToMotion
    >>> pipe = TextToMotion.from_pretrained()
    >>> made = pipe("a person walks", 1.0, post_process=PostProcess(smoothing=0.0, plant=False))
    >>> made.motions[0].meta["sampling"]["plant"]
    False
    """

    smoothing: float | None = Field(default=None, ge=0.0, le=100.0, allow_inf_nan=False)
    anchor: bool = True
    plant: bool = True


FINISH = PostProcess()
RAW = PostProcess(smoothing=0.0, anchor=False, plant=False)


@dataclass(frozen=True, eq=False)
class PostProcessed:
    """A post-processed motion and a report for its ``meta``: ``finish_smoothing`` (frames) and the largest changes in
    meters, ``finish_root_m``, ``finish_foot_m``, ``finish_hips_up_m`` and ``finish_hips_down_m``."""

    motion: Motion
    report: Mapping[str, float]


def tremor(feature: Feature, features: Float[Tensor, "T F"]) -> float:
    """Mean jerk over mean speed of a clip's joints, as ``TREMOR_PER_S2`` has it; 0 for a clip too short to tremble."""
    if len(features) < 4:
        return 0.0
    at = feature.positions(features).detach()
    speed = at.diff(dim=0).norm(dim=-1).mean() * feature.fps
    jerk = at.diff(n=3, dim=0).norm(dim=-1).mean() * feature.fps**3
    return float(jerk / (speed + STILL_M_S))


def smoothing_of(feature: Feature, features: Float[Tensor, "T F"], settings: PostProcess) -> float:
    """Smoothing sigma, in frames, that the settings choose for decoded features."""
    if settings.smoothing is not None:
        return settings.smoothing
    for sigma in SIGMAS[:-1]:
        if tremor(feature, smoothed(features, sigma)) <= TREMOR_PER_S2:
            return sigma
    return SIGMAS[-1]


def smoothed(features: Float[Tensor, "T F"], sigma: float) -> Float[Tensor, "T F"]:
    """Features after a Gaussian over time; unchanged for a sigma of 0."""
    if sigma <= 0 or len(features) < 2:
        return features
    return gaussian_smooth(features.T.contiguous(), sigma).T


def slow_feet(motion: Motion) -> Bool[Tensor, "T 4"]:
    """Whether each foot joint is slow enough for a contact to be true: a wrong one would drag the root along."""
    feet = motion.positions().detach()[:, [motion.skeleton.role(role) for role in FEET]]
    return velocities(feet, motion.fps)[..., [0, 2]].norm(dim=-1) < SPEED_LIMIT


def resting_feet(motion: Motion) -> Bool[Tensor, "T 4"]:
    """Whether each foot joint is slow and near the floor, y = 0."""
    feet = [motion.skeleton.role(role) for role in FEET]
    soles = motion.positions().detach()[:, feet, 1] - rest_heights(motion.skeleton)[feet].to(motion.root)
    return slow_feet(motion) & (soles < HEIGHT_LIMIT)


def postprocess(
    feature: Feature,
    features: Float[Tensor, "T F"],
    settings: PostProcess = FINISH,
    *,
    decoded: Bool[Tensor, "T"] | None = None,
) -> PostProcessed:
    """The motion of decoded features (not normalized); ``decoded`` marks the frames to smooth, all by default."""
    sigma = smoothing_of(feature, features if decoded is None else features[decoded], settings)
    if sigma > 0:
        smooth = smoothed(features, sigma)
        features = smooth if decoded is None else torch.where(decoded[:, None], smooth, features)
    report = {"finish_smoothing": sigma}
    motion = feature.to_motion(features)
    # a decoder's contacts miss feet that shift their weight while they stand
    stand = steady_contacts(feature.contacts(features), feature.fps)
    contacts = (stand | steady_contacts(resting_feet(motion).to(features), feature.fps)).to(features)
    if settings.anchor:
        anchored = anchor_feet(motion, contacts * slow_feet(motion))
        motion, report["finish_root_m"] = anchored.motion, anchored.moved_m
    if settings.plant:
        planted = plant_stances(motion, contacts)
        motion = planted.motion
        report |= {f"finish_{name}": value for name, value in planted.report.items()}
    return PostProcessed(motion, {name: round(value, 4) for name, value in report.items()})
