"""peaks: how high feet, hips and hops go and how fast hands and feet are, and the share of it that a copy keeps.

A small tokenizer rounds off what is fast and rare: a kick, a punch, a hop, a dance step. Mean joint errors hardly show
it, since such moments are few, so each is measured at its own peak. Heights are in leg lengths over the clip's own
lowest level, speeds in meters per second scaled to an adult's legs, so that children and giants measure alike.

A clip is cut into windows of ``WINDOW_S``. In every window in which the reference rises above a measure's ``LEAST``,
the copy's highest value around that place (``MARGIN_S`` each way) is divided by the reference's; the mean over windows
is the share kept, 1 for an exact copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from kinescale.core.errors import InputError
from kinescale.kinematics.contacts import ADULT_LEG_M
from kinescale.metrics.base import Better, Column, Input
from kinescale.motion import Motion

INPUT: Input = "reconstruction"
TITLE = "peaks kept"
UNIT = ""
BETTER: Better = "higher"
COLUMNS = {"peaks_kept": Column(TITLE, UNIT, BETTER)}

WINDOW_S, MARGIN_S = 2.0, 0.1

LEAST: Mapping[str, float] = {
    "foot_height": 0.25,
    "hop_height": 0.08,
    "hips_rise": 0.05,
    "wrist_speed": 1.5,
    "foot_speed": 1.5,
}
"""Measure -> the peak, in its own unit, below which a window holds nothing to keep."""

UNITS: Mapping[str, str] = {
    "foot_height": "leg lengths",
    "hop_height": "leg lengths",
    "hips_rise": "leg lengths",
    "wrist_speed": "m/s",
    "foot_speed": "m/s",
}
"""Measure -> unit. Heights: of the higher ankle, of the lower ankle, of the hips over straight legs; speeds: of the
faster wrist relative to the chest, of the faster ankle relative to the hips.
"""

CHEST = ("neck", "spine3", "spine2", "spine1", "head")
LOWEST_SHARE = 0.1
"""The floor is the mean of the lowest tenth of the ankles' heights."""

Curves = dict[str, Float[np.ndarray, " T"]]


def curves(motion: Motion) -> Curves:
    """Measure -> its value at each frame. Measures whose joints the skeleton does not know are left out.

    ``SkeletonError`` for a skeleton without legs.
    """
    at = motion.positions().detach().cpu().double().numpy()
    roles = motion.skeleton.role_indices()

    def joint(name: str) -> Float[np.ndarray, "T 3"]:
        return at[:, motion.skeleton.role(name)]

    ankles = np.stack([joint("left_ankle"), joint("right_ankle")], axis=1)
    hips = (joint("left_hip") + joint("right_hip")) / 2
    leg = _leg(joint)
    floor = _lowest_tenth(ankles[..., 1])
    heights = (ankles[..., 1] - floor) / leg
    adult = ADULT_LEG_M / leg
    found = {
        "foot_height": heights.max(axis=1),
        "hop_height": heights.min(axis=1),
        "hips_rise": (hips[:, 1] - floor) / leg - 1.0,
        "foot_speed": _speed(ankles - hips[:, None], motion.fps) * adult,
    }
    chest = next((role for role in CHEST if role in roles), None)
    if chest is not None and {"left_wrist", "right_wrist"} <= set(roles):
        wrists = np.stack([joint("left_wrist"), joint("right_wrist")], axis=1)
        found["wrist_speed"] = _speed(wrists - joint(chest)[:, None], motion.fps) * adult
    return found


def peaks(motion: Motion) -> dict[str, float]:
    """Measure -> its highest value in the clip."""
    return {name: float(curve.max()) for name, curve in curves(motion).items()}


def kept(reference: Motion, copy: Motion) -> dict[str, float]:
    """Measure -> share of the reference's peaks that the copy keeps: 1 for an exact copy, more where it exaggerates.

    A measure of which the reference has no peak worth the name is left out. ``InputError`` for clips of two frame
    rates or of lengths that differ.
    """
    if abs(reference.fps - copy.fps) > 1e-6 or len(reference) != len(copy):
        raise InputError(
            f"a reference of {len(reference)} frames at {reference.fps:g} fps and a copy of {len(copy)} at "
            f"{copy.fps:g}; expected the same."
        )
    real, made = curves(reference), curves(copy)
    found = {}
    for name, curve in real.items():
        share = _share(curve, made[name], LEAST[name], reference.fps) if name in made else None
        if share is not None:
            found[name] = share
    return found


def measure(reference: Motion, copy: Motion) -> dict[str, float]:
    """Mean share kept over the measures of which the recording has a peak; nothing where it has none."""
    shares = kept(reference, copy)
    return {"peaks_kept": float(np.mean(list(shares.values())))} if shares else {}


def _share(real: np.ndarray, made: np.ndarray, least: float, fps: float) -> float | None:
    """Mean over windows of the copy's peak over the reference's; ``None`` where no window has a peak."""
    frames = len(real)
    count = max(1, round(frames / (WINDOW_S * fps)))
    edges = np.linspace(0, frames, count + 1).round().astype(int)
    margin = round(MARGIN_S * fps)
    shares = []
    for start, stop in pairwise(edges.tolist()):
        peak = int(real[start:stop].argmax()) + start
        if real[peak] >= least:
            around = slice(max(0, peak - margin), peak + margin + 1)
            shares.append(made[around].max() / real[around].max())
    return float(np.mean(shares)) if shares else None


def _speed(points: Float[np.ndarray, "T K 3"], fps: float) -> Float[np.ndarray, " T"]:
    """Speed of the faster of K points, meters per second, by central differences: they let less noise through."""
    if len(points) < 3:
        return np.zeros(len(points))
    found = np.linalg.norm(np.gradient(points, 1.0 / fps, axis=0), axis=-1)
    return found.max(axis=1)


def _leg(joint: Callable[[str], Float[np.ndarray, "T 3"]]) -> float:
    """Length of a leg, meters: mean of both."""
    lengths = []
    for side in ("left", "right"):
        hip, knee, ankle = (joint(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        lengths.append(np.linalg.norm(hip - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1))
    return max(float(np.mean(lengths)), 1e-9)


def _lowest_tenth(heights: np.ndarray) -> float:
    flat = np.sort(heights, axis=None)
    return float(flat[: max(1, int(LOWEST_SHARE * flat.size))].mean())
