"""Gap filling: interpolation, the in-betweening network's change to it, velocities met at both borders, standing feet.

A gap is filled around a prior: slerp and a linear root. What is added to it is zero at both borders, so that frames
outside the gap are exact and nothing jumps. The network's part is computed on ``humanml22`` at 30 frames per second and
comes back as a difference: turns of joints in the world, by role, and a shift of the root. So what retargeting and
resampling lose does not enter, and joints that the network does not know keep the prior.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.filters import eased
from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_conjugate,
    quat_multiply,
    quat_to_rotvec,
    quat_yaw_between,
    rotvec_to_quat,
)
from kinescale.motion.canonicalize import transform
from kinescale.motion.hold_feet import hold_feet
from kinescale.motion.motion import Motion
from kinescale.motion.set_frames import set_frames
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.inbetween_network import InbetweenNetwork, interpolated, shipped
from kinescale.pipelines.editing.infill_network import by_network
from kinescale.pipelines.editing.region import Span

BORDER_S = 0.2
"""Seconds within which a difference of velocity at a border is faded out, at most half of the gap."""

FADE_S = 0.3
"""Seconds at each border within which a difference sets in, at most half of the gap."""


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


def interpolate(motion: Motion, span: Span) -> Motion:
    """The prior: slerp of local rotations and a linear root between the frames around the span."""
    _check(motion, span)
    root, rotations = interpolated(motion.root[None], motion.rotations[None], span)
    return set_frames(motion, span, root[0, span[0] : span[1]], rotations[0, span[0] : span[1]])


@on_fixed_threads
@torch.no_grad()
def infill(
    motion: Motion,
    span: Span,
    options: InfillOptions | None = None,
    *,
    network: InbetweenNetwork | None = None,
) -> Infilled:
    """Frames ``span[0]`` to ``span[1] - 1`` filled from those around them; what they held is not looked at.

    Raises ``InputError`` for a span without a frame before and one after it, or longer than the network's longest gap.
    """
    options = options or InfillOptions()
    network = network or shipped()
    prior = interpolate(motion, span)
    steps = [("prior", prior)]
    if options.network:
        steps.append(("network", by_network(prior, span, network, options.floor)))
    if options.borders:
        steps.append(("borders", meet_velocities(steps[-1][1], span, options.borders)))
    if options.feet:
        steps.append(("feet", hold_feet(steps[-1][1], span, options.floor)))
    return _reported(steps, span, network.license if options.network else "")


def _check(motion: Motion, span: Span) -> None:
    start, stop = span
    if not 1 <= start < stop < len(motion):
        raise InputError(
            f"the gap is frames {start}:{stop} of a clip of {len(motion)}; expected at least a frame before it and one "
            "after it."
        )


def meet_velocities(motion: Motion, span: Span, share: float = 1.0) -> Motion:
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
        turns = [quat_to_rotvec(_near(quat_multiply(quat_conjugate(one), two))) for one, two in pairwise(frames)]
        by = rotvec_to_quat(weight[:, None, None] * (turns[0] - turns[1]))
        rotations = quat_multiply(rotations, by)
    return set_frames(motion, span, root, rotations)


def with_difference(filled: Motion, base: Motion, made: Motion, span: Span, share: float = 1.0) -> Motion:
    """The filled gap with what ``made`` differs from ``base`` by, zero with its slope at both borders.

    ``base`` is what the filled clip itself comes back as from the tokenizer, ``made`` another decoding, all three alike
    in frames; where they lie on the ground does not matter. So the tokenizer's error does not enter. What the
    difference leads away by at the gap's end is taken back evenly over the gap.
    """
    start, stop = span
    base = _laid_over(base, filled, start - 1)
    made = _laid_over(made, base, start - 1)
    around = slice(start - 1, stop + 1)
    turns = _near(quat_multiply(quat_conjugate(base.rotations[around]), made.rotations[around]))
    turn = quat_to_rotvec(turns.to(filled.rotations))
    shift = (made.root - base.root)[around].to(filled.root)
    place = eased(torch.linspace(0, 1, stop - start + 2).to(shift))
    shift = shift - torch.lerp(shift[:1], shift[-1:], place[:, None])
    turn = turn - torch.lerp(turn[:1], turn[-1:], place[:, None, None])
    fade = max(1.0, min(FADE_S * filled.fps, (stop - start) / 2))
    since = torch.arange(stop - start + 2).to(shift)
    weight = share * eased((torch.minimum(since, since.flip(0)) / fade).clamp(max=1.0))[1:-1]
    rotations = quat_multiply(filled.rotations[start:stop], rotvec_to_quat(weight[:, None, None] * turn[1:-1]))
    return set_frames(filled, span, filled.root[start:stop] + weight[:, None] * shift[1:-1], rotations)


def _laid_over(moving: Motion, still: Motion, frame: int) -> Motion:
    """Turned about the vertical and moved over the ground so that a frame lies over that of another clip."""
    yaw = quat_yaw_between(still.rotations[frame, 0].to(moving.rotations), moving.rotations[frame, 0])
    at = quat_apply(quat_about_y(yaw), moving.root[frame])
    return transform(moving, yaw, (still.root[frame].to(at) - at) * at.new_tensor([1.0, 0.0, 1.0]))


def _near(quat: Tensor) -> Tensor:
    return torch.where(quat[..., 3:] < 0, -quat, quat)


def _impulse(since: Float[Tensor, " N"], fade: float) -> Float[Tensor, " N"]:
    """A curve that starts at 0 with slope 1 and ends after ``fade`` frames, smooth: u (1 - u)^3 frames."""
    u = (since / fade).clamp(max=1.0)
    return fade * u * (1 - u) ** 3


def _reported(steps: list[tuple[str, Motion]], span: Span, license: str) -> Infilled:
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
    licenses = "; ".join(filter(None, (str(motion.meta.get("license") or ""), license)))
    names = "; ".join(dict.fromkeys(filter(None, licenses.split("; "))))
    told = {"infill_prior_share": round(share, 3), "infill_moved_m": {k: round(v, 4) for k, v in moved.items()}}
    return Infilled(motion.with_meta(**told, **({"license": names} if names else {})), moved, share)
