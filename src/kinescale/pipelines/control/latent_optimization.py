"""Latent optimization at test time: latents changed until the decoded motion meets its targets (MSQ notes, section 5).

The free variable is the latent grid that the decoder reads, never quantized again. The loss is the mean distance to the
targets, and what keeps the motion natural: standing feet stay, joints do not jerk, the latents stay near where they
began. Adam.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.progress import report
from kinescale.core.records import Record
from kinescale.kinematics.forward import forward_kinematics
from kinescale.motion.canonicalize import FEET
from kinescale.pipelines.control.constraints import FACING_TOLERANCE_DEG
from kinescale.pipelines.control.differentiable_decoder import DifferentiableDecoder
from kinescale.pipelines.control.targets import METERS_PER_POSE_RADIAN, Targets

SOFT_M = 0.02
"""Distances below this are squared, others count as they are: far targets do not drown near ones."""

METERS_PER_RADIAN = 0.5
"""How many meters a facing that is off by a radian counts as."""

SPARE = 0.5
"""Share of a tolerance within which there is no gradient any more."""


class OptimizationSettings(Record):
    """Weights of the terms that keep a motion natural, the learning rate, and when to stop.

    ``steps``: at most so many. ``pull``: on the latents' squared distance from where they began, in their own spread.
    ``slide``: on the squared speed (m/s) of standing feet, and ``floor`` on how far (m, squared) they sink or float.
    ``flight``: on the squared height (m) of both feet over where they were about then, times seconds. ``jerk``: on the
    mean squared jerk over that of a brisk walk. ``patience``: steps without progress of a hundredth before stopping.
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
"""A clip that meets every target is good when its feet slide at most this much more than when it began."""

NEARLY_M_S = 0.01
MET_PATIENCE = 10

Snapshot = tuple[Tensor, Tensor]
"""Root and rotations."""


@dataclass(frozen=True, eq=False)
class Optimized:
    """Result of the optimization: latent and placement, the steps taken and why it stopped.

    ``snapshots``: step -> the best motion until then. ``objective`` is that of the optimization.
    """

    latent: Tensor
    placement: Tensor
    steps: int
    why: str
    snapshots: dict[int, Snapshot]
    objective: Objective


@dataclass(frozen=True, eq=False)
class _Floor:
    """Floor height of each foot joint, how low each may be in each frame, and how high both may be at once, meters."""

    floor: Float[Tensor, " K"]
    lowest: Float[Tensor, "N K"]
    flown: Float[Tensor, " N"]

    @staticmethod
    def under(heights: Float[Tensor, "N K"], contacts: Float[Tensor, "N K"], fps: float) -> _Floor | None:
        """As the feet of the clip are before; ``None`` where no foot is known."""
        if not heights.shape[1]:
            return None
        stood = torch.where(contacts > 0.5, heights, torch.nan).nanmedian(0).values
        floor = torch.where(torch.isnan(stood), heights.amin(0), stood)
        lowest = torch.minimum(-_widest(-heights, fps), floor - SOLE_M / 2)
        off = (heights - floor).amin(-1, keepdim=True)
        return _Floor(floor, lowest, _widest(off, fps)[:, 0].clamp(min=0) + FLIGHT_M)


def _widest(values: Float[Tensor, "N K"], fps: float) -> Float[Tensor, "N K"]:
    """The largest within ``FLIGHT_S`` of each frame."""
    wide = 2 * max(1, round(FLIGHT_S * fps)) + 1
    return torch.nn.functional.max_pool1d(values.T[None], wide, 1, wide // 2)[0].T


class Objective:
    """Loss of a motion: its distance to the targets, and what makes it unnatural."""

    def __init__(self, decoder: DifferentiableDecoder, targets: Targets, settings: OptimizationSettings):
        self.targets, self.settings, self.fps = targets, settings, decoder.fps
        skeleton = decoder.written
        self.parents = skeleton.parents
        self.offsets = torch.as_tensor(skeleton.offsets.copy(), dtype=torch.float32)
        feet = [(c, skeleton.role(role)) for c, role in enumerate(FEET) if role in skeleton.roles]
        self.columns, self.feet = [c for c, _ in feet], [j for _, j in feet]
        with torch.no_grad():
            root, rotations, contacts = decoder.tracks(decoder.latent, decoder.placement)
            heights = self.positions(root, rotations)[:, self.feet, 1]
        self.floor = _Floor.under(heights, contacts[:, self.columns], self.fps)

    def positions(self, root: Tensor, rotations: Tensor) -> Float[Tensor, "N J 3"]:
        """World positions of the joints."""
        return forward_kinematics(root, rotations, self.offsets, self.parents)[0]

    def distance(self, positions: Tensor, rotations: Tensor, soft: float) -> tuple[Float[Tensor, ""], bool]:
        """Weighted distance to the targets, meters, and whether all are within their tolerances."""
        targets = self.targets
        tolerance = torch.tensor([entry.tolerance_m for entry in targets.entries])
        weights = targets.weights / targets.weights.sum()
        total, met = positions.new_zeros(()), True
        far = targets.distances(positions)
        if len(far):
            bound = tolerance[targets.entry]
            over = _soft((far - SPARE * bound).clamp(min=0), soft)
            total = total + (_mean_by(over, targets.entry, len(weights)) * weights).sum()
            met = met and bool((far.detach() <= bound).all())
        turned = targets.facing_errors(positions)
        if len(turned):
            bound = math.radians(FACING_TOLERANCE_DEG)
            over = METERS_PER_RADIAN * _soft((turned - SPARE * bound).clamp(min=0), soft)
            total = total + (_mean_by(over, targets.facing_entry, len(weights)) * weights).sum()
            met = met and bool((turned.detach() <= bound).all())
        if len(targets.pose):
            over = METERS_PER_POSE_RADIAN * targets.pose_errors(rotations)
            total = total + (_mean_by(over, targets.pose_entry, len(weights)) * weights).sum()
        return total, met

    def unnatural(self, positions: Tensor, contacts: Tensor) -> tuple[Float[Tensor, ""], float]:
        """Loss of sliding, sinking and jerking, and the sliding (mean speed of standing feet, m/s) alone."""
        s, fps = self.settings, self.fps
        total, speed = positions.new_zeros(()), 0.0
        if self.floor is not None and len(positions) > 1:
            feet = positions[:, self.feet]
            stands = (contacts[:, self.columns] * 2 - 1).clamp(0, 1)
            both = torch.minimum(stands[1:], stands[:-1])
            pace = (feet[1:] - feet[:-1]) * fps
            count = both.sum().clamp(min=1.0)
            total = total + s.slide * (both * pace.square().sum(-1)).sum() / count
            speed = float((both * pace[..., [0, 2]].norm(dim=-1)).detach().sum() / count)
            heights = feet[..., 1]
            sinks = (self.floor.lowest - heights).clamp(min=0)
            floats = stands * (heights - self.floor.floor - SOLE_M).clamp(min=0)
            total = total + s.floor * (sinks.square() + floats.square()).mean()
            flown = ((heights - self.floor.floor).amin(-1) - self.floor.flown).clamp(min=0)
            total = total + s.flight * flown.square().sum() / fps
        if len(positions) > 3:
            step = max(1, round(fps / 30))
            jerk = torch.diff(positions[::step], n=3, dim=0) * (fps / step) ** 3
            total = total + s.jerk * (jerk / JERK_M_S3).square().sum(-1).mean()
        return total, speed


def optimize(
    decoder: DifferentiableDecoder,
    targets: Targets,
    latent: Tensor,
    placement: Tensor,
    free_placement: bool,
    settings: OptimizationSettings,
) -> Optimized:
    """Minimize the objective from a latent and a placement, in at most ``settings.steps`` steps."""
    begin = latent.detach()
    latent = begin.clone().requires_grad_(True)
    placement = placement.detach().clone().requires_grad_(free_placement)
    spread = begin.var().clamp(min=1e-6)
    objective = Objective(decoder, targets, settings)
    progress = _Progress(settings.patience)
    optimizer = torch.optim.Adam(
        [{"params": [latent]}, {"params": [placement], "lr": settings.rate / 4}], settings.rate
    )
    measured = checkpoints(settings.steps)
    snapshots: dict[int, Snapshot] = {}
    for step in range(settings.steps + 1):
        report("optimization", step, settings.steps)
        root, rotations, contacts = decoder.tracks(latent, placement)
        positions = objective.positions(root, rotations)
        distance, met = objective.distance(positions, rotations, SOFT_M)
        unnatural, slide = objective.unnatural(positions, contacts)
        loss = distance + unnatural + settings.pull * (latent - begin).square().mean() / spread
        progress.see(step, loss.detach(), met, slide, (latent, placement, root, rotations))
        if step in measured:
            snapshots[step] = (progress.best[2].clone(), progress.best[3].clone())
        if progress.why or step == settings.steps:
            break
        optimizer.zero_grad()
        loss.backward()
        for group, rate in zip(optimizer.param_groups, (1.0, 0.25), strict=True):
            group["lr"] = settings.rate * rate * (0.1 + 0.9 * math.cos(math.pi / 2 * step / settings.steps))
        for free in (latent, placement):
            if free.grad is not None:
                free.grad.nan_to_num_(0.0, 0.0, 0.0)
        optimizer.step()
    why = progress.why or "the steps were used up"
    return Optimized(progress.best[0], progress.best[1], progress.step, why, snapshots, objective)


@dataclass(eq=False)
class _Progress:
    """The best state of an optimization, and why it stopped; it has not while ``why`` is empty."""

    patience: int
    step: int = 0
    why: str = ""
    loss: float = math.inf
    marked: float = math.inf
    since: int = 0
    first_slide: float = 0.0
    best: tuple[Tensor, ...] = field(default_factory=tuple)

    def see(self, step: int, loss: Tensor, met: bool, slide: float, state: tuple[Tensor, ...]) -> None:
        """Record one step."""
        state = tuple(part.detach().clone() for part in state)
        if not self.best:
            self.best, self.first_slide = state, slide
        self.step = step
        if bool(loss < self.loss):
            self.loss, self.best = float(loss), state
        if bool(loss < 0.99 * self.marked):
            self.marked, self.since = float(loss), 0
        else:
            self.since += 1
        calm = slide <= CALM * self.first_slide + NEARLY_M_S or self.since >= MET_PATIENCE
        if met and calm and bool(loss <= 1.02 * self.loss):
            self.why, self.best = "every constraint is met", state
        elif self.since >= self.patience:
            self.why = "nothing improved any more"


def checkpoints(steps: int) -> tuple[int, ...]:
    """Steps at which the error is measured."""
    known = (0, 10, 25, 50, 100, 200, 300, 400, 600, 800, 1000)
    return tuple(dict.fromkeys([*(step for step in known if step < steps), steps]))


def _soft(distance: Tensor, soft: float) -> Tensor:
    return (distance.square() + soft * soft).sqrt() - soft


def _mean_by(values: Float[Tensor, " G"], group: Tensor, groups: int) -> Float[Tensor, " E"]:
    """The mean of each group's values; 0 where it has none."""
    total = values.new_zeros(groups).index_add(0, group, values)
    return total / torch.bincount(group, minlength=groups).clamp(min=1).to(values)
