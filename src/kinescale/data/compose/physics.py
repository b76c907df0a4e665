"""Physics of clips, and the limits that composed clips must keep: percentiles of the recordings.

Limits are taken by gait: standing, walking, running.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from kinescale.core.errors import DataError
from kinescale.core.records import Record
from kinescale.data.compose.track import ANKLE_M, TOES_M, Track

PERCENTILES = {
    "skate_m_s": 95.0,
    "skid_share": 95.0,
    "sink_m": 98.0,
    "joint_speed_m_s": 97.0,
    "acceleration_m_s2": 94.0,
    "jerk_m_s3": 94.0,
}
"""Field of ``Physics`` -> percentile of the recordings that is its limit."""

LEAST = {"skate_m_s": 0.05, "skid_share": 0.02, "sink_m": 0.03}
"""Lower bounds of the limits: recordings cleaned to zero would reject everything."""

FEW = 20
"""Recordings that a gait needs for limits of its own; with fewer, those of all recordings count."""

TRANSITION_PERCENTILE = 99.5
"""Percentile of the fastest joint's acceleration and jerk per frame that is the limit of a transition."""


class Physics(Record):
    """One clip's mean speed of planted feet, share of frames in which a foot skids, depth of the lowest joint under the
    floor, and the fastest joint's speed, acceleration and jerk."""

    group: str
    skate_m_s: float
    skid_share: float
    sink_m: float
    joint_speed_m_s: float
    acceleration_m_s2: float
    jerk_m_s3: float


class Limits(Record):
    """Limits by gait, and of transitions."""

    groups: dict[str, dict[str, float]]
    counts: dict[str, int]
    transition_acceleration_m_s2: float
    transition_jerk_m_s3: float

    @staticmethod
    def of(measured: Iterable[tuple[Physics, np.ndarray, np.ndarray]]) -> Limits:
        """From the physics of each source clip and its curves of the fastest joint's acceleration and jerk."""
        rows = list(measured)
        if not rows:
            raise DataError("no source clip to take the limits of the physics from.")
        by_group: dict[str, list[Physics]] = defaultdict(list)
        for physics, _, _ in rows:
            by_group[physics.group].append(physics)
        every = [physics for physics, _, _ in rows]
        groups = {
            group: _limits(some if len(some) >= FEW else every)
            for group, some in sorted({"stand": [], "walk": [], "run": [], **by_group}.items())
        }
        curves = np.concatenate([row[1] for row in rows]), np.concatenate([row[2] for row in rows])
        return Limits(
            groups=groups,
            counts=dict(sorted(Counter(p.group for p in every).items())),
            transition_acceleration_m_s2=round(float(np.percentile(curves[0], TRANSITION_PERCENTILE)), 2),
            transition_jerk_m_s3=round(float(np.percentile(curves[1], TRANSITION_PERCENTILE)), 1),
        )

    def broken(self, physics: Physics) -> str | None:
        """The first number beyond its limit, ``None`` where all are within."""
        limits: Mapping[str, float] = self.groups[physics.group]
        return next((name for name, most in limits.items() if getattr(physics, name) > most), None)


def _limits(some: list[Physics]) -> dict[str, float]:
    return {
        name: round(max(float(np.percentile([getattr(p, name) for p in some], q)), LEAST.get(name, 0.0)), 4)
        for name, q in PERCENTILES.items()
    }


def physics_of(track: Track, gait: str) -> tuple[Physics, np.ndarray, np.ndarray]:
    """Physics of a clip, and the fastest joint's acceleration and jerk per frame."""
    at, fps = track.positions, track.fps
    speed = (at[1:] - at[:-1]).norm(dim=-1) * fps
    second = (at[2:] - 2 * at[1:-1] + at[:-2]).norm(dim=-1) * fps**2
    third = (at[3:] - 3 * at[2:-1] + 3 * at[1:-2] - at[:-3]).norm(dim=-1) * fps**3
    slide, skid = _slide(track)
    physics = Physics(
        group="run" if gait in ("run", "jog") else "walk" if gait == "walk" else "stand",
        skate_m_s=round(slide, 4),
        skid_share=round(skid, 4),
        sink_m=round(float((-at[..., 1]).clamp(min=0).max()), 4),
        joint_speed_m_s=round(float(speed.max()), 3),
        acceleration_m_s2=round(float(second.max()), 2),
        jerk_m_s3=round(float(third.max()), 1),
    )
    return physics, second.amax(1).numpy(), third.amax(1).numpy()


def _slide(track: Track) -> tuple[float, float]:
    """Mean speed over the ground of planted feet (the slower of ankle and toes), and the share of frames with one that
    is low and faster than 0.5 m/s."""
    points = torch.stack([track.feet, track.positions[:, track.legs.toes]], dim=2)
    pace = ((points[1:] - points[:-1])[..., [0, 2]]).norm(dim=-1) * track.fps
    stands = track.planted[1:] & track.planted[:-1]
    slower = pace.amin(-1)
    slide = float(slower[stands].mean()) if bool(stands.any()) else 0.0
    low: Tensor = (points[..., 1] - points.new_tensor([ANKLE_M, TOES_M])).amin(-1) < 0.03
    skids = (low[1:] & low[:-1] & (slower > 0.5)).any(1)
    return slide, float(skids.double().mean()) if len(skids) else 0.0
