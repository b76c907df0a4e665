"""Foot lock: removal of foot sliding by leg inverse kinematics; hips are lowered where a leg is too short.

The displacement of the point of support of a standing foot (heel, whole foot, toes, as it rolls) is accumulated over
the stance and subtracted at the ankle by two-bone inverse kinematics (after Kovar et al. 2002, "Footskate Cleanup for
Motion Capture Editing"). Between two stances the correction is blended smoothly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.kinematics.contacts import velocities
from kinescale.kinematics.filters import gaussian_smooth, smoothstep
from kinescale.kinematics.rotations import quat_conjugate, quat_multiply
from kinescale.kinematics.two_bone import STRETCH, two_bone
from kinescale.motion.clean_up.base import Cleaned, foot_joints, leg_length, moved, rest_heights
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import t_pose

ADULT_LEG_M = 0.85
"""Leg length that the limits are for, meters; they scale with the leg."""


class Config(Record):
    """``enter_m_s``, ``leave_m_s``: a stance begins below the first speed and ends above the second;
    ``height_m``: highest joint in a stance over its height in the T-pose (meters, for legs of 0.85 m, like the speeds);
    ``shortest_s``: shortest stance, seconds; ``blend_s``: duration of a correction's fade in and out;
    ``floor``: height of standing soles, meters (None: each stance keeps its mean height);
    ``most_drop_m``: largest lowering of the hips for a leg that is too short.
    """

    enter_m_s: float = Field(default=0.35, gt=0.0, le=10.0)
    leave_m_s: float = Field(default=0.7, gt=0.0, le=10.0)
    height_m: float = Field(default=0.06, gt=0.0, le=1.0)
    shortest_s: float = Field(default=0.1, ge=0.0, le=10.0)
    blend_s: float = Field(default=0.15, ge=0.0, le=5.0)
    floor: float | None = Field(default=None, ge=-1e4, le=1e4)
    most_drop_m: float = Field(default=0.05, ge=0.0, le=1.0)


@dataclass(frozen=True, eq=False)
class _Foot:
    """One foot's joints (ankle, toes), which of them stand in each frame, and the ankle's correction [T, 3]."""

    side: str
    joints: tuple[int, ...]
    stands: Bool[Tensor, "T K"]
    correction: Float[Tensor, "T 3"]


def clean(motion: Motion, config: Config, contacts: Float[Tensor, "T 4"] | None = None) -> Cleaned:
    """Remove foot sliding from a clip. Orientations of feet, and everything but legs and hips, are unchanged.

    ``contacts``: [T, 4] in [0, 1] for left ankle, left toes, right ankle, right toes, where known (else they are found
    by speed and height). The report has the number of stances, slide before and after (mean ground speed of standing
    joints), the largest lowering of the hips and the largest remaining distance of a foot from its target. Raises
    ``SkeletonError`` for a skeleton without hips, knees or ankles, ``InputError`` for contacts of another shape.
    """
    if config.leave_m_s < config.enter_m_s:
        raise InputError(f"leave_m_s {config.leave_m_s} is below enter_m_s {config.enter_m_s}; give at least as much.")
    if contacts is not None and contacts.shape != (len(motion), 4):
        raise InputError(f"contacts {tuple(contacts.shape)}; expected [{len(motion)}, 4].")
    leg = leg_length(motion.skeleton)
    positions = motion.positions()
    feet = []
    for index, (side, joints) in enumerate(foot_joints(motion.skeleton).items()):
        given = None if contacts is None else contacts[:, 2 * index : 2 * index + len(joints)] > 0.5
        stands = _stances(positions[:, list(joints)], joints, motion, config, leg) if given is None else given
        feet.append(
            _Foot(side, joints, stands, _correction(motion, positions[:, list(joints)], joints, stands, config))
        )
    targets = {foot.side: positions[:, motion.skeleton.role(f"{foot.side}_ankle")] + foot.correction for foot in feet}
    made, drop = _sunk(motion, positions, targets, feet, config)
    short = 0.0
    for foot in feet:
        made, lack = _reach(made, foot.side, targets[foot.side])
        short = max(short, float(lack.max()))
    report = {
        "stances": float(sum(_runs(foot.stands.any(1)).shape[0] for foot in feet)),
        "slide_before_m_s": _slide(motion, feet),
        "slide_after_m_s": _slide(made, feet),
        "hips_lowered_max_m": float(drop.max()),
        "out_of_reach_max_m": short,
    }
    return Cleaned(made, {**report, **moved(motion, made)})


def _stances(
    track: Float[Tensor, "T K 3"], joints: tuple[int, ...], motion: Motion, config: Config, leg: float
) -> Bool[Tensor, "T K"]:
    """Which of a foot's joints stand: slow and low, with hysteresis, for long enough."""
    scale = leg / ADULT_LEG_M
    rest = rest_heights(motion.skeleton)[list(joints)].to(track)
    speed = velocities(track, motion.fps).norm(dim=-1) / scale
    heights = track[..., 1] - rest
    floor = config.floor if config.floor is not None else float(heights.flatten().sort().values[heights.numel() // 20])
    low = heights - floor < config.height_m * scale
    least = max(1, round(config.shortest_s * motion.fps))
    stands = torch.zeros_like(low)
    for k in range(len(joints)):
        for first, last in _runs(low[:, k] & (speed[:, k] < config.leave_m_s)).tolist():
            if last - first >= least and bool((speed[first:last, k] < config.enter_m_s).any()):
                stands[first:last, k] = True
    return stands


def _runs(flags: Bool[Tensor, " T"]) -> Tensor:
    """[N, 2] first frame and the one after the last of each run of true."""
    edges = torch.diff(torch.nn.functional.pad(flags.to(torch.int8), (1, 1)))
    return torch.stack([(edges == 1).nonzero().flatten(), (edges == -1).nonzero().flatten()], dim=1)


def _correction(
    motion: Motion, track: Float[Tensor, "T K 3"], joints: tuple[int, ...], stands: Bool[Tensor, "T K"], config: Config
) -> Float[Tensor, "T 3"]:
    """Correction of the ankle [T, 3] that holds the standing point at its mean position."""
    rest = rest_heights(motion.skeleton)[list(joints)].to(track)
    # from frame t to t + 1 the foot is supported by the joints that stand in both
    both = (stands[1:] & stands[:-1])[..., None].to(track)
    steps = (both * (track[1:] - track[:-1])).sum(1) / both.sum(1).clamp(min=1)
    correction = torch.zeros_like(track[:, 0])
    known = stands.any(1)
    for first, last in _runs(known).tolist():
        path = torch.cat([torch.zeros_like(steps[:1]), -steps[first : last - 1].cumsum(0)])
        path = path - path.mean(0)
        if config.floor is not None:
            borne = stands[first:last].to(track)
            height = (track[first:last, :, 1] + path[:, None, 1] - rest) * borne
            path[:, 1] += config.floor - height.sum() / borne.sum()
        correction[first:last] = path
    return _faded(correction, known, max(1, round(config.blend_s * motion.fps)))


def _faded(correction: Float[Tensor, "T 3"], known: Bool[Tensor, " T"], blend: int) -> Float[Tensor, "T 3"]:
    """Correction between stances: fades out after one and in before the next; both at once where they are near."""
    runs = _runs(known)
    made = correction.clone()
    total = len(known)
    for index in range(len(runs) + 1):
        first = int(runs[index - 1, 1]) if index else 0
        last = int(runs[index, 0]) if index < len(runs) else total
        frames = torch.arange(first, last)
        out = smoothstep((frames - first + 1) / (blend + 1)) if index else torch.ones(len(frames))
        into = smoothstep((last - frames) / (blend + 1)) if index < len(runs) else torch.ones(len(frames))
        before = correction[first - 1] if index else torch.zeros_like(correction[0])
        after = correction[last] if index < len(runs) else torch.zeros_like(correction[0])
        made[first:last] = before * (1 - out)[:, None].to(correction) + after * (1 - into)[:, None].to(correction)
    return made


def _sunk(
    motion: Motion, positions: Tensor, targets: dict[str, Tensor], feet: list[_Foot], config: Config
) -> tuple[Motion, Float[Tensor, " T"]]:
    """The clip with hips lowered where a standing foot is out of reach, and the lowering."""
    need = torch.zeros(len(motion), dtype=positions.dtype)
    skeleton = motion.skeleton
    for foot in feet:
        hip, knee, ankle = (positions[:, skeleton.role(f"{foot.side}_{name}")] for name in ("hip", "knee", "ankle"))
        longest = ((knee - hip).norm(dim=-1) + (ankle - knee).norm(dim=-1)) * STRETCH
        longest = torch.maximum(longest, (ankle - hip).norm(dim=-1))
        gap = hip - targets[foot.side]
        upright = (longest.square() - gap[:, [0, 2]].square().sum(-1)).clamp(min=0).sqrt()
        lack = (gap[:, 1] - upright).clamp(min=0)
        need = torch.maximum(need, torch.where(foot.stands.any(1), lack, torch.zeros_like(lack)))
    need = need.clamp(max=config.most_drop_m)
    if not bool((need > 1e-6).any()):
        return motion, torch.zeros_like(need)
    radius = max(1, round(config.blend_s * motion.fps))
    wide = torch.nn.functional.max_pool1d(need[None, None], 2 * radius + 1, stride=1, padding=radius)[0]
    drop = gaussian_smooth(wide, radius / 2)[0]
    root = motion.root.clone()
    root[:, 1] -= drop.to(root)
    return motion.replace(root=root), drop


def _reach(motion: Motion, side: str, target: Float[Tensor, "T 3"]) -> tuple[Motion, Float[Tensor, " T"]]:
    """The clip with one ankle at ``target``, its world orientation kept."""
    skeleton = motion.skeleton
    hip, knee, ankle = (skeleton.role(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
    positions, world = motion.positions(), motion.global_rotations()
    # rotations relative to the T-pose, in which knees point along +Z: the bending direction of a straight leg
    still_world, _ = t_pose(skeleton, world.dtype)
    thigh, shin = (quat_multiply(world[:, joint], quat_conjugate(still_world[joint])) for joint in (hip, knee))
    found = two_bone(positions[:, hip], positions[:, knee], positions[:, ankle], target, thigh, shin)
    # Joints between hip and knee, or knee and ankle, turn along with the bone they lie on.
    upper = quat_multiply(found.upper, quat_conjugate(thigh))
    lower = quat_multiply(found.lower, quat_conjugate(shin))
    rotations = motion.rotations.clone()
    still = torch.zeros_like(upper) + upper.new_tensor([0.0, 0.0, 0.0, 1.0])
    for joint, turned, above in (
        (hip, quat_multiply(upper, world[:, hip]), still),
        (knee, quat_multiply(lower, world[:, knee]), upper),
        (ankle, world[:, ankle], lower),
    ):
        parent = quat_multiply(above, world[:, skeleton.parents[joint]])
        rotations[:, joint] = quat_multiply(quat_conjugate(parent), turned)
    untouched = (target - positions[:, ankle]).norm(dim=-1) < 1e-9
    rotations[untouched] = motion.rotations[untouched]
    return motion.replace(rotations=rotations), found.short_m


def _slide(motion: Motion, feet: list[_Foot]) -> float:
    """Mean ground speed of standing foot joints, m/s."""
    positions = motion.positions()
    speeds = []
    for foot in feet:
        speed = velocities(positions[:, list(foot.joints)], motion.fps)[:-1][..., [0, 2]].norm(dim=-1)
        speeds.append(speed[foot.stands[1:] & foot.stands[:-1]])
    together = torch.cat(speeds)
    return float(together.mean()) if len(together) else 0.0
