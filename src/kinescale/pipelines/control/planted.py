"""Planted feet after control: the legs alone are corrected, and nothing that a constraint speaks of."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.contacts import floor_height
from kinescale.kinematics.filters import eased
from kinescale.kinematics.foot_planting import SIDES
from kinescale.kinematics.retarget import ancestors
from kinescale.motion.canonicalize import TOE_HEIGHT
from kinescale.motion.motion import Motion
from kinescale.motion.plant import FADE_S, plant_stances
from kinescale.pipelines.control.goals import Goals, errors
from kinescale.skeletons.base import Skeleton


def planted(
    motion: Motion,
    contacts: Float[Tensor, "T 4"],
    goals: Goals,
    fade: Float[Tensor, " T"],
    source: Motion | None = None,
) -> Motion:
    """The motion with its standing feet held still where ``fade`` (0 to 1) lets a frame change.

    Hips stay. A leg is left alone around frames in which a goal is about a joint of it. ``source``: the clip whose feet
    tell where the floor is; else it is at 0. A skeleton without legs or toes, and a clip that would keep its goals less
    well, come back as they are.
    """
    try:
        free = fade[:, None] * _free(len(motion), goals, motion.skeleton)
        floor = 0.0 if source is None else _floor(source)
        made = plant_stances(motion, contacts, hips=False, free=free, floor=floor).motion
    except SkeletonError:
        return motion
    pairs = zip(errors(goals, motion), errors(goals, made), strict=True)
    return motion if any(before.met and not after.met for before, after in pairs) else made


def _floor(clip: Motion) -> float:
    """Where features put it: under the toes."""
    toes = clip.positions()[:, [clip.skeleton.role(f"{side}_toes") for side in SIDES]]
    return floor_height(toes) - TOE_HEIGHT


def _free(frames: int, goals: Goals, skeleton: Skeleton) -> Float[Tensor, "T 2"]:
    """1 where no goal is about a leg (left, right), 0 where one is, smooth over ``FADE_S`` between."""
    columns = []
    for side in SIDES:
        hip = skeleton.role(f"{side}_hip")
        leg = torch.tensor([j for j in range(len(skeleton)) if hip in (j, *ancestors(j, skeleton.parents))])
        places = goals.frame[torch.isin(goals.joint, leg)]
        poses = goals.pose_frame[torch.isin(goals.pose_joint, leg)]
        asked = torch.cat([places, poses]).unique()
        if not len(asked):
            columns.append(torch.ones(frames))
            continue
        away = (torch.arange(frames)[:, None] - asked[None]).abs().amin(1)
        columns.append(eased((away / (FADE_S * goals.fps)).clamp(max=1.0)))
    return torch.stack(columns, dim=1)
