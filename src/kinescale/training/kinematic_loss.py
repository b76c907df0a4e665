"""Losses on what a decoded motion does: where its joints are, how they move, where its path leads, how feet stand.

Features weigh a centimeter at the wrist as much as one at the hip, and an error of the root's velocity is small in
every frame and large once it is summed. So joints are compared in meters after forward kinematics, their velocities in
the world, and the root's path over stretches of time. Forward-kinematic losses: Pavllo et al. 2018 (QuaterNet); loss
on the velocity of planted feet: Tevet et al. 2023 (MDM), equation 4.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from kinescale.core.records import Record
from kinescale.features import Feature, Normalizer
from kinescale.features.base import HeadingKinematics
from kinescale.kinematics.rotations import rotate_about_y
from kinescale.motion.canonicalize import FEET
from kinescale.nn import global_batch
from kinescale.nn.steps import valid_steps
from kinescale.tokenizers.base import Reconstruction

JOINT_WEIGHTS: Mapping[str, float] = {
    **dict.fromkeys(("left_ankle", "right_ankle", "left_toes", "right_toes", "left_wrist", "right_wrist"), 3.0),
    **dict.fromkeys(("left_knee", "right_knee", "left_elbow", "right_elbow", "head"), 1.5),
}
"""Weight of a joint by its role, 1 for the others: hands and feet say most of what a person does."""


class Config(Record):
    """Weights of the terms beside the tokenizer's own loss; all 0 turns them off.

    ``positions``: meters per joint; ``velocities``: m/s per joint, in the world; ``planted``: m/s of feet that stand in
    the recording; ``path``: meters and radians that the root is off after each of ``spans`` frames; ``jerk``: change of
    velocity between frames, m/s. ``features`` scales the tokenizer's own loss.
    """

    positions: float = Field(default=0.0, ge=0)
    velocities: float = Field(default=0.0, ge=0)
    planted: float = Field(default=0.0, ge=0)
    path: float = Field(default=0.0, ge=0)
    jerk: float = Field(default=0.0, ge=0)
    features: float = Field(default=1.0, ge=0)
    spans: tuple[int, ...] = (8, 32)

    @property
    def on(self) -> bool:
        """Whether any term counts."""
        return max(self.positions, self.velocities, self.planted, self.path, self.jerk) > 0


class KinematicLoss:
    """The terms of ``Config`` between decoded and target features; see the module's docstring."""

    def __init__(self, config: Config, feature: Feature, normalizer: Normalizer):
        self.config, self.feature, self.normalizer = config, feature, normalizer
        skeleton = feature.skeleton
        weights = torch.ones(len(skeleton))
        for role, weight in JOINT_WEIGHTS.items():
            if role in skeleton.roles:
                weights[skeleton.role(role)] = weight
        self.weights = weights / weights.mean()
        self.feet = [skeleton.role(role) for role in FEET if role in skeleton.roles]

    def __call__(self, made: Reconstruction) -> tuple[Tensor, dict[str, float]]:
        """The weighted sum, and each term unweighted for the log."""
        c = self.config
        device = made.decoded.device
        target = self.normalizer.undo(made.target)
        guess = self.feature.kinematics(self.normalizer.undo(made.decoded))
        right = self.feature.kinematics(target)
        inside = valid_steps(made.lengths, target.shape[1]).to(device)
        weights = self.weights.to(device)
        pair = (inside[:, 1:] & inside[:, :-1])[..., None]
        moved, moving = velocities(guess, self.feature.fps), velocities(right, self.feature.fps)
        terms = {"positions": _mean((guess.joints - right.joints).norm(dim=-1) * weights, inside[..., None])}
        terms["velocities"] = _mean((moved - moving).norm(dim=-1) * weights, pair)
        if len(self.feet) == len(FEET):
            standing = (self.feature.contacts(target)[:, :-1] > 0.5) & pair
            terms["planted"] = _mean(moved[:, :, self.feet].norm(dim=-1), standing)
        terms["path"] = sum(
            (_path_error(guess, right, span, inside) for span in c.spans if span < target.shape[1]),
            start=target.new_zeros(()),
        )
        if c.jerk:
            change = (moved - moving).diff(dim=1).norm(dim=-1) * weights
            terms["jerk"] = _mean(change, pair[:, 1:] & pair[:, :-1])
        loss = torch.stack([getattr(c, name) * value for name, value in terms.items()]).sum()
        return loss, {name: float(value.detach()) for name, value in terms.items()}


def velocities(motion: HeadingKinematics, fps: float) -> Float[Tensor, "*b T J 3"]:
    """World velocity of every joint in the heading's frame, m/s, for all frames but the last."""
    turned = rotate_about_y(
        motion.turn[..., :-1, None].expand(motion.joints[..., 1:, :, 0].shape), motion.joints[..., 1:, :, :]
    )
    return (turned + _flat(motion.step)[..., :-1, None, :] - motion.joints[..., :-1, :, :]) * fps


def _flat(step: Float[Tensor, "*b T 2"]) -> Float[Tensor, "*b T 3"]:
    return torch.stack([step[..., 0], torch.zeros_like(step[..., 0]), step[..., 1]], dim=-1)


def displacement(motion: HeadingKinematics, span: int) -> tuple[Float[Tensor, "*b T"], Float[Tensor, "*b T 3"]]:
    """How far the heading turns and the root moves over ``span`` frames, seen in the frame where they begin."""
    yaw = torch.cumsum(motion.turn, -1) - motion.turn
    step = rotate_about_y(yaw, _flat(motion.step))
    path = torch.cumsum(step, -2) - step
    moved = rotate_about_y(-yaw[..., :-span], path[..., span:, :] - path[..., :-span, :])
    return yaw[..., span:] - yaw[..., :-span], moved


def _path_error(guess: HeadingKinematics, right: HeadingKinematics, span: int, inside: Tensor) -> Tensor:
    (turn, moved), (turned, wanted) = displacement(guess, span), displacement(right, span)
    return _mean((moved - wanted).norm(dim=-1) + (turn - turned).abs(), inside[:, span:])


def _mean(values: Tensor, kept: Tensor) -> Tensor:
    """Mean of the kept values; 0 where none is kept."""
    kept = kept.expand_as(values).to(values.dtype)
    return global_batch.total((values * kept).sum()) / global_batch.total(kept.sum()).clamp(min=1.0)
