"""Test-time optimization: latents moved until the motion they decode to is where it should be (MSQ notes, section 5).

The free variable is the latent grid that the decoder reads, never quantized again. What is minimized is the mean
distance of the controlled joints, and what keeps the motion a motion: standing feet stay, joints do not jerk, the
latents stay near where they began. Adam; the terms of clips that are optimized together never meet.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.records import Record
from kinescale.kinematics.forward import forward_kinematics
from kinescale.motion.canonicalize import FEET
from kinescale.pipelines.control.constraints import FACING_TOLERANCE_DEG
from kinescale.pipelines.control.differentiable_decoder import Chain
from kinescale.pipelines.control.goals import ROTATIONS_A_POSE, Goals

SOFT_M = 0.02
"""Distances below this are squared, others count as they are: far goals do not drown near ones."""

METERS_A_RADIAN = 0.5
"""How many meters a facing that is off by a radian counts as."""

SPARE = 0.5
"""Share of a tolerance within which nothing pulls any more."""


class Settings(Record):
    """Weights of what keeps a motion natural, the step width, and when to stop.

    ``steps``: at most so many. ``pull``: on the latents' squared distance from where they began, in their own spread.
    ``slide``: on the squared speed (m/s) of standing feet, and ``floor`` on how far (m, squared) they sink or float.
    ``flight``: on the squared height (m) of both feet over where they were about then, times seconds. ``jerk``: on the
    mean squared jerk over that of a brisk walk. ``patience``: steps without progress of a hundredth after which a clip
    is left.
    """

    steps: int = 100
    rate: float = 6e-2
    pull: float = 1e-2
    slide: float = 0.5
    floor: float = 10.0
    flight: float = 60.0
    jerk: float = 0.01
    patience: int = 60


JERK_M_S3 = 150.0
SOLE_M = 0.03
"""A joint of a standing foot moves up and down by as much as the foot rolls."""

FLIGHT_M, FLIGHT_S = 0.05, 0.25
"""Both feet may be so much higher than they were, within so many seconds, before it counts as flying."""

CALM = 1.2
"""A clip that keeps everything is good when its feet slide at most this much more than when it began."""

NEARLY_M_S = 0.01
MET_PATIENCE = 10


@dataclass(frozen=True, eq=False)
class Tried:
    """Where the optimization ended: latents and starts, the steps of each clip and why it stopped, and snapshots.

    ``shots``: step -> root and rotations of all clips after it (each clip's best so far).
    """

    latent: Tensor
    start: Tensor
    steps: tuple[int, ...]
    why: tuple[str, ...]
    shots: dict[int, tuple[Tensor, Tensor]]
    objective: Objective


@dataclass(frozen=True, eq=False)
class Feet:
    """The foot joints of a skeleton that say whether feet stand: columns of the contacts, and joints."""

    columns: tuple[int, ...]
    joints: tuple[int, ...]

    @staticmethod
    def of(chain: Chain) -> Feet:
        known = [(c, chain.written.role(role)) for c, role in enumerate(FEET) if role in chain.written.roles]
        return Feet(tuple(c for c, _ in known), tuple(j for _, j in known))


@dataclass(frozen=True, eq=False)
class _Ground:
    """Where feet stand (``floor``), how low each may be in each frame, and how high both may be at once, meters."""

    floor: Float[Tensor, "B K"]
    lowest: Float[Tensor, "B N K"]
    flown: Float[Tensor, "B N"]

    @staticmethod
    def under(heights: Float[Tensor, "B N K"], contacts: Float[Tensor, "B N K"], chain: Chain) -> _Ground | None:
        """As the feet of clips are before; ``None`` where no foot is known."""
        if not heights.shape[2]:
            return None
        stood = torch.where(contacts > 0.5, heights, torch.nan).nanmedian(1).values
        floor = torch.where(torch.isnan(stood), heights.amin(1), stood)
        near = -_widest(-heights, chain.fps)
        off = (heights - floor[:, None]).amin(-1, keepdim=True)
        lowest = torch.minimum(near, floor[:, None] - SOLE_M / 2)
        return _Ground(floor, lowest, _widest(off, chain.fps)[..., 0].clamp(min=0) + FLIGHT_M)

    def row(self, clip: int) -> _Ground:
        """That of one clip."""
        one = slice(clip, clip + 1)
        return _Ground(self.floor[one], self.lowest[one], self.flown[one])


def _widest(values: Float[Tensor, "B N K"], fps: float) -> Float[Tensor, "B N K"]:
    """The largest within ``FLIGHT_S`` of each frame."""
    wide = 2 * max(1, round(FLIGHT_S * fps)) + 1
    return torch.nn.functional.max_pool1d(values.transpose(1, 2), wide, 1, wide // 2).transpose(1, 2)


class Objective:
    """What a clip should be, as one number a clip."""

    def __init__(self, chain: Chain, goals: Goals, settings: Settings):
        self.chain, self.goals, self.settings = chain, goals, settings
        self.offsets = torch.as_tensor(chain.written.offsets.copy(), dtype=torch.float32)
        self.feet = Feet.of(chain)
        with torch.no_grad():
            root, rotations, contacts = chain.motions(chain.base, chain.start)
            base = self.positions(root, rotations)
        self.ground = _Ground.under(
            base[:, :, list(self.feet.joints), 1], contacts[..., list(self.feet.columns)], chain
        )

    def row(self, clip: int) -> Objective:
        """The same for one clip alone."""
        alone = copy.copy(self)
        alone.ground = None if self.ground is None else self.ground.row(clip)
        return alone

    def positions(self, root: Tensor, rotations: Tensor) -> Float[Tensor, "B N J 3"]:
        """World positions."""
        return forward_kinematics(root, rotations, self.offsets, self.chain.written.parents)[0]

    def asked(self, positions: Tensor, rotations: Tensor, soft: float) -> tuple[Float[Tensor, " B"], Tensor]:
        """How far a clip is from its goals, in meters as they weigh, and whether it keeps all tolerances."""
        goals = self.goals
        tolerance = torch.tensor([entry.tolerance_m for entry in goals.entries])
        weights = goals.weights / goals.weights.sum()
        total = positions.new_zeros(len(positions))
        met = torch.ones(len(positions), dtype=torch.bool)
        far = goals.distances(positions)
        if far.shape[1]:
            bound = tolerance[goals.entry]
            over = _soft((far - SPARE * bound).clamp(min=0), soft)
            total = total + (_mean_by(over, goals.entry, len(weights)) * weights).sum(-1)
            met &= (far.detach() <= bound).all(1)
        turned = goals.turns(positions)
        if turned.shape[1]:
            bound = math.radians(FACING_TOLERANCE_DEG)
            over = METERS_A_RADIAN * _soft((turned - SPARE * bound).clamp(min=0), soft)
            total = total + (_mean_by(over, goals.facing_entry, len(weights)) * weights).sum(-1)
            met &= (turned.detach() <= bound).all(1)
        if len(goals.pose):
            over = ROTATIONS_A_POSE * goals.bent(rotations)
            total = total + (_mean_by(over, goals.pose_entry, len(weights)) * weights).sum(-1)
        return total, met

    def natural(self, positions: Tensor, contacts: Tensor) -> tuple[Float[Tensor, " B"], Tensor]:
        """What sliding, sinking and jerking cost, and the sliding (mean speed of standing feet, m/s) alone."""
        s, fps = self.settings, self.chain.fps
        total, speed = positions.new_zeros(len(positions)), positions.new_zeros(len(positions))
        if self.ground is not None and positions.shape[1] > 1:
            feet = positions[:, :, list(self.feet.joints)]
            stands = (contacts[..., list(self.feet.columns)] * 2 - 1).clamp(0, 1)
            both = torch.minimum(stands[:, 1:], stands[:, :-1])
            pace = (feet[:, 1:] - feet[:, :-1]) * fps
            count = both.sum((1, 2)).clamp(min=1.0)
            total = total + s.slide * (both * pace.square().sum(-1)).sum((1, 2)) / count
            speed = (both * pace[..., [0, 2]].norm(dim=-1)).detach().sum((1, 2)) / count
            heights = feet[..., 1]
            sinks = (self.ground.lowest - heights).clamp(min=0)
            floats = stands * (heights - self.ground.floor[:, None] - SOLE_M).clamp(min=0)
            total = total + s.floor * (sinks.square() + floats.square()).mean((1, 2))
            flown = ((heights - self.ground.floor[:, None]).amin(-1) - self.ground.flown).clamp(min=0)
            total = total + s.flight * flown.square().sum(1) / fps
        if positions.shape[1] > 3:
            step = max(1, round(fps / 30))
            jerk = torch.diff(positions[:, ::step], n=3, dim=1) * (fps / step) ** 3
            total = total + s.jerk * (jerk / JERK_M_S3).square().sum(-1).mean((1, 2))
        return total, speed


def optimize(chain: Chain, goals: Goals, begin: Tensor, start: Tensor, free_start: bool, settings: Settings) -> Tried:
    """Latents and starts after at most ``settings.steps`` steps; of each clip the best that was seen."""
    count = len(begin)
    latent = begin.detach().clone().requires_grad_(True)
    place = start.detach().clone().requires_grad_(free_start)
    spread = begin.detach().flatten(1).var(1).clamp(min=1e-6)
    objective = Objective(chain, goals, settings)
    progress = Progress(count, settings.patience)
    optimizer = torch.optim.Adam([{"params": [latent]}, {"params": [place], "lr": settings.rate / 4}], settings.rate)
    checks = checkpoints(settings.steps)
    shots: dict[int, tuple[Tensor, Tensor]] = {}
    for step in range(settings.steps + 1):
        root, rotations, contacts = chain.motions(latent, place)
        positions = objective.positions(root, rotations)
        asked, met = objective.asked(positions, rotations, SOFT_M)
        kept, slide = objective.natural(positions, contacts)
        pulled = settings.pull * (latent - begin).square().flatten(1).mean(1) / spread
        loss = asked + kept + pulled
        state = tuple(part.detach() for part in (latent, place, root, rotations))
        progress.see(step, loss.detach(), met, slide, state)
        if step in checks:
            shots[step] = (progress.best[2].clone(), progress.best[3].clone())
        if progress.done or step == settings.steps:
            break
        optimizer.zero_grad()
        loss.sum().backward()
        for group, rate in zip(optimizer.param_groups, (1.0, 0.25), strict=True):
            group["lr"] = settings.rate * rate * (0.1 + 0.9 * math.cos(math.pi / 2 * step / settings.steps))
        for free in (latent, place):
            if free.grad is not None:
                free.grad.nan_to_num_(0.0, 0.0, 0.0)
        optimizer.step()
    return Tried(progress.best[0], progress.best[1], *progress.told(), shots, objective)


class Progress:
    """The best state of each clip, and whether it is worth going on."""

    def __init__(self, count: int, patience: int):
        self.patience = patience
        self.loss = torch.full((count,), math.inf)
        self.marked = torch.full((count,), math.inf)
        self.since = torch.zeros(count, dtype=torch.long)
        self.stopped = [-1] * count
        self.why = ["the steps were used up"] * count
        self.steps = [0] * count
        self.calm = torch.full((count,), math.inf)
        self.best: tuple[Tensor, ...] = ()

    @property
    def done(self) -> bool:
        """Whether every clip has stopped."""
        return all(step >= 0 for step in self.stopped)

    def see(self, step: int, loss: Tensor, met: Tensor, slide: Tensor, state: tuple[Tensor, ...]) -> None:
        """Take in a step of all clips; one that has stopped is not looked at again."""
        if not self.best:
            self.best = tuple(part.clone() for part in state)
            self.calm = slide.clone()
        for i, stopped in enumerate(self.stopped):
            if stopped >= 0:
                continue
            self.steps[i] = step
            if bool(loss[i] < self.loss[i]):
                self.loss[i] = loss[i]
                for kept, part in zip(self.best, state, strict=True):
                    kept[i] = part[i]
            if bool(loss[i] < 0.99 * self.marked[i]):
                self.marked[i], self.since[i] = loss[i], 0
            else:
                self.since[i] += 1
            calm = bool(slide[i] <= CALM * self.calm[i] + NEARLY_M_S) or int(self.since[i]) >= MET_PATIENCE
            if bool(met[i]) and calm and bool(loss[i] <= 1.02 * self.loss[i]):
                self.stopped[i], self.why[i] = step, "every constraint is met"
                for kept, part in zip(self.best, state, strict=True):
                    kept[i] = part[i]
            elif int(self.since[i]) >= self.patience:
                self.stopped[i], self.why[i] = step, "nothing improved any more"

    def told(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Steps and reasons."""
        return tuple(self.steps), tuple(self.why)


def checkpoints(steps: int) -> tuple[int, ...]:
    """Steps at which the curve is measured."""
    known = (0, 10, 25, 50, 100, 200, 300, 400, 600, 800, 1000)
    return tuple(dict.fromkeys([*(step for step in known if step < steps), steps]))


def _soft(distance: Tensor, soft: float) -> Tensor:
    return (distance.square() + soft * soft).sqrt() - soft


def _mean_by(values: Float[Tensor, "B G"], group: Tensor, groups: int) -> Float[Tensor, "B E"]:
    """The mean of each group's columns; 0 where it has none."""
    total = values.new_zeros(len(values), groups).index_add(1, group, values)
    return total / torch.bincount(group, minlength=groups).clamp(min=1).to(values)
