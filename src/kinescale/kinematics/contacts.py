"""Foot contact detection from speed and height; floor height and foot sliding."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

SPEED_LIMIT = 0.35
"""Meters per second below which a foot joint may count as standing."""

HEIGHT_LIMIT = 0.10
"""Meters above the floor under which a foot joint may count as standing (ankles: plus their height over the toes)."""


def velocities(positions: Float[Tensor, "T *b 3"], fps: float) -> Float[Tensor, "T *b 3"]:
    """Forward differences in meters per second; the last frame repeats the one before it."""
    if positions.shape[0] < 2:
        return torch.zeros_like(positions)
    difference = (positions[1:] - positions[:-1]) * fps
    return torch.cat([difference, difference[-1:]], dim=0)


def foot_contacts(
    feet: Float[Tensor, "T K 3"],
    fps: float,
    *,
    floor: float = 0.0,
    height_limits: tuple[float, ...] | None = None,
    speed_limit: float = SPEED_LIMIT,
) -> Bool[Tensor, "T K"]:
    """Which of K foot joints stand: slower than ``speed_limit`` (m/s) and lower than their height limit (m)."""
    limits = feet.new_tensor(height_limits or (HEIGHT_LIMIT,) * feet.shape[1])
    speed = velocities(feet, fps).norm(dim=-1)
    return (speed < speed_limit) & (feet[..., 1] - floor < limits)


def floor_height(feet: Float[Tensor, "T K 3"]) -> float:
    """Height of the floor under a clip: the mean of the lowest tenth of the foot joints' heights."""
    return lowest_tenth(feet[..., 1])


def lowest_tenth(heights: Float[Tensor, "*b"]) -> float:
    """The mean of the lowest tenth of some heights."""
    heights = heights.flatten().sort().values
    return float(heights[: max(1, heights.numel() // 10)].mean())


def foot_slide(feet: Float[Tensor, "T K 3"], contacts: Bool[Tensor, "T K"], fps: float) -> float:
    """Mean horizontal speed of standing feet, meters per second; 0 when none stands."""
    speed = velocities(feet, fps)[..., [0, 2]].norm(dim=-1)
    return float(speed[contacts].mean()) if bool(contacts.any()) else 0.0


STANDING_SPEED = 0.15
"""Meters per second below which a foot joint of an adult (a leg of ``ADULT_LEG_M``) stands, not merely touches."""

STANDING_HEIGHT = 0.06
"""Highest sole of such a joint over the floor, meters."""

ADULT_LEG_M = 0.85

SHORTEST_STANCE_S = 0.1
"""Shorter stances, and shorter gaps in them, are noise, seconds."""


def standing(
    feet: Float[Tensor, "T K 3"], rest: Float[Tensor, " K"], fps: float, *, leg_m: float = ADULT_LEG_M
) -> Bool[Tensor, "T K"]:
    """Which of K foot joints stand still on the ground: low and slow for at least ``SHORTEST_STANCE_S``.

    ``rest``: each joint's height over the sole when it stands flat, meters. The floor is the lowest tenth of those
    soles. Limits scale with the leg. Unlike ``foot_contacts``, which reports touching, this excludes a foot that
    drags.
    """
    scale = leg_m / ADULT_LEG_M
    soles = feet[..., 1] - rest
    low = soles - lowest_tenth(soles) < STANDING_HEIGHT * scale
    if feet.shape[0] < 2:
        return low
    # Over a thirtieth of a second each way: at 120 frames per second marker noise alone looks like speed.
    reach = min(max(1, round(fps / 30)), feet.shape[0] - 1)
    at = torch.arange(feet.shape[0], device=feet.device)
    before, after = (at - reach).clamp(min=0), (at + reach).clamp(max=feet.shape[0] - 1)
    gone = (feet[after] - feet[before]).norm(dim=-1) * fps / (after - before)[:, None].to(feet)
    still = (low & (gone < STANDING_SPEED * scale)).T.to(feet.dtype)[:, None]
    wide = 2 * (max(1, round(SHORTEST_STANCE_S * fps)) // 2) + 1
    return _opened(_opened(still, wide, -1.0), wide, 1.0)[:, 0].T > 0.5


ENTER, LEAVE = 0.6, 0.35
"""Hysteresis of contacts: a stance begins above the first value and ends below the second."""


def steady_contacts(contacts: Float[Tensor, "T K"], fps: float) -> Bool[Tensor, "T K"]:
    """Which of K foot joints stand, from contacts in [0, 1]: with hysteresis, and without short stances and gaps.

    Stances and gaps shorter than ``SHORTEST_STANCE_S`` are noise of a decoder.
    """
    sure = torch.where(contacts > ENTER, 1, torch.where(contacts < LEAVE, 0, -1))
    at = torch.arange(len(contacts), device=contacts.device)[:, None].expand_as(sure)
    last = torch.where(sure >= 0, at, torch.full_like(at, -1)).cummax(0).values
    held = torch.where(last >= 0, sure.gather(0, last.clamp(min=0)) > 0, contacts > (ENTER + LEAVE) / 2)
    if len(contacts) < 2:
        return held
    wide = 2 * (max(1, round(SHORTEST_STANCE_S * fps)) // 2) + 1
    flags = held.T.to(contacts.dtype)[:, None]
    return _opened(_opened(flags, wide, -1.0), wide, 1.0)[:, 0].T > 0.5


def _opened(flags: Float[Tensor, "K 1 T"], wide: int, sign: float) -> Float[Tensor, "K 1 T"]:
    """Morphological opening: remove runs of ones shorter than ``wide``; with ``sign`` -1, runs of zeros."""
    values = flags if sign > 0 else 1 - flags
    # runs at the ends of the clip may continue beyond it
    padded = torch.nn.functional.pad(values, (wide, wide), mode="replicate")
    eroded = -torch.nn.functional.max_pool1d(-padded, wide, stride=1)
    grown = torch.nn.functional.max_pool1d(eroded, wide, stride=1)
    kept = grown[..., 1 : 1 + flags.shape[-1]]
    return kept if sign > 0 else 1 - kept
