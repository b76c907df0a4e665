"""What a motion does, as a few numbers: which hand rises, where the body turns and goes, which foot lifts.

Only joint positions and roles are used, because local axes differ from file to file. Heights of hands are in
arm lengths, heights of feet, knees and hips in leg lengths, so that children and giants measure alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kinescale.core.conventions import GROUND_AXES, UP_AXIS
from kinescale.description.signals import along_heading, heading, limb_length
from kinescale.motion.motion import Motion

_Role = Callable[[str], np.ndarray]
"""Role name -> positions [T, 3]."""

EDGE_S = 0.3
"""Headings at the start and the end are means over this long, or a fifth of a shorter clip."""


@dataclass(frozen=True)
class Side:
    """One side of the body.

    wrist_top : highest wrist over its shoulder, arm lengths (-1 hanging, 0 shoulder height, 1 straight up).
    wrist_low : lowest wrist over the floor, leg lengths.
    wrist_path : way of the wrist relative to the shoulder, arm lengths.
    raised_path : the part of that way made while the wrist is raised (above the chest).
    swings : changes of direction of the hand while it is near its highest point.
    foot_top, knee_top : highest rise over the lowest point of the clip, leg lengths.
    """

    wrist_top: float
    wrist_low: float
    wrist_path: float
    raised_path: float
    swings: int
    foot_top: float
    knee_top: float


@dataclass(frozen=True)
class Measures:
    """A motion in numbers.

    turn : net change of heading, radians, positive to the left.
    forward, leftward : mean velocity in the body's frame, meters per second.
    airborne : share of frames with both feet clear of the floor.
    cadence : steps per second, from the feet passing each other.
    hips_low : lowest hips over the floor, as a share of their highest.
    hips_end : hips over the floor at the end, the same share.
    lean : how much further than at first the trunk leans from the vertical, radians.
    """

    turn: float
    forward: float
    leftward: float
    airborne: float
    cadence: float
    hips_low: float
    hips_end: float
    lean: float
    left: Side
    right: Side

    @property
    def speed(self) -> float:
        """Mean ground speed along the mean direction, meters per second."""
        return float(np.hypot(self.forward, self.leftward))

    def mirrored(self) -> Measures:
        """The measures of the mirror image."""
        return Measures(
            turn=-self.turn,
            forward=self.forward,
            leftward=-self.leftward,
            airborne=self.airborne,
            cadence=self.cadence,
            hips_low=self.hips_low,
            hips_end=self.hips_end,
            lean=self.lean,
            left=self.right,
            right=self.left,
        )


def measure(motion: Motion) -> Measures:
    """Measure a motion; ``SkeletonError`` when a role that is needed is not played."""
    position = motion.positions().detach().cpu().double().numpy()

    def role(name: str) -> Float[np.ndarray, "T 3"]:
        return position[:, motion.skeleton.role(name)]

    ankles = [role("left_ankle"), role("right_ankle")]
    floor = min(float(ankle[:, UP_AXIS].min()) for ankle in ankles)
    hips = role("hips")
    leg = limb_length(role("left_hip"), role("left_knee"), role("left_ankle"))
    yaw = heading(role("left_hip") - role("right_hip") + role("left_shoulder") - role("right_shoulder"))
    forward, leftward = _velocity(hips, yaw, motion.fps)
    edge = max(1, min(round(EDGE_S * motion.fps), len(yaw) // 5))
    heights = hips[:, UP_AXIS] - floor
    trunk = role("neck") - hips
    lean = np.arctan2(np.linalg.norm(trunk[:, GROUND_AXES], axis=-1), trunk[:, UP_AXIS])
    clear = np.minimum(*[ankle[:, UP_AXIS] - np.percentile(ankle[:, UP_AXIS], 5) for ankle in ankles])
    return Measures(
        turn=float(yaw[-edge:].mean() - yaw[:edge].mean()),
        forward=forward,
        leftward=leftward,
        airborne=float((clear > CLEAR * leg).mean()),
        cadence=_cadence(ankles[0] - ankles[1], yaw, motion.fps),
        hips_low=float(heights.min() / max(heights.max(), 1e-9)),
        hips_end=float(heights[-1] / max(heights.max(), 1e-9)),
        lean=float(lean.max() - lean[:edge].mean()),
        left=_side(role, "left", leg, floor),
        right=_side(role, "right", leg, floor),
    )


def _side(role: _Role, side: str, leg: float, floor: float) -> Side:
    shoulder, wrist = role(f"{side}_shoulder"), role(f"{side}_wrist")
    arm = limb_length(shoulder, role(f"{side}_elbow"), wrist)
    reach = (wrist - shoulder) / arm
    steps = np.linalg.norm(np.diff(reach, axis=0), axis=-1)
    up = reach[:, UP_AXIS] > RAISED
    ankle, knee = role(f"{side}_ankle")[:, UP_AXIS], role(f"{side}_knee")[:, UP_AXIS]
    return Side(
        wrist_top=float(reach[:, UP_AXIS].max()),
        wrist_low=float((wrist[:, UP_AXIS].min() - floor) / leg),
        wrist_path=float(steps.sum()),
        raised_path=float(steps[up[1:]].sum()),
        swings=_swings(reach[reach[:, UP_AXIS] > reach[:, UP_AXIS].max() - NEAR_TOP]),
        foot_top=float((ankle.max() - ankle.min()) / leg),
        knee_top=float((knee.max() - knee.min()) / leg),
    )


RAISED = -0.35
"""A wrist above this many arm lengths over its shoulder counts as raised; a hanging one is near -0.95."""

CLEAR = 0.06
"""An ankle this many leg lengths over its usual low point is off the floor."""

NEAR_TOP = 0.3
"""Swings are counted while the wrist is within this many arm lengths of its highest point."""

SWING = 0.02
"""A change of direction counts once the hand has gone back so many arm lengths: some wave the wrist only."""


def _swings(reach: Float[np.ndarray, "N 3"]) -> int:
    """Turning points of the hand along the direction in which it moves most, small ones left out."""
    if len(reach) < 3:
        return 0
    centred = reach - reach.mean(axis=0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    count, way, extreme = 0, 0, along[0]
    for value in along:
        if way * (value - extreme) > 0:
            extreme = value
        elif abs(value - extreme) > SWING:
            count, way, extreme = count + (way != 0), 1 if value > extreme else -1, value
    return count


def _velocity(hips: Float[np.ndarray, "T 3"], yaw: Float[np.ndarray, " T"], fps: float) -> tuple[float, float]:
    """Mean forward and leftward velocity of the hips in the frame that turns with the body."""
    if len(hips) < 2:
        return 0.0, 0.0
    step = np.diff(hips, axis=0) * fps
    middle = (yaw[1:] + yaw[:-1]) / 2
    forward, leftward = along_heading(step, middle)
    return float(forward.mean()), float(leftward.mean())


def _cadence(apart: Float[np.ndarray, "T 3"], yaw: Float[np.ndarray, " T"], fps: float) -> float:
    """How often a second one ankle passes the other along the facing direction."""
    ahead, _ = along_heading(apart, yaw)
    side = np.signbit(ahead - ahead.mean())
    return float((side[1:] != side[:-1]).sum() * fps / len(ahead))
