"""The in-betweening network on a clip: what it changes comes back as turns of joints in the world and a root shift.

The frames around the gap go to the network's skeleton and rate, its change comes back by role. So what retargeting and
resampling lose does not enter the clip, and joints that the network does not know keep the prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale import skeletons
from kinescale.core.errors import InputError
from kinescale.kinematics.forward import global_to_local, local_to_global
from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_conjugate,
    quat_multiply,
    quat_slerp,
    quat_to_rotvec,
    rotvec_to_quat,
)
from kinescale.motion.clean_up.base import leg_length
from kinescale.motion.hold_feet import ground_height
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import retarget
from kinescale.motion.set_frames import set_frames
from kinescale.pipelines.editing.inbetween_network import (
    FPS,
    MAX_GAP,
    MAX_SIDE,
    SKELETON,
    InbetweenNetwork,
    Window,
    interpolated,
    placed_at_gap,
)
from kinescale.pipelines.editing.region import Span

LEAST_SHARE, FULL_GAP = 0.7, 15
"""Share of the network's change in the shortest gap, and the frames of a gap from which all of it is taken: in shorter
ones it adds more jerk than it takes off the error (chosen on validation clips)."""


def network_share(gap: int) -> float:
    """Of the network's change, what is taken in a gap of so many frames at its rate."""
    return min(1.0, LEAST_SHARE + (1 - LEAST_SHARE) * gap / FULL_GAP)


def by_network(prior: Motion, span: Span, network: InbetweenNetwork, floor: float | None = None) -> Motion:
    """The gap as the network has it; ``prior`` is the clip with the gap interpolated.

    Raises ``InputError`` for a gap that is longer than the network's longest.
    """
    start, stop = span
    seen = _seen(prior, span, floor)
    if seen.window.gap[1] - seen.window.gap[0] > MAX_GAP:
        raise InputError(
            f"a gap of {(stop - start) / prior.fps:.2f} seconds; the network fills up to {MAX_GAP / FPS:g} seconds."
        )
    first, after = seen.window.gap
    root, rotations = network.filled_both_ways(seen.window)
    worlds = [local_to_global(turns, network.parents) for turns in (seen.window.rotations[:, first:after], rotations)]
    facing = quat_about_y(seen.yaw)
    turned = quat_multiply(
        facing, quat_multiply(quat_multiply(worlds[1], quat_conjugate(worlds[0])), quat_conjugate(facing))
    )
    shift = quat_apply(facing, root - seen.window.root[:, first:after]) / seen.scale
    count, share = stop - start, network_share(after - first)
    turned = share * _at_count(quat_to_rotvec(turned[0]).flatten(1), count).unflatten(-1, (-1, 3))
    return _changed(prior, span, turned, share * _at_count(shift[0], count))


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the network sees, and the way back: the facing of the window, and its size over the clip's own."""

    window: Window
    yaw: Tensor
    scale: float


def _seen(motion: Motion, span: Span, floor: float | None) -> _Seen:
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
    lifted = scale * ground_height(motion, span, floor)
    root = root - root.new_tensor([0.0, lifted, 0.0])
    root, rotations, placed = placed_at_gap(root[None], rotations[None], before)
    inside = (before, before + gap)
    return _Seen(Window(*interpolated(root, rotations, inside), inside), placed.yaw, scale)


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


def _changed(prior: Motion, span: Span, turned: Float[Tensor, "N K 3"], shift: Float[Tensor, "N 3"]) -> Motion:
    """The gap's joints turned in the world by role, and the root shifted; joints without a role go along."""
    start, stop = span
    known = skeletons.get(SKELETON)
    role_of = {joint: role for role, joint in known.roles.items()}
    row = {role_of[joint]: k for k, joint in enumerate(known.joints)}
    roles = prior.skeleton.role_indices()
    change = {roles[role]: k for role, k in row.items() if role in roles}
    turns = rotvec_to_quat(turned).to(prior.rotations)
    local, parents = prior.rotations[start:stop], prior.skeleton.parents
    old = local_to_global(local, parents)
    new: list[Tensor] = []
    for joint, parent in enumerate(parents):
        along = local[:, joint] if parent < 0 else quat_multiply(new[parent], local[:, joint])
        new.append(quat_multiply(turns[:, change[joint]], old[:, joint]) if joint in change else along)
    rotations = global_to_local(torch.stack(new, dim=1), parents)
    return set_frames(prior, span, prior.root[start:stop] + shift.to(prior.root), rotations)
