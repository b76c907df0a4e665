"""Gap filling: interpolation, the in-betweening network's change to it, velocities met at both borders, standing feet.

A gap is filled around a prior: slerp and a linear root. What is added to it is zero at both borders, so that frames
outside the gap are exact and nothing jumps. The network's part is computed on ``humanml22`` at 30 frames per second and
comes back as a difference: turns of joints in the world, by role, and a shift of the root. So what retargeting and
resampling lose does not enter, and joints that the network does not know keep the prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import roma
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale import skeletons
from kinescale.core.errors import InputError
from kinescale.kinematics.contacts import ADULT_LEG_M, floor_height, velocities
from kinescale.kinematics.foot_planting import reach_with_legs
from kinescale.kinematics.forward import global_to_local, local_to_global
from kinescale.kinematics.retarget import Body
from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_conjugate,
    quat_multiply,
    quat_slerp,
)
from kinescale.kinematics.stance_correction import filled as passed_between
from kinescale.motion.canonicalize import FEET, TOE_HEIGHT
from kinescale.motion.clean_up.base import leg_length, rest_heights
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import retarget, t_pose
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.inbetween_network import (
    FPS,
    MAX_GAP,
    MAX_SIDE,
    SKELETON,
    InbetweenNetwork,
    Window,
    interpolated,
    placed_at_gap,
    shipped,
)

Quality = Literal["fast", "best"]

BORDER_S = 0.2
"""Seconds within which a difference of velocity at a border is faded out, at most half of the gap."""

STAND_M_S, STAND_M = 0.35, 0.06
"""A foot joint of the filled gap that is slower and lower over its height in the T-pose stands; for an adult's legs."""

SHORTEST_STANCE_S = 0.1
MOST_MOVED_M = 0.12
"""A foot that would have to be moved farther to stand does not stand."""


@dataclass(frozen=True, eq=False)
class Infilled:
    """A filled gap.

    Parameters
    ----------
    motion : the whole clip; frames outside the gap are the source's to the bit.
    moved_m : of each step ("network", "borders", "feet"), by how much it moved the joints of the gap, mean, meters.
    prior_share : what the interpolation has in the movement of the gap, 0 to 1: its joints' distance from the nearer
        border's pose, over that distance and the distance that all other steps moved them.
    """

    motion: Motion
    moved_m: dict[str, float]
    prior_share: float


@dataclass(frozen=True)
class InfillOptions:
    """Which steps are taken. ``floor``: height of the ground, meters; found under the clip's feet when not given."""

    network: bool = True
    borders: float = 1.0
    feet: bool = True
    floor: float | None = None


def interpolate(motion: Motion, span: tuple[int, int]) -> Motion:
    """The prior: slerp of local rotations and a linear root between the frames around the span."""
    _check(motion, span)
    root, rotations = interpolated(motion.root[None], motion.rotations[None], span)
    return _set_in(motion, span, root[0, span[0] : span[1]], rotations[0, span[0] : span[1]])


@on_fixed_threads
@torch.no_grad()
def infill(
    motion: Motion,
    span: tuple[int, int],
    options: InfillOptions | None = None,
    *,
    network: InbetweenNetwork | None = None,
) -> Infilled:
    """Frames ``span[0]`` to ``span[1] - 1`` filled from those around them; what they held is not looked at.

    Raises ``InputError`` for a span without a frame before and one after it, or longer than the network's longest gap.
    """
    options = options or InfillOptions()
    prior = interpolate(motion, span)
    steps = [("prior", prior)]
    if options.network:
        steps.append(("network", _by_network(prior, span, options, network or shipped())))
    if options.borders:
        steps.append(("borders", meet_velocities(steps[-1][1], span, options.borders)))
    if options.feet:
        steps.append(("feet", hold_feet(steps[-1][1], span, options.floor)))
    return _reported(steps, span)


def _check(motion: Motion, span: tuple[int, int]) -> None:
    start, stop = span
    if not 1 <= start < stop < len(motion):
        raise InputError(
            f"the gap is frames {start}:{stop} of a clip of {len(motion)}; expected at least a frame before it and one "
            "after it."
        )


def _set_in(motion: Motion, span: tuple[int, int], root: Tensor, rotations: Tensor) -> Motion:
    """The clip with the gap's frames, everything else to the bit; quaternions go on on the side they were."""
    start, stop = span
    whole_root, whole = motion.root.clone(), motion.rotations.clone()
    whole_root[start:stop] = root.to(whole_root)
    rotations = torch.nn.functional.normalize(rotations, dim=-1)
    before = whole[start - 1 : start]
    whole[start:stop] = torch.where((rotations * before).sum(-1, keepdim=True) < 0, -rotations, rotations).to(whole)
    return motion.replace(root=whole_root, rotations=whole)


# The network


def _by_network(prior: Motion, span: tuple[int, int], options: InfillOptions, network: InbetweenNetwork) -> Motion:
    start, stop = span
    seen = _seen(prior, span, options.floor)
    if seen.window.gap[1] - seen.window.gap[0] > MAX_GAP:
        raise InputError(
            f"a gap of {(stop - start) / prior.fps:.2f} seconds; the network fills up to {MAX_GAP / FPS:g} seconds."
        )
    first, after = seen.window.gap
    root, rotations = network.filled(seen.window)
    worlds = [local_to_global(turns, network.parents) for turns in (seen.window.rotations[:, first:after], rotations)]
    facing = quat_about_y(seen.yaw)
    turned = quat_multiply(
        facing, quat_multiply(quat_multiply(worlds[1], quat_conjugate(worlds[0])), quat_conjugate(facing))
    )
    shift = quat_apply(facing, root - seen.window.root[:, first:after]) / seen.scale
    count = stop - start
    turned = _at_count(roma.unitquat_to_rotvec(turned[0]).flatten(1), count).unflatten(-1, (-1, 3))
    return _changed(prior, span, turned, _at_count(shift[0], count))


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the network sees, and the way back: the facing of the window, and its size over the clip's own."""

    window: Window
    yaw: Tensor
    scale: float


def _seen(motion: Motion, span: tuple[int, int], floor: float | None) -> _Seen:
    """The frames around the gap on the network's skeleton and at its rate."""
    start, stop = span
    fps = motion.fps
    reach = int((MAX_SIDE - 1) * fps / FPS) + 1
    near = motion.slice(max(0, start - reach), min(len(motion), stop + reach)).to(torch.float32)
    first = start - max(0, start - reach)
    own = skeletons.get(SKELETON)
    there = retarget(near, own, feet=False)
    scale = 1.0 if near.skeleton == own else leg_length(own) / leg_length(near.skeleton)
    gap = max(1, round((stop - start + 1) * FPS / fps) - 1)
    before = min(MAX_SIDE, int((first - 1) * FPS / fps + 1e-6) + 1)
    after = min(MAX_SIDE, int((len(near) - first - (stop - start) - 1) * FPS / fps + 1e-6) + 1)
    last = first + stop - start
    times = torch.cat(
        [
            first - 1 + torch.arange(1 - before, 1) * fps / FPS,
            first - 1 + torch.arange(1, gap + 1) * ((stop - start + 1) / (gap + 1)),
            last + torch.arange(after) * fps / FPS,
        ]
    )
    root, rotations = _at_times(there, times)
    lifted = scale * _floor(motion, span, floor)
    root = root - root.new_tensor([0.0, lifted, 0.0])
    root, rotations, placed = placed_at_gap(root[None], rotations[None], before)
    inside = (before, before + gap)
    return _Seen(Window(*interpolated(root, rotations, inside), inside), placed.yaw, scale)


def _floor(motion: Motion, span: tuple[int, int], floor: float | None) -> float:
    """Height of the ground: as said, or under the lowest toes outside the gap."""
    toes = [motion.skeleton.role(role) for role in ("left_toes", "right_toes") if role in motion.skeleton.roles]
    if floor is not None or not toes:
        return floor or 0.0
    outside = torch.cat([torch.arange(span[0]), torch.arange(span[1], len(motion))])
    heights = motion.replace(root=motion.root[outside], rotations=motion.rotations[outside]).positions()[:, toes]
    return floor_height(heights) - TOE_HEIGHT


def _at_times(motion: Motion, times: Float[Tensor, " N"]) -> tuple[Float[Tensor, "N 3"], Float[Tensor, "N J 4"]]:
    """Root and rotations between frames, ``times`` in frames."""
    low = (times + 1e-4).floor().long().clamp(0, len(motion) - 1)
    high = (low + 1).clamp(max=len(motion) - 1)
    part = (times - low).clamp(0, 1)
    part = torch.where(part < 1e-3, torch.zeros_like(part), part)
    turned = quat_slerp(motion.rotations[low], motion.rotations[high], part[:, None].expand(-1, len(motion.skeleton)))
    return torch.lerp(motion.root[low], motion.root[high], part[:, None]), turned


def _at_count(values: Float[Tensor, "G C"], count: int) -> Float[Tensor, "N C"]:
    """Values of a gap's frames, zero at both borders, at as many frames as the clip's gap has."""
    if len(values) == count:
        return values
    padded = torch.nn.functional.pad(values, (0, 0, 1, 1))
    place = torch.arange(1, count + 1) * ((len(values) + 1) / (count + 1))
    low = place.floor().long().clamp(max=len(padded) - 2)
    return torch.lerp(padded[low], padded[low + 1], (place - low)[:, None])


def _changed(
    prior: Motion, span: tuple[int, int], turned: Float[Tensor, "N K 3"], shift: Float[Tensor, "N 3"]
) -> Motion:
    """The gap's joints turned in the world by role, and the root shifted; joints without a role go along."""
    start, stop = span
    known = skeletons.get(SKELETON)
    role_of = {joint: role for role, joint in known.roles.items()}
    row = {role_of[joint]: k for k, joint in enumerate(known.joints)}
    roles = prior.skeleton.role_indices()
    change = {roles[role]: k for role, k in row.items() if role in roles}
    turns = roma.rotvec_to_unitquat(turned).to(prior.rotations)
    local, parents = prior.rotations[start:stop], prior.skeleton.parents
    old = local_to_global(local, parents)
    new: list[Tensor] = []
    for joint, parent in enumerate(parents):
        along = local[:, joint] if parent < 0 else quat_multiply(new[parent], local[:, joint])
        new.append(quat_multiply(turns[:, change[joint]], old[:, joint]) if joint in change else along)
    rotations = global_to_local(torch.stack(new, dim=1), parents)
    return _set_in(prior, span, prior.root[start:stop] + shift.to(prior.root), rotations)


# Borders


def meet_velocities(motion: Motion, span: tuple[int, int], share: float = 1.0) -> Motion:
    """The gap with the velocities of the frames around it at its borders (inertialization, Bollo 2018).

    Where a border's neighbor shows no velocity, as at a clip's last frame, nothing is changed there. ``share``: of the
    difference in velocity that is taken away.
    """
    start, stop = span
    count = stop - start
    root, rotations = motion.root[start:stop].clone(), motion.rotations[start:stop].clone()
    fade = max(1.0, min(BORDER_S * motion.fps, (count + 1) / 2))
    for border, inner, outer, there in (
        (start - 1, start, start - 2, start >= 2),
        (stop, stop - 1, stop + 1, stop + 1 < len(motion)),
    ):
        if not there:
            continue
        since = (torch.arange(start, stop) - border).abs().to(root)
        weight = share * _impulse(since, fade)
        gone = (motion.root[border] - motion.root[outer]) - (motion.root[inner] - motion.root[border])
        root = root + weight[:, None] * gone
        frames = [motion.rotations[at] for at in (outer, border, inner)]
        turns = [
            roma.unitquat_to_rotvec(_near(quat_multiply(quat_conjugate(one), two))) for one, two in pairwise(frames)
        ]
        by = roma.rotvec_to_unitquat(weight[:, None, None] * (turns[0] - turns[1]))
        rotations = quat_multiply(rotations, by)
    return _set_in(motion, span, root, rotations)


def _near(quat: Tensor) -> Tensor:
    return torch.where(quat[..., 3:] < 0, -quat, quat)


def _impulse(since: Float[Tensor, " N"], fade: float) -> Float[Tensor, " N"]:
    """A curve that starts at 0 with slope 1 and ends after ``fade`` frames, smooth: u (1 - u)^3 frames."""
    u = (since / fade).clamp(max=1.0)
    return fade * u * (1 - u) ** 3


# Feet


def hold_feet(motion: Motion, span: tuple[int, int], floor: float | None = None) -> Motion:
    """The gap with feet that stand held where they stand, legs bent by two-bone inverse kinematics.

    A stance that goes on outside the gap keeps its place there; one inside keeps its mean place. Frames outside the gap
    are not changed. A skeleton without legs is left as it is.
    """
    roles = motion.skeleton.role_indices()
    if any(f"{side}_{part}" not in roles for side in ("left", "right") for part in ("hip", "knee", "ankle", "toes")):
        return motion
    start, stop = span
    side = round(0.5 * motion.fps)
    first, last = max(0, start - side), min(len(motion), stop + side)
    near = motion.slice(first, last)
    inside = torch.zeros(len(near), dtype=torch.bool)
    inside[start - first : stop - first] = True
    positions, world = near.positions(), near.global_rotations()
    feet = positions[:, [roles[role] for role in FEET]].unflatten(1, (2, 2))
    stands = _standing(near, feet, _floor(motion, span, floor))
    shift = _held(feet, stands, inside, leg_length(motion.skeleton) / ADULT_LEG_M)
    known = stands.any(2) | ~inside[:, None]
    shift = passed_between(shift, known) * inside[:, None, None].to(shift)
    if float(shift.abs().max()) < 1e-6:
        return motion
    still, rest = t_pose(motion.skeleton, positions.dtype)
    body = Body(motion.skeleton.parents, roles, still, rest)
    reached = reach_with_legs(positions, world, body, feet[:, :, 0] + shift)
    local = global_to_local(reached, motion.skeleton.parents)[inside]
    return _set_in(motion, span, motion.root[start:stop], local)


def _standing(near: Motion, feet: Float[Tensor, "T 2 2 3"], floor: float) -> Bool[Tensor, "T 2 2"]:
    """Which foot points (ankle, toes) stand: slow and low, in runs of ``SHORTEST_STANCE_S`` at least."""
    scale = leg_length(near.skeleton) / ADULT_LEG_M
    rest = rest_heights(near.skeleton).to(feet)[[near.skeleton.role(role) for role in FEET]].view(2, 2)
    speed = velocities(feet, near.fps).norm(dim=-1)
    speed = torch.minimum(speed, torch.cat([speed[:1], speed[:-1]]))
    stands = (speed < STAND_M_S * scale) & (feet[..., 1] - floor - rest < STAND_M * scale)
    wide = 2 * (max(1, round(SHORTEST_STANCE_S * near.fps)) // 2) + 1
    rows = stands.flatten(1).T[None].to(feet)
    padded = torch.nn.functional.pad(rows, (wide, wide), mode="replicate")
    lasting = -torch.nn.functional.max_pool1d(-padded, wide, stride=1)
    return (torch.nn.functional.max_pool1d(lasting, wide, stride=1)[0, :, 1:-1].T > 0.5).view_as(stands)


def _held(
    feet: Float[Tensor, "T 2 2 3"], stands: Bool[Tensor, "T 2 2"], inside: Bool[Tensor, " T"], scale: float
) -> Float[Tensor, "T 2 3"]:
    """What is added to each ankle so that what bears it stays; 0 outside the gap."""
    shift = torch.zeros_like(feet[:, :, 0])
    flat = feet.new_tensor([1.0, 0.0, 1.0])
    for foot in range(2):
        bears = torch.where(stands[:, foot, 1], 1, 0)
        for begin, end in _runs(stands[:, foot].any(1)):
            at = torch.arange(begin, end)
            if not bool(inside[at].any()):
                continue
            point = feet[at, foot, bears[at]]
            # where the bearing point goes from heel to toes, the place goes on with the foot as it is then
            jump = torch.zeros_like(point)
            jump[1:] = feet[at[1:], foot, bears[at[1:]]] - feet[at[1:], foot, bears[at[:-1]]]
            path = (point - jump.cumsum(0)) * flat
            path = path - path[:1]
            target = _place(path, ~inside[at])
            move = target - path
            if float(move.norm(dim=-1).max()) <= MOST_MOVED_M * scale:
                shift[at, foot] = move
    return shift * inside[:, None, None].to(shift)


def _place(path: Float[Tensor, "N 3"], given: Bool[Tensor, " N"]) -> Float[Tensor, "N 3"]:
    """Where a stance stays: its mean, or where its given frames are, evenly from the first side to the other."""
    if not bool(given.any()):
        return path.mean(0, keepdim=True).expand_as(path)
    return passed_between(path[:, None], given[:, None])[:, 0]


def _runs(flags: Bool[Tensor, " T"]) -> Sequence[tuple[int, int]]:
    """First frame and the one after the last of each run of true."""
    padded = torch.nn.functional.pad(flags.int(), (1, 1))
    step = torch.diff(padded)
    return list(zip((step == 1).nonzero()[:, 0].tolist(), (step == -1).nonzero()[:, 0].tolist(), strict=True))


# Report


def _reported(steps: list[tuple[str, Motion]], span: tuple[int, int]) -> Infilled:
    start, stop = span
    motion = steps[-1][1]
    joints = [one.slice(start - 1, stop + 1).positions() for _, one in steps]
    moved = {
        name: float((after - before)[1:-1].norm(dim=-1).mean())
        for (name, _), before, after in zip(steps[1:], joints, joints[1:], strict=False)
    }
    plain = joints[0]
    half = torch.arange(len(plain)) < len(plain) / 2
    border = torch.where(half[:, None, None], plain[:1], plain[-1:])
    own = float((plain - border)[1:-1].norm(dim=-1).mean())
    added = float((joints[-1] - plain)[1:-1].norm(dim=-1).mean())
    share = own / max(own + added, 1e-9) if added else 1.0
    told = {"infill_prior_share": round(share, 3), "infill_moved_m": {k: round(v, 4) for k, v in moved.items()}}
    return Infilled(motion.with_meta(**told), moved, share)
