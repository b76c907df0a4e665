"""The reading step: up axis, unit of length and frame rate of a motion file, and a note for each that was assumed.

Most files state none of the three. What the caller states (``WorldOptions``) always holds. Otherwise the body decides:
a person is between ``USUAL_M`` tall, stands upright, and walks over the ground. A change needs clear evidence; where
the evidence is weak the file is read as it is, and a note names the option that states it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.conventions import MAX_FPS, NATIVE_FPS, UNITS_M
from kinescale.core.errors import InputError
from kinescale.kinematics.rotations import quat_apply, quat_conjugate, quat_multiply
from kinescale.motion.motion import Motion
from kinescale.rigging import rest_up, stature
from kinescale.skeletons import EndSite, Skeleton

_NAMES = {"m": "meters", "cm": "centimeters", "mm": "millimeters", "in": "inches", "ft": "feet", "dm": "decimeters"}
LARGEST_UNIT_M = 1000.0
USUAL_M, LIKELY_M = (0.9, 2.5), (1.2, 2.2)
"""Heights that raise no doubt, and those that another unit must give to be taken instead."""

_S = 0.5**0.5
TURNS = {
    "+y": (0.0, 0.0, 0.0, 1.0),
    "+z": (-_S, 0.0, 0.0, _S),
    "-z": (_S, 0.0, 0.0, _S),
    "-y": (1.0, 0.0, 0.0, 0.0),
    "+x": (0.0, 0.0, _S, _S),
    "-x": (0.0, 0.0, -_S, _S),
}
"""Up axis of a file -> the quaternion (xyzw) that turns it to +Y."""

MOST_FRAMES = 64
UPRIGHT = 0.77
"""Least cosine between the line from feet to head and an axis along which a body stands: 40 degrees."""
LEAST_SHARE = 0.5
"""Share of the frames that must stand along another axis for it to be taken."""
HALF, MARGIN, LEAST_SCORE = 0.5, 0.5, 1.4
"""Weight of each further piece of evidence, by how much another axis must win against +Y, and what it must have."""
ON_FLOOR = (-0.05, 0.15)
"""Over the stature: where the lowest joint of a body lies that stands on a floor at zero."""
TRAVELS, LEVEL = 1.0, 0.4
"""Over the stature: a body that goes so far across an axis, and moves so little along it, goes over the ground."""


@dataclass(frozen=True)
class WorldOptions:
    """Up axis, unit and frame rate of a file as the caller states them; ``None`` where the body decides.

    up : "+y", "+z" ... or "y", "z" ...: the axis that points up. unit_m : meters per unit. fps : frames per second.
    """

    up: str | None = None
    unit_m: float | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        if self.up is not None:
            object.__setattr__(self, "up", up_axis(self.up))
        if self.unit_m is not None:
            check_unit(self.unit_m)
        if self.fps is not None and not 0 < self.fps <= MAX_FPS:
            raise InputError(f"{self.fps} frames per second; expected more than 0 and at most {MAX_FPS:g}.")


def rate_notes(fps: float | None) -> tuple[str, ...]:
    """The note of a format without frame rates where the caller gives none either: ``NATIVE_FPS`` is assumed."""
    note = f"the file says no frame rate: {NATIVE_FPS:g} is taken; --source-fps states it."
    return () if fps is not None else (note,)


def up_axis(text: str) -> str:
    """An axis as "+z", from "z", "Z" or "-Y"; ``InputError`` for anything else."""
    axis = str(text).strip().lower()
    axis = axis if axis[:1] in ("+", "-") else f"+{axis}"
    if axis not in TURNS:
        raise InputError(f"'{str(text)[:20]}' is no axis that can be up; expected y, z, x, -y, -z or -x.")
    return axis


def check_unit(unit_m: float) -> None:
    """``InputError`` unless ``unit_m`` can be the length of a unit, meters."""
    if not 0 < unit_m <= LARGEST_UNIT_M:
        raise InputError(f"a unit of {unit_m} m; expected more than 0, such as 0.01 for centimeters.")


def unit_name(unit_m: float) -> str:
    """ "meters" for 1.0; "units of 0.0564 m" for what has no common name."""
    known = next((name for name, meters in UNITS_M.items() if abs(meters / unit_m - 1) < 1e-6), None)
    return _NAMES.get(known or "", f"units of {unit_m:.4g} m")


def in_likely_unit(build: Callable[[float], Motion], usual_m: float) -> tuple[Motion, tuple[str, ...]]:
    """The motion that ``build`` makes of a unit in meters: the usual one, or another that gives a person's height.

    The notes say which unit was taken instead, or that none fits.
    """
    motion = build(usual_m)
    height = stature(motion.skeleton)
    if height is None or USUAL_M[0] <= height <= USUAL_M[1]:
        return motion, ()
    unit = likely_unit(height / usual_m)
    tall = f"{height:.3g} m"
    if unit is None:
        what = f"the body is {tall} tall in {unit_name(usual_m)}, and no common unit makes it a person's height"
        return motion, (f"{what}; state the unit with --source-unit (unit_m) where it is another.",)
    made = build(unit)
    found = stature(made.skeleton) or height * unit / usual_m
    note = (
        f"lengths are taken as {unit_name(unit)}, which makes the body {found:.2f} m tall; as {unit_name(usual_m)} it "
        f"would be {tall}. State --source-unit (unit_m) where that is wrong."
    )
    return made, (note,)


def likely_unit(height: float) -> float | None:
    """Meters of the unit in which a body of ``height`` units has a person's height; ``None`` where none gives that."""
    for low, high in (LIKELY_M, USUAL_M):
        fitting = [meters for meters in UNITS_M.values() if low <= height * meters <= high]
        if fitting:
            # the nearest to an adult's 1.7 m, where two would do
            return min(fitting, key=lambda meters: abs(np.log(height * meters / 1.7)))
    return None


def upright(
    motion: Motion, stated: str | None, *, identity_rest: bool, least: float | None = None
) -> tuple[Motion, tuple[str, ...]]:
    """The motion rotated to +Y up, and notes on how its up axis was found.

    ``least``: the score that suffices, lower for formats whose files mostly show standing people.

    ``identity_rest``: the skeleton's rest pose is drawn in the file's world, as in BVH, and is evidence for its up
    axis.
    """
    rest = rest_up(motion.skeleton) if identity_rest else None
    if stated is not None:
        return rotated_up(motion, stated, rest), ()
    found, sure = _up_axis_of_body(motion, rest, LEAST_SCORE if least is None else least)
    if found == "+y":
        return motion, ()
    shown = found.upper()
    if not sure:
        note = (
            f"the head is at {shown} of the feet most of the time: the body is taken to lie, crawl or stand on its "
            f"head, with Y up. State --source-up={found.removeprefix('+')} if {shown} is up in the file."
        )
        return motion, (note,)
    note = f"{shown} is taken to be up, as the body stands along it; state --source-up y where it lies down instead."
    return rotated_up(motion, found, rest), (note,)


def rotated_up(motion: Motion, up: str, rest: str | None) -> Motion:
    """The motion with the axis ``up`` of its world rotated to +Y; joint frames rotate too where the rest pose does."""
    turn = torch.tensor(TURNS[up], dtype=torch.float64)
    if up == "+y":
        return motion
    root = quat_apply(turn, motion.root.double()).to(motion.root)
    if rest != up:
        rotations = motion.rotations.clone()
        rotations[:, 0] = quat_multiply(turn, rotations[:, 0].double()).to(rotations)
        return motion.replace(root=root, rotations=rotations)
    back = quat_conjugate(turn)
    rotations = quat_multiply(quat_multiply(turn, motion.rotations.double()), back).to(motion.rotations)
    return motion.replace(skeleton=_turned_skeleton(motion.skeleton, turn), root=root, rotations=rotations)


def with_up_axis(skeleton: Skeleton, up: str) -> Skeleton:
    """A skeleton whose rest pose stands along +Y, redrawn with the axis ``up`` up."""
    return _turned_skeleton(skeleton, quat_conjugate(torch.tensor(TURNS[up], dtype=torch.float64)))


def _turned_skeleton(skeleton: Skeleton, turn: torch.Tensor) -> Skeleton:
    """The skeleton with every joint's frame rotated."""

    def moved(points: Float[np.ndarray, "N 3"]) -> np.ndarray:
        # an axis goes to an axis: rounding leaves exact numbers
        matrix = np.round(quat_apply(turn, torch.eye(3, dtype=torch.float64)).numpy())
        return points @ matrix + 0.0

    ends = tuple(
        EndSite(end.joint, (float(x), float(y), float(z)))
        for end, (x, y, z) in zip(skeleton.ends, moved(np.array([e.offset for e in skeleton.ends]).reshape(-1, 3)))
    )
    pose = None
    if skeleton.t_pose is not None:
        back = quat_conjugate(turn)
        local = quat_multiply(torch.from_numpy(skeleton.t_pose.copy()), back)
        local[1:] = quat_multiply(turn, local[1:])
        pose = local.numpy()
        still = np.abs(np.abs(pose[:, 3]) - 1).max() < 1e-12
        pose = None if still else pose
    return replace(skeleton, offsets=moved(skeleton.offsets), ends=ends, t_pose=pose)


def _up_axis_of_body(motion: Motion, rest: str | None, least: float) -> tuple[str, bool]:
    """The axis along which the body stands, and whether the evidence for another than +Y is clear.

    Evidence for an axis: the share of frames that stand along it; the rest pose is drawn along it; the lowest joint
    lies on a floor at zero; the body goes far across it and stays level along it.
    """
    sampled = _sampled_positions(motion)
    height = stature(motion.skeleton)
    if sampled is None or height is None:
        return "+y", True
    positions, rising = sampled
    scores, shares = {}, {}
    for name in TURNS:
        axis, sign = "xyz".index(name[1]), 1.0 if name[0] == "+" else -1.0
        shares[name] = float((sign * rising[:, axis] > UPRIGHT).mean())
        lowest = float((sign * positions[..., axis]).min()) / height
        middle = positions.mean(axis=1) / height
        across = np.delete(middle, axis, axis=1)
        goes = float(np.ptp(across, axis=0).max()) > TRAVELS and float(np.ptp(middle[:, axis])) < LEVEL
        on_floor = ON_FLOOR[0] <= lowest <= ON_FLOOR[1]
        scores[name] = shares[name] + HALF * ((rest == name) + on_floor + goes)
    standing = [name for name in TURNS if shares[name] >= LEAST_SHARE or (rest == name and shares[name] > 0)]
    best = max(standing, key=lambda name: scores[name], default="+y")
    lead = scores[best] - scores["+y"]
    return (best, lead > min(MARGIN, least / 2) and scores[best] >= least) if lead > 0 else ("+y", True)


def _sampled_positions(motion: Motion) -> tuple[Float[np.ndarray, "T J 3"], Float[np.ndarray, "T 3"]] | None:
    """Joint positions of some frames, and the unit vectors from between the feet to the head in them."""
    roles = motion.skeleton.role_indices()
    high = next((roles[role] for role in ("head", "neck", "spine3") if role in roles), None)
    low = [roles[role] for role in ("left_ankle", "right_ankle") if role in roles]
    if high is None or not low:
        return None
    step = max(1, len(motion) // MOST_FRAMES)
    some = motion.replace(root=motion.root[::step].clone(), rotations=motion.rotations[::step].clone())
    positions = some.positions().detach().double().numpy()
    rising = positions[:, high] - positions[:, low].mean(axis=1)
    length = np.linalg.norm(rising, axis=-1, keepdims=True)
    return positions, rising / np.maximum(length, 1e-9)


def scaled(motion: Motion, factor: float) -> Motion:
    """The motion and its skeleton with all lengths times ``factor``."""
    skeleton = motion.skeleton
    tips = [(end.joint, *(float(v * factor) for v in end.offset)) for end in skeleton.ends]
    ends = tuple(EndSite(joint, (x, y, z)) for joint, x, y, z in tips)
    made = replace(skeleton, offsets=skeleton.offsets * factor, ends=ends)
    return motion.replace(skeleton=made, root=(motion.root.double() * factor).to(motion.root))


def merged(notes: Sequence[str], more: Sequence[str]) -> list[str]:
    """Two lists of notes in order, each sentence once."""
    return list(dict.fromkeys([*notes, *more]))
