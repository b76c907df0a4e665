"""Jitter removal: outlier frames are replaced, then high-frequency tremor is smoothed."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from kinescale.core.records import Record
from kinescale.kinematics.filters import gaussian_smooth
from kinescale.kinematics.rotations import quat_angle, quat_conjugate, quat_continuous, quat_multiply, quat_slerp
from kinescale.motion.clean_up.base import Cleaned, moved
from kinescale.motion.motion import Motion

SPREADS = 8.0
"""An outlier deviates by this multiple of the usual deviation."""
STEPS = 3.0
"""An outlier also deviates by this multiple of the usual step per frame: fast movements deviate from neighbors too."""
WHOLE_FRAME = 2
"""Number of outlier joints (the root's path counts as one) from which the whole frame is replaced."""


class Config(Record):
    """``smoothing_s``: sigma of the Gaussian over rotations and root path, seconds (0: none); half its effect is at
    ``0.19 / smoothing_s`` Hz.

    ``spikes``: replace runs of at most ``longest_spike_s`` in which a joint is off its neighbors by more than
    ``spike_deg`` (the root: ``spike_m``) and by far more than is usual for it. At the clip's ends those are the frames
    beyond one step far larger than those inside. Where several joints are off at once, the whole frame is replaced.
    """

    smoothing_s: float = Field(default=1 / 30, ge=0.0, le=1.0)
    spikes: bool = True
    longest_spike_s: float = Field(default=0.07, gt=0.0, le=1.0)
    spike_deg: float = Field(default=25.0, gt=0.0, le=180.0)
    spike_m: float = Field(default=0.05, gt=0.0, allow_inf_nan=False)


def clean(motion: Motion, config: Config) -> Cleaned:
    """Remove spikes and tremor from a clip. The report counts the replaced frames (of the root, of all joints) and
    gives
    the mean jerk of all joints before and after, m/s³."""
    root, rotations = motion.root, quat_continuous(motion.rotations)
    bad_root = torch.zeros(len(motion), 1, dtype=torch.bool)
    bad = torch.zeros(rotations.shape[:2], dtype=torch.bool)
    half = max(1, math.ceil(config.longest_spike_s * motion.fps))
    if config.spikes and len(motion) > 2 * half:
        off = (root - _median(root, half)).norm(dim=-1, keepdim=True)
        bad_root = _outliers(off, (root[1:] - root[:-1]).norm(dim=-1, keepdim=True), config.spike_m, half)
        usual = functional.normalize(_median(rotations.flatten(1), half).view_as(rotations), dim=-1)
        steps = quat_angle(rotations[1:], rotations[:-1])
        bad = _outliers(quat_angle(rotations, usual), steps, math.radians(config.spike_deg), half)
        bad_root |= _edges((root[1:] - root[:-1]).norm(dim=-1, keepdim=True), config.spike_m, half)
        bad |= _edges(steps, math.radians(config.spike_deg), half)
        # several outliers at once make a bad frame: smaller deviations in it are errors too
        whole = torch.cat([bad_root, bad], dim=1).sum(dim=1, keepdim=True) >= WHOLE_FRAME
        bad_root, bad = bad_root | whole, bad | whole
        root = _led_on(_bridged(root[:, None], bad_root, _mix)[:, 0], bad_root[:, 0])
        rotations = quat_continuous(_turned_on(_bridged(rotations, bad, _slerp), bad))
    sigma = config.smoothing_s * motion.fps
    if sigma > 0 and len(motion) > 1:
        root = gaussian_smooth(root.T.contiguous(), sigma).T
        flat = gaussian_smooth(rotations.flatten(1).T.contiguous(), sigma).T
        rotations = functional.normalize(flat.reshape(rotations.shape), dim=-1)
    made = motion.replace(root=root, rotations=rotations)
    report = {
        "root_frames_replaced": float(bad_root.sum()),
        "joint_frames_replaced": float(bad.sum()),
        "jerk_before_m_s3": _jerk(motion),
        "jerk_after_m_s3": _jerk(made),
    }
    return Cleaned(made, {**report, **moved(motion, made)})


def _median(values: Float[Tensor, "T C"], half: int) -> Float[Tensor, "T C"]:
    """Running median over ``2 half + 1`` frames, edges repeated."""
    padded = functional.pad(values.T[None], (half, half), mode="replicate")[0]
    return padded.unfold(1, 2 * half + 1, 1).median(dim=-1).values.T


def _outliers(off: Float[Tensor, "T C"], steps: Float[Tensor, "S C"], least: float, half: int) -> Bool[Tensor, "T C"]:
    """Frames off by more than ``least`` and by far more than is usual nearby, in runs of at most ``half``."""
    usual, way = (
        _median(values, 4 * half) if len(values) > 8 * half else values.median(dim=0, keepdim=True).values
        for values in (off, torch.cat([steps, steps[-1:]]))
    )
    bad = (off > least) & (off > SPREADS * usual) & (off > STEPS * way)
    padded = functional.pad(bad.T[None].to(off), (half, half))
    run = functional.avg_pool1d(padded, 2 * half + 1, stride=1)[0].T * (2 * half + 1)
    # a longer run is a movement
    return bad & (run <= half + 0.5)


def _edges(steps: Float[Tensor, "S C"], least: float, half: int) -> Bool[Tensor, "T C"]:
    """The first and last frames, at most ``half`` of them, that lie beyond one step far larger than those inside.

    A movement that begins or ends with the clip has no such step.
    """
    bad = torch.zeros(len(steps) + 1, steps.shape[1], dtype=torch.bool)
    for way in (steps, steps.flip(0)):
        found = torch.zeros_like(bad)
        for edge in range(1, half + 1):
            inside = way[edge : edge + 4 * half]
            if not len(inside):
                break
            jump = way[edge - 1]
            usual = inside.median(dim=0).values
            cut = (jump > least) & (jump > STEPS * inside.amax(0)) & (jump > SPREADS * usual)
            if bool(cut.any()):
                # next to a clear outlier, a lower threshold holds for the other joints
                found[:edge] |= cut | ((jump > least) & (jump > STEPS * usual))
        bad |= found if way is steps else found.flip(0)
    return bad


def _led_on(root: Float[Tensor, "T 3"], bad: Bool[Tensor, " T"]) -> Float[Tensor, "T 3"]:
    """The path with outliers at its ends replaced by linear extrapolation."""
    good = (~bad).nonzero().flatten()
    if len(good) < 2:
        return root
    first, last = int(good[0]), int(good[-1])
    made = root.clone()
    before = torch.arange(first, 0, -1).to(root)[:, None]
    made[:first] = root[first] - before * (root[first + 1] - root[first])
    after = torch.arange(1, len(root) - last).to(root)[:, None]
    made[last + 1 :] = root[last] + after * (root[last] - root[last - 1])
    return made


def _turned_on(rotations: Float[Tensor, "T J 4"], bad: Bool[Tensor, "T J"]) -> Float[Tensor, "T J 4"]:
    """The same for the joints' rotations."""
    made = rotations.clone()
    for joint in bad[[0, -1]].any(0).nonzero().flatten().tolist():
        good = (~bad[:, joint]).nonzero().flatten()
        if len(good) < 2:
            continue
        for ends, order in (
            (good[:2], range(int(good[0]) - 1, -1, -1)),
            (good[-2:].flip(0), range(int(good[-1]) + 1, len(bad))),
        ):
            near, inner = rotations[ends[0], joint], rotations[ends[1], joint]
            step = quat_multiply(quat_conjugate(inner), near)
            here = near
            for frame in order:
                here = quat_multiply(here, step)
                made[frame, joint] = here
    return made


def _bridged(values: Tensor, bad: Bool[Tensor, "T C"], between) -> Tensor:
    """``values`` [T, C, ...] with outliers interpolated between the nearest good entries."""
    if not bool(bad.any()):
        return values
    made = values.clone()
    frames = torch.arange(len(values))
    for column in bad.any(0).nonzero().flatten().tolist():
        good = frames[~bad[:, column]]
        if len(good) == 0:
            continue
        wrong = frames[bad[:, column]]
        after = torch.searchsorted(good, wrong)
        left, right = good[(after - 1).clamp(min=0)], good[after.clamp(max=len(good) - 1)]
        share = ((wrong - left) / (right - left).clamp(min=1)).clamp(0, 1).to(values)
        made[wrong, column] = between(values[left, column], values[right, column], share)
    return made


def _mix(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    return a + (b - a) * share[:, None]


def _slerp(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    return quat_slerp(a, b, share)


def _jerk(motion: Motion) -> float:
    positions = motion.positions()
    if len(motion) < 4:
        return 0.0
    third = positions[3:] - 3 * positions[2:-1] + 3 * positions[1:-2] - positions[:-3]
    return float((third * motion.fps**3).norm(dim=-1).mean())
