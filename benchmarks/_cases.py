"""The prompts of the judgment: what a newcomer would type, and how to tell whether it happened.

Where ``data.label_check`` has rules for an action, those that hold the corpora's labels against their motion are
asked of the generated motion too. The rest is measured here, with thresholds set on real clips of the action and
of others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import degrees

import numpy as np
from jaxtyping import Float

from kinescale.data.label_check import contradictions
from kinescale.data.prepared import PreparedClip
from kinescale.motion import Motion, facing_yaw

Check = Callable[[Motion], str | None]
"""``None`` when it happened, else one sentence on what happened instead."""

EDGE_S = 0.3
TURNED_AROUND = 120.0
"""Degrees of net turn."""
HEAD_DROP = 0.12
"""Meters the head goes down in a bow, half of which it must come up again."""
CLEARANCE, FLIGHT_S, HOVER_S = 0.08, 0.16, 0.8
"""A jump: all foot joints so far (m) above their lowest level for so long (hops of the corpora: 0.23 to 0.47 s; runs:
0.10 s at most), and not for so long that the body hovers."""
DANCING, ON_THE_SPOT = 0.5, 0.6
"""A dance: mean speed of the limbs' ends about the hips, at least, and of the way made good, at most (m/s). A weak
check: it tells a dance from standing, walking and running, not from lively waving."""
THRUST_SPEED, THRUST_REACH = 2.0, 0.75
"""A punch: the wrist leaves its shoulder at so many m/s and gets so many arm lengths away, not below the
chest (punches of the corpora: 3.3 m/s and more; raised hands: up to 1.6)."""


@dataclass(frozen=True)
class Case:
    """One prompt.

    Parameters
    ----------
    prompt, seconds : what is asked.
    label : an action of ``data.label_check`` that the motion must not contradict, or "".
    checks : what else must be seen.
    real : actions of the prepared data that show the same, to compare with.
    mirrored : actions of the prepared data whose mirror image shows the same.
    """

    prompt: str
    seconds: float
    label: str = ""
    checks: tuple[Check, ...] = ()
    real: tuple[str, ...] = ()
    mirrored: tuple[str, ...] = ()

    def found(self, motion: Motion) -> tuple[str, ...]:
        """What speaks against the prompt in the motion; empty: it happened."""
        own = [said for check in self.checks if (said := check(motion)) is not None]
        return (*(contradictions(motion, self.label) if self.label else ()), *own)

    def match(self, clip: PreparedClip) -> int:
        """1 for a clip that shows what is asked, -1 for one whose mirror image does, else 0."""
        return int(clip.action in self.real) - int(clip.action in self.mirrored)


def turns_around(motion: Motion) -> str | None:
    """The heading at the end is away from the heading at the start, and the way between is walked."""
    positions = motion.positions()
    yaw = np.unwrap(facing_yaw(positions, motion.skeleton).double().numpy())
    edge = max(1, round(EDGE_S * motion.fps))
    turn = degrees(yaw[-edge:].mean() - yaw[:edge].mean())
    if abs(turn) < TURNED_AROUND:
        return f"the body turns {turn:.0f} degrees in all; expected at least {TURNED_AROUND:.0f} either way"
    path = float(motion.root[:, [0, 2]].diff(dim=0).norm(dim=-1).sum())
    return None if path > 1.0 else f"the body moves {path:.1f} m only; expected a walk"


def head_goes_down_and_up(motion: Motion) -> str | None:
    """The head sinks and comes up again."""
    head = _joint(motion, "head")[:, 1]
    low = int(head.argmin())
    drop, rise = head[: low + 1].max() - head[low], head[low:].max() - head[low]
    if drop < HEAD_DROP:
        return f"the head goes down by {drop:.2f} m only; expected {HEAD_DROP:g}"
    return None if rise > drop / 2 else f"the head goes down by {drop:.2f} m and comes up by {rise:.2f} m only"


def both_feet_leave_the_floor(motion: Motion) -> str | None:
    """A flight: ankles and toes of both feet in the air together."""
    names = ("left_ankle", "left_toes", "right_ankle", "right_toes")
    heights = np.stack([_joint(motion, name)[:, 1] for name in names], axis=1)
    clear = (heights - np.percentile(heights, 5, axis=0)).min(axis=1) > CLEARANCE
    longest = _longest_run(clear) / motion.fps
    if FLIGHT_S <= longest <= HOVER_S:
        return None
    return f"both feet are in the air for {longest:.2f} s; expected {FLIGHT_S:g} to {HOVER_S:g}"


def limbs_keep_moving(motion: Motion) -> str | None:
    """Hands, feet and head keep moving about the hips, and the body does not simply walk away."""
    speed = limb_speed(motion)
    if speed < DANCING:
        return f"hands and feet move at {speed:.2f} m/s about the hips; expected {DANCING:g}"
    made_good = float((motion.root[-1] - motion.root[0])[[0, 2]].norm()) / motion.duration_s
    return None if made_good < ON_THE_SPOT else f"the body travels at {made_good:.2f} m/s, as in a walk"


def limb_speed(motion: Motion) -> float:
    """Mean speed of wrists, ankles and head relative to the hips, m/s."""
    hips = _joint(motion, "hips")
    ends = [_joint(motion, name) - hips for name in ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "head")]
    return float(np.mean([np.linalg.norm(np.diff(end, axis=0), axis=1).mean() for end in ends]) * motion.fps)


def a_fist_is_thrust(motion: Motion) -> str | None:
    """One wrist shoots away from its shoulder to a nearly straight arm, at chest height or above."""
    best = max((thrust(motion, side) for side in ("left", "right")), key=lambda pair: pair[0])
    if best[0] >= THRUST_SPEED:
        return None
    return f"no wrist is thrust out: at most {best[0]:.1f} m/s away from its shoulder; expected {THRUST_SPEED:g}"


def thrust(motion: Motion, side: str) -> tuple[float, float]:
    """Fastest growth (m/s) of the shoulder-wrist distance that ends in a stretched arm; that stretch in arm lengths."""
    shoulder, elbow, wrist = (_joint(motion, f"{side}_{part}") for part in ("shoulder", "elbow", "wrist"))
    arm = float((np.linalg.norm(elbow - shoulder, axis=1) + np.linalg.norm(wrist - elbow, axis=1)).mean())
    reach = np.linalg.norm(wrist - shoulder, axis=1) / arm
    level = (wrist - shoulder)[:, 1] / arm
    growth = np.diff(reach, prepend=reach[:1]) * arm * motion.fps
    ahead = max(1, round(0.2 * motion.fps))
    best = (0.0, 0.0)
    for frame in np.flatnonzero(level > -0.5):
        stretch = float(reach[frame : frame + ahead].max())
        if stretch >= THRUST_REACH and growth[frame] > best[0]:
            best = (float(growth[frame]), stretch)
    return best


def _joint(motion: Motion, role: str) -> Float[np.ndarray, "T 3"]:
    return motion.positions()[:, motion.skeleton.role(role)].double().numpy()


def _longest_run(flags: np.ndarray) -> int:
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best


SALSA = "salsa dance"

CASES = (
    Case("a person walks forward", 4.0, "walk", real=("walk",)),
    Case("a person runs forward", 3.0, "run", real=("run",)),
    Case("a person waves the right hand", 4.0, "wave-right-hand", real=("wave-right-hand",)),
    Case("a person waves the left hand", 4.0, "wave-left-hand", real=("wave-left-hand",)),
    Case("a person waves both hands", 4.0, "wave-both-hands", real=("wave-both-hands",)),
    Case("a person raises both hands", 3.0, "raise-up-both-hands", real=("raise-up-both-hands",)),
    Case("a person raises the right hand", 3.0, "raise-up-right-hand", real=("raise-up-right-hand",)),
    Case("a person raises the left hand", 3.0, "raise-up-left-hand", real=("raise-up-left-hand",)),
    Case("a person walks forward and turns to the left", 4.0, "walk-turn-left", real=("walk-turn-left",)),
    Case("a person walks forward and turns to the right", 4.0, "walk-turn-right", real=("walk-turn-right",)),
    Case("a person turns around while walking", 4.0, checks=(turns_around,)),
    Case("a person walks backward", 4.0, "walk-back", real=("walk-back",)),
    Case("a person kicks with the right leg", 2.5, "kick", real=("kick",), mirrored=("kickLFront1Reps",)),
    Case("a person kicks with the left leg", 2.5, "kickLFront1Reps", real=("kickLFront1Reps",), mirrored=("kick",)),
    Case("a person bows", 4.0, "bow", (head_goes_down_and_up,), real=("bow",)),
    Case("a person dances", 4.0, checks=(limbs_keep_moving,), real=(SALSA, "dance-short", "dance-long")),
    Case("a person jumps", 2.0, checks=(both_feet_leave_the_floor,), real=("hopBothLegs1hops",)),
    Case("a person squats", 2.5, "squat1Reps", real=("squat1Reps",)),
    Case("a person throws a punch", 4.0, "punch", (a_fist_is_thrust,), real=("punch", "punch/strike")),
    Case(
        "a person jogs in a circle to the left", 2.5, "jogLeftCircle4StepsRstart", real=("jogLeftCircle4StepsRstart",)
    ),
    Case(
        "a person puts something down on the floor with the right hand", 3.0, "depositFloorR", real=("depositFloorR",)
    ),
    Case("a person lies down on the floor", 5.0, "lieDownFloor", real=("lieDownFloor",)),
)
