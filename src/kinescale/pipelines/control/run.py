"""One call of control, from clips and goals to clips that keep them: laid, optimized, corrected, set into the clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.contacts import foot_slide
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_multiply, quat_yaw_between
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import standing_points
from kinescale.pipelines.control.differentiable_decoder import FADE_S, Chain, fading
from kinescale.pipelines.control.goals import Goals, mean_error
from kinescale.pipelines.control.latent_optimization import Settings, Tried, optimize
from kinescale.pipelines.control.path_warp import begins_free, laid
from kinescale.pipelines.control.planted import planted
from kinescale.pipelines.control.pose_refinement import corrected
from kinescale.pipelines.editing.region import Span
from kinescale.pipelines.editing.stretch import paired_joints


@dataclass(frozen=True)
class Point:
    """What a clip is like after some steps: mean error of the places asked for (m), and its feet's sliding (m/s).

    ``foot_skate_m_s`` is ``None`` for a skeleton whose feet are not known.
    """

    step: int
    mean_m: float
    foot_skate_m_s: float | None


@dataclass(frozen=True, eq=False)
class Steered:
    """A clip after control; ``moved_after_m`` is how far what follows the changed frames was moved."""

    motion: Motion
    curve: tuple[Point, ...] = ()
    steps: int = 0
    why: str = "every constraint was met before"
    turned_rad: float = 0.0
    moved_m: float = 0.0
    moved_after_m: float = 0.0


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be done to some clips that are alike.

    Parameters
    ----------
    clips : whole, as they are before.
    span : frames of the clips that may change.
    offset : the frame of the clips that the chain begins with.
    features_of : a clip's features for the chain.
    """

    chain: Chain
    goals: Goals
    clips: Sequence[Motion]
    span: Span
    offset: int
    features_of: Callable[[Motion], Float[Tensor, "T F"]]
    settings: Settings
    correct: bool

    @property
    def free_start(self) -> bool:
        """Whether the clips may begin elsewhere: nothing comes before, and it is said where the body goes."""
        return begins_free(self.goals, self.span)


def steer(task: Task) -> list[Steered]:
    """The clips made to keep the goals, as well as can be."""
    chain = task.chain
    goals = task.goals.from_frame(task.offset)
    begin, start = _begun(task)
    tried = optimize(chain, goals, begin, start, task.free_start, task.settings)
    curves = [_curve(task, goals, tried, i) for i in range(len(task.clips))]
    with torch.no_grad():
        root, rotations, contacts = chain.motions(tried.latent, tried.start)
    turned = moved = (0.0,) * len(task.clips)
    inside = (task.span[0] - task.offset, task.span[1] - task.offset)
    fade = fading(root.shape[1], inside, FADE_S * chain.fps)
    if task.correct:
        done = corrected(tried.objective, root, rotations, contacts, fade)
        root, rotations, turned, moved = done.root, done.rotations, done.turned_rad, done.moved_m
    results = []
    for i, clip in enumerate(task.clips):
        made = chain.one(root[i], rotations[i])
        if chain.ground.finish.plant:
            made = planted(made, contacts[i], goals, fade, None if chain.clip is None else chain.ground.clips[i])
        motion, after = (made, 0.0) if chain.clip is None else _set_in(clip, made, task)
        results.append(Steered(motion, curves[i], tried.steps[i], tried.why[i], turned[i], moved[i], after))
    return results


def _begun(task: Task) -> tuple[Tensor, Tensor]:
    """Where the optimization begins: the clips' own latents, or those of the clips laid along what is asked."""
    chain = task.chain
    with torch.no_grad():
        guesses = [laid(clip, task.goals, task.span, free_start=task.free_start) for clip in task.clips]
        begin = chain.base.clone()
        bent = [i for i, (_, changed) in enumerate(guesses) if changed]
        if bent:
            features = chain.ground.features.clone()
            for i in bent:
                features[i] = task.features_of(guesses[i][0])
            begin[bent] = chain.encode(features)[bent]
        if not task.free_start:
            return begin, chain.start
        frames = chain.ground.features.shape[1] if chain.clip is None else len(chain.clip)
        return begin, chain.fit([guess.slice(task.offset, task.offset + frames) for guess, _ in guesses], begin)


def _curve(task: Task, goals: Goals, tried: Tried, clip: int) -> tuple[Point, ...]:
    points = []
    for step, (root, rotations) in tried.shots.items():
        if step > tried.steps[clip]:
            break
        motion = task.chain.one(root[clip], rotations[clip])
        points.append(Point(step, mean_error(goals, motion), foot_skate(motion)))
    return tuple(points)


def foot_skate(motion: Motion) -> float | None:
    """Mean speed of standing feet, m/s (``metrics.foot_skate``); ``None`` where the feet are not known."""
    try:
        roles, stands = standing_points(motion)
    except (SkeletonError, KeyError):
        return None
    feet = motion.positions()[:, [motion.skeleton.role(role) for role in roles]]
    return foot_slide(feet, stands, motion.fps)


def _set_in(clip: Motion, made: Motion, task: Task) -> tuple[Motion, float]:
    """The clip with the changed frames; what follows goes on from them, turned and moved as a whole."""
    start, stop = task.span
    first = task.offset
    assert task.chain.skeleton is not None
    joints = list(paired_joints(clip.skeleton, task.chain.skeleton, range(len(clip.skeleton))))
    root, rotations = clip.root.clone(), clip.rotations.clone()
    root[start:stop] = made.root[start - first : stop - first].to(root)
    rotations[start:stop, joints] = made.rotations[start - first : stop - first, joints].to(rotations)
    moved = 0.0
    if stop < len(clip):
        there, here = made.rotations[stop - first, 0].double(), clip.rotations[stop, 0].double()
        turn = quat_about_y(quat_yaw_between(there, here))
        shift = made.root[stop - first].double() - quat_apply(turn, clip.root[stop].double())
        shift[1] = 0.0
        gap = made.root[stop - first].double() - clip.root[stop].double()
        moved = float(gap[[0, 2]].norm())
        root[stop:] = (quat_apply(turn, clip.root[stop:].double()) + shift).to(root)
        turned = quat_multiply(turn, clip.rotations[stop:, 0].double())
        rotations[stop:, 0] = torch.nn.functional.normalize(turned, dim=-1).to(rotations)
    return clip.replace(root=root, rotations=rotations), moved
