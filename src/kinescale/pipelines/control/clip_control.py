"""Control of one clip: warp its path, optimize its latents, refine its poses, set the result into the clip."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.contacts import foot_slide
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_multiply, quat_yaw_between
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import standing_points
from kinescale.pipelines.control.constraints import FACING_TOLERANCE_DEG
from kinescale.pipelines.control.differentiable_decoder import FADE_S, DifferentiableDecoder, fading
from kinescale.pipelines.control.exact_pins import NEAR_M, meet_pins
from kinescale.pipelines.control.latent_optimization import OptimizationSettings, optimize
from kinescale.pipelines.control.path_warp import begins_free, warped
from kinescale.pipelines.control.pose_refinement import Refined, plant_feet, refine
from kinescale.pipelines.control.targets import Deviation, Targets, deviations, mean_error
from kinescale.pipelines.editing.region import Span
from kinescale.pipelines.editing.stretch import paired_joints


@dataclass(frozen=True)
class CurvePoint:
    """The motion after some steps: mean error of the target positions (m), and its feet's sliding (m/s).

    ``foot_skate_m_s`` is ``None`` for a skeleton whose feet are not known.
    """

    step: int
    mean_m: float
    foot_skate_m_s: float | None


@dataclass(frozen=True, eq=False)
class ControlledClip:
    """One clip after control.

    Parameters
    ----------
    errors : the deviation of the motion from each constraint, in order.
    curve : the error by the decoder alone at some steps; the refinement comes after the last point.
    steps, why : the steps taken and why the optimization stopped.
    turned_rad, moved_m : how far the refinement turned a joint, and moved the root, at most.
    moved_after_m : how far the frames after the changed ones were moved.
    """

    motion: Motion
    errors: tuple[Deviation, ...]
    curve: tuple[CurvePoint, ...] = ()
    steps: int = 0
    why: str = "every constraint was met before"
    turned_rad: float = 0.0
    moved_m: float = 0.0
    moved_after_m: float = 0.0

    @property
    def missed(self) -> tuple[Deviation, ...]:
        """The constraints that are not met."""
        return tuple(one for one in self.errors if not one.met)


@dataclass(frozen=True, eq=False)
class ControlTask:
    """The clip to control, and how to change one.

    Parameters
    ----------
    clip : whole, as it is before.
    span : frames of the clip that may change.
    offset : the frame of the clip that a decoder begins with.
    decoder_of : the decoder that changes a clip; its feet stand when those of the second one do, which has other
        places for them.
    refined : whether poses are refined after the optimization.
    """

    targets: Targets
    clip: Motion
    span: Span
    offset: int
    decoder_of: Callable[[Motion, Motion], DifferentiableDecoder]
    settings: OptimizationSettings
    refined: bool


def control_clip(task: ControlTask) -> ControlledClip:
    """The clip changed to meet its targets, as well as possible."""
    clip, targets = task.clip, task.targets.from_frame(task.offset)
    # a clip may begin elsewhere where nothing comes before, and a constraint says where
    free = begins_free(task.targets, task.span)
    with torch.no_grad():
        guess, _ = warped(clip, task.targets, task.span, free_start=free)
        decoder = task.decoder_of(guess, clip)
        nearly = _nearly(targets, guess.slice(task.offset, len(guess)))
    # what is that near is met by the refinement, which keeps steps as they are better than a decoder does
    settings = task.settings.but(steps=0) if task.refined and nearly else task.settings
    done = optimize(decoder, targets, decoder.latent.clone(), decoder.placement, free, settings)
    curve = []
    for step, tracks in done.snapshots.items():
        motion = decoder.motion(*tracks)
        curve.append(CurvePoint(step, mean_error(targets, motion), foot_skate(motion)))
    with torch.no_grad():
        root, rotations, contacts = decoder.tracks(done.latent, done.placement)
    inside = (task.span[0] - task.offset, task.span[1] - task.offset)
    fade = fading(len(root), inside, FADE_S * decoder.fps)
    tracks = Refined(root, rotations)
    if task.refined:
        tracks = refine(done.objective, root, rotations, contacts, fade)
    made = decoder.motion(tracks.root, tracks.rotations)
    if task.refined:
        made = meet_pins(made, targets, fade)
    if decoder.source.post_process.plant:
        made = plant_feet(made, contacts, targets, fade, -decoder.source.lifted_m)
    motion, after = _set_in(clip, made, task, decoder)
    errors = deviations(task.targets, motion)
    return ControlledClip(motion, errors, tuple(curve), done.steps, done.why, tracks.turned_rad, tracks.moved_m, after)


def _nearly(targets: Targets, motion: Motion) -> bool:
    """Whether every joint is near enough to its target for the last steps, and every facing met."""
    positions = motion.positions()
    far, turned = targets.distances(positions), targets.facing_errors(positions)
    near = len(far) > 0 and float(far.max()) < NEAR_M
    return near and (len(turned) == 0 or float(turned.max()) < math.radians(FACING_TOLERANCE_DEG))


def foot_skate(motion: Motion) -> float | None:
    """Mean speed of standing feet, m/s (``metrics.foot_skate``); ``None`` where the feet are not known."""
    try:
        roles, stands = standing_points(motion)
    except (SkeletonError, KeyError):
        return None
    feet = motion.positions()[:, [motion.skeleton.role(role) for role in roles]]
    return foot_slide(feet, stands, motion.fps)


def _set_in(clip: Motion, made: Motion, task: ControlTask, decoder: DifferentiableDecoder) -> tuple[Motion, float]:
    """The clip with the changed frames; the frames after them are turned and moved as a whole to continue them."""
    start, stop = task.span
    first = task.offset
    assert decoder.skeleton is not None
    joints = list(paired_joints(clip.skeleton, decoder.skeleton, range(len(clip.skeleton))))
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
