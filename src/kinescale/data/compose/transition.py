"""Transition between two clips: frames to cut at, placement of the second clip, and generated frames between them.

A foot planted at the end of the first clip and at the start of the second is the support: the second clip is placed so
that this foot does not move. The root follows a cubic that matches both velocities, joint rotations are extrapolated
from both sides and blended, the support stays planted, and the other foot makes a step. The remaining offset of a foot
of the second clip is held until that foot lifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.data.compose.legs import place_feet
from kinescale.data.compose.track import Track, runs
from kinescale.kinematics.filters import eased
from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_conjugate,
    quat_multiply,
    quat_slerp,
)
from kinescale.motion.extrapolate import extrapolate

GAPS = (6, 9, 12, 15, 18, 22)
"""Candidate numbers of generated frames (30 fps)."""

NEAR_M = 0.07
"""A planted foot this near its position in the second clip makes no step."""

SWING_M_S = 2.4
"""Mean speed of a stepping foot up to which a step has no cost."""

BOTH, NONE = 2, -1
_BIG = 1e9


@dataclass(frozen=True)
class Transition:
    """Frame ``last`` of the first clip, ``gap`` generated frames, then frame ``first`` of the second.

    ``support``: the planted foot, 0 or 1; -1 for none (both clips are in flight). ``cost``: about m/s.
    """

    last: int
    first: int
    gap: int
    support: int
    cost: float


@dataclass(frozen=True, eq=False)
class _Ends:
    """Frames of a clip in the body's frame: facing ahead, relative to the root's ground position."""

    frames: Tensor
    pose: Float[Tensor, "N J 3"]
    feet: Float[Tensor, "N 2 3"]
    speed: Float[Tensor, "N 3"]
    joint_speed: Float[Tensor, "N J 3"]
    planted: Tensor

    @staticmethod
    def of(track: Track, frames: Sequence[int]) -> _Ends:
        at = torch.tensor(sorted(set(frames)))
        back = quat_about_y(-track.yaw[at])
        here = track.positions[at]
        below = (at - 1).clamp(min=0)
        above = (at + 1).clamp(max=len(track) - 1)
        moving = (track.positions[above] - track.positions[below]) * (track.fps / (above - below).clamp(min=1))[
            :, None, None
        ]
        ground = track.root[at] * track.root.new_tensor([1.0, 0.0, 1.0])
        pose = quat_apply(back[:, None], here - ground[:, None])
        return _Ends(
            at,
            pose,
            pose[:, track.legs.ankles],
            quat_apply(back, track.velocity[at]),
            quat_apply(back[:, None], moving),
            track.planted[at],
        )


def best_transition(first: Track, second: Track, lasts: Sequence[int], firsts: Sequence[int]) -> Transition:
    """The transition of least cost from one of the frames ``lasts`` to one of the frames ``firsts``."""
    a, b = _Ends.of(first, lasts), _Ends.of(second, firsts)
    flat = a.speed.new_tensor([1.0, 0.0, 1.0])
    mean_speed = (a.speed[:, None] + b.speed[None]) / 2 * flat
    pose = (a.pose[:, None] - b.pose[None]).norm(dim=-1)
    rough = (a.joint_speed[:, None] - b.joint_speed[None]).norm(dim=-1).mean(-1)
    best = Transition(int(a.frames[-1]), int(b.frames[0]), GAPS[2], NONE, _BIG)
    for support in (0, 1, NONE):
        for gap in GAPS:
            cost = _cost(a, b, support, (gap + 1) / first.fps, mean_speed, pose) + 0.25 * rough
            low = int(cost.argmin())
            i, j = divmod(low, cost.shape[1])
            if float(cost[i, j]) < best.cost:
                best = Transition(int(a.frames[i]), int(b.frames[j]), gap, support, float(cost[i, j]))
    return best


def _cost(a: _Ends, b: _Ends, support: int, seconds: float, mean_speed: Tensor, pose: Tensor) -> Float[Tensor, "N M"]:
    """Cost, about m/s: velocity mismatch of the root, speed of joints through the gap, speed of a stepping foot."""
    flat = mean_speed.new_tensor([1.0, 0.0, 1.0])
    if support == NONE:
        shift = mean_speed * seconds
        flying = ~(a.planted.any(1)[:, None] | b.planted.any(1)[None])
        refused = torch.where(flying, 0.0, 3.0)
    else:
        shift = (a.feet[:, None, support] - b.feet[None, :, support]) * flat
        refused = torch.where(a.planted[:, None, support] & b.planted[None, :, support], 0.0, _BIG)
    missed = (shift - mean_speed * seconds).norm(dim=-1) / seconds
    over = pose.mean(-1) / seconds + 0.3 * pose.amax(-1) / seconds
    apart = (a.feet[:, None] - (b.feet[None] + shift[:, :, None])).norm(dim=-1)
    stands = a.planted[:, None] & b.planted[None]
    steps = torch.where(stands & (apart < NEAR_M), 0.0, apart / seconds)
    stepping = (steps - SWING_M_S).clamp(min=0).amax(-1) * 2
    # a step takes time, and needless steps look restless
    short = torch.where((apart.amax(-1) > NEAR_M) & (torch.tensor(seconds) < 0.3), 1.0, 0.0)
    restless = torch.where(stands.all(-1), (apart.amax(-1) - NEAR_M).clamp(min=0) * 3, 0.0)
    return missed * 1.5 + 0.5 * over + stepping + short + restless + refused + 0.3 * seconds


def join_clips(first: Track, second: Track, transition: Transition) -> tuple[Track, int, float]:
    """The joined clip, the frame at which the second begins, and the distance in meters by which a foot misses."""
    a, b = first.slice(0, transition.last + 1), second.slice(transition.first, len(second))
    b = _laid(first, second, b, transition)
    fill = _filled(a, b, transition.gap)
    whole = Track.row(a, fill, b)
    start, stop = len(a), len(a) + transition.gap
    ankles, soles = whole.feet.clone(), whole.world[:, whole.legs.ankles].clone()
    both_step = _both_step(first, second, a, b, transition)
    for side in (0, 1):
        stands = bool(first.planted[transition.last, side]) and bool(second.planted[transition.first, side])
        apart = (a.feet[-1, side] - b.feet[0, side]) * a.feet.new_tensor([1.0, 0.0, 1.0])
        if side == transition.support or (stands and float(apart.norm()) < NEAR_M):
            _keep(ankles, soles, (start, stop), side, second.planted[transition.first :, side])
        else:
            window = (start, stop)
            if both_step:
                half = (start + stop) // 2
                window = (start, half) if side == 0 else (half, stop)
            _step(whole, ankles, soles, window, (start, stop), side)
    made, short = place_feet(whole, ankles, soles)
    return made, stop, short


def _both_step(first: Track, second: Track, a: Track, b: Track, transition: Transition) -> bool:
    """Whether both feet are planted and have to step, one after the other."""
    stand = first.planted[transition.last] & second.planted[transition.first]
    return transition.support == NONE and bool(stand.all())


def _laid(first: Track, second: Track, b: Track, transition: Transition) -> Track:
    """The second clip turned to the first one's facing, placed by the support or else by the velocity."""
    yaw = first.yaw[transition.last] - second.yaw[transition.first]
    turn = quat_about_y(yaw)
    flat = first.root.new_tensor([1.0, 0.0, 1.0])
    if transition.support == NONE:
        speed = (first.velocity[transition.last] + quat_apply(turn, second.velocity[transition.first])) / 2
        goal = first.root[transition.last] + speed * (transition.gap + 1) / first.fps
        shift = (goal - quat_apply(turn, second.root[transition.first])) * flat
    else:
        goal = first.feet[transition.last, transition.support]
        shift = (goal - quat_apply(turn, second.feet[transition.first, transition.support])) * flat
    return b.moved(yaw, shift)


def _filled(a: Track, b: Track, count: int) -> Track:
    """Generated frames: the root on a cubic that matches both velocities, rotations extrapolated and blended."""
    u = torch.arange(1, count + 1, dtype=torch.float64) / (count + 1)
    v0, v1 = (_edge_speed(track, end) for track, end in ((a, -1), (b, 0)))
    span = count + 1
    p0, p1 = a.root[-1], b.root[0]
    basis = (2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u, -2 * u**3 + 3 * u**2, u**3 - u**2)
    root = sum(weight[:, None] * value for weight, value in zip(basis, (p0, span * v0, p1, span * v1), strict=True))
    assert isinstance(root, Tensor)
    tail, head = a.slice(max(0, len(a) - 6), len(a)).motion(), b.slice(0, min(6, len(b))).motion()
    here = extrapolate(tail, count).rotations.double()
    back = head.replace(root=head.root.flip(0), rotations=head.rotations.flip(0))
    there = extrapolate(back, count).rotations.double().flip(0)
    weight = eased(u)[:, None].expand(-1, here.shape[1])
    return a.but(root=root, rotations=quat_slerp(here, there, weight))


def _edge_speed(track: Track, end: int) -> Float[Tensor, "3"]:
    """Meters per frame at a clip's end, over up to three steps."""
    part = track.root[-4:] if end == -1 else track.root[:4]
    return (part[-1] - part[0]) / max(1, len(part) - 1)


def _keep(ankles: Tensor, soles: Tensor, gap: tuple[int, int], side: int, planted: Tensor) -> None:
    """A planted foot: its position at the first clip's end, held through the gap and the second clip's stance."""
    start, stop = gap
    place, sole = ankles[start - 1, side].clone(), soles[start - 1, side].clone()
    total = len(ankles)
    stance = next((end for begin, end in runs(planted) if begin == 0), 0)
    swing = next((begin for begin, _ in runs(planted[stance:])), len(planted) - stance)
    level = ankles.new_tensor([0.0, 1.0, 0.0])
    offset = (place - ankles[stop, side]) * (1 - level)
    turned = quat_multiply(sole, quat_conjugate(soles[stop, side]))
    at = torch.arange(stop, total)
    share = eased(((at - stop - stance + 1).double() / max(1, min(swing, 12))).clamp(0, 1))
    whole = len(planted) == stance
    if whole:
        share = torch.zeros_like(share)
    u = eased(torch.arange(1, stop - start + 1, dtype=torch.float64) / (stop - start + 1))
    height = torch.lerp(place[1].expand(stop - start), ankles[stop, side, 1].expand(stop - start), u)
    ankles[start:stop, side] = place * (1 - level) + height[:, None] * level
    ankles[stop:, side] += (1 - share)[:, None] * offset
    still = turned.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(share), 4)
    left = quat_slerp(turned.expand(len(share), 4), still, share)
    # the heading of a planted foot stays; its tilt is interpolated over the gap
    flat = _heading_only(left)
    soles[stop:, side] = quat_multiply(flat, soles[stop:, side])
    goal = soles[stop, side].expand(stop - start, 4)
    soles[start:stop, side] = quat_slerp(sole.expand(stop - start, 4), goal, u)


def _heading_only(quats: Float[Tensor, "N 4"]) -> Float[Tensor, "N 4"]:
    """The twist of rotations about the vertical."""
    twist = quats * quats.new_tensor([0.0, 1.0, 0.0, 1.0])
    return torch.nn.functional.normalize(twist + quats.new_tensor([0.0, 0.0, 0.0, 1e-9]), dim=-1)


LIFT_M, LIFT_SHARE, MOST_LIFT_M = 0.03, 0.12, 0.12
"""Height of a step: meters, plus a share of its length, up to a maximum."""


def _step(
    whole: Track, ankles: Tensor, soles: Tensor, window: tuple[int, int], gap: tuple[int, int], side: int
) -> None:
    """A stepping foot: an arc from its position in the first clip to that in the second, matching both velocities."""
    start, stop = gap
    first, last = ankles[start - 1, side].clone(), ankles[stop, side].clone()
    v0 = ankles[start - 1, side] - ankles[start - 2, side] if start > 1 else torch.zeros(3, dtype=torch.float64)
    v1 = ankles[stop + 1, side] - ankles[stop, side] if stop + 1 < len(ankles) else torch.zeros_like(v0)
    begin, end = window
    at = torch.arange(start, stop, dtype=torch.float64)
    u = ((at - begin + 1) / (end - begin + 1)).clamp(0, 1)
    span = end - begin + 1
    basis = (2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u, -2 * u**3 + 3 * u**2, u**3 - u**2)
    course = sum(w[:, None] * x for w, x in zip(basis, (first, span * v0, last, span * v1), strict=True))
    assert isinstance(course, Tensor)
    way = float((last - first)[[0, 2]].norm())
    lift = min(MOST_LIFT_M, LIFT_M + LIFT_SHARE * way) if way > 0.02 else 0.0
    arc = lift * 16 * u.square() * (1 - u).square()
    course[:, 1] = torch.maximum(course[:, 1], torch.minimum(first[1], last[1])) + arc
    ankles[start:stop, side] = course
    weight = eased(u)
    soles[start:stop, side] = quat_slerp(
        soles[start - 1, side].expand(len(u), 4), soles[stop, side].expand(len(u), 4), weight
    )
