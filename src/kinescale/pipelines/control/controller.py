"""Controller: motions for a prompt that keep constraints, or a clip changed until it does.

The reported errors are those of the returned motions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from kinescale.core.conventions import DEFAULT_SEED
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines import runtime
from kinescale.pipelines.control.clip_control import ControlledClip, ControlTask, control_clip
from kinescale.pipelines.control.constraints import Constraints, parse_constraints, read_constraints
from kinescale.pipelines.control.differentiable_decoder import DecoderInput, DifferentiableDecoder
from kinescale.pipelines.control.latent_optimization import OptimizationSettings
from kinescale.pipelines.control.targets import Deviation, Targets, contradictions, deviations, targets_of
from kinescale.pipelines.editing.edit_pipeline import EditOptions, EditPipeline, unknown_joints_note
from kinescale.pipelines.editing.region import EditRegion, Span
from kinescale.pipelines.editing.stretch import paired_joints, stretch_of
from kinescale.pipelines.post_process import FINISH, PostProcess
from kinescale.pipelines.prompt_spans import one_line, prompts_of
from kinescale.pipelines.text_to_motion import TextToMotion

STEPS = {"fast": 100, "accurate": 600}
"""Steps of the optimization by name (MSQ notes, section 5)."""

MAX_STEPS = 10_000
MAX_NOTES = 20

ConstraintsLike = Constraints | Mapping[str, Any] | str | Path
"""Constraints, their JSON value, or the JSON file of them; the format is in ``pipelines.control.constraints``."""


@dataclass(frozen=True, eq=False)
class Controlled:
    """Result of control: ``samples`` clips, the frames that could change, and notes for the user.

    Example
    -------
    >>> from kinescale import Controller, ControlOptions
    >>> wanted = {"constraints": [{"joint": "hips", "frame": 19, "position": [0.0, None, 0.5]}]}
    >>> options = ControlOptions(steps=2, refine=False)
    >>> made = Controller.from_pretrained().generate("a person walks", wanted, 1.0, options=options)
    >>> made.clips[0].steps, made.errors[0][0].worst_frame
    (0, 19)
    """

    clips: tuple[ControlledClip, ...]
    span: Span
    notes: tuple[str, ...] = ()

    @property
    def motions(self) -> tuple[Motion, ...]:
        """The clips' motions, with constraints and source in ``meta``."""
        return tuple(clip.motion for clip in self.clips)

    @property
    def errors(self) -> tuple[tuple[Deviation, ...], ...]:
        """Of each clip, its deviation from each constraint."""
        return tuple(clip.errors for clip in self.clips)

    @property
    def missed(self) -> tuple[tuple[Deviation, ...], ...]:
        """Of each clip, the constraints that are not met."""
        return tuple(clip.missed for clip in self.clips)


@dataclass(frozen=True)
class ControlOptions:
    """How control is done.

    Parameters
    ----------
    samples : how many different clips.
    seed : sample i draws from ``derive_seed(seed, "sample", i)``.
    steps : "fast" (100), "accurate" (600) or a number: at most so many steps of optimization.
    refine : whether the motion itself is refined where the decoder does not meet the constraints.
    post_process : post-processing of a sampled motion.
    sampling : settings of the bundle's sampler that differ from its defaults.
    optimization : the optimization's weights; its own ``steps`` do not count.

    Example
    -------
    >>> from kinescale import ControlOptions
    >>> ControlOptions(steps="accurate").settings.steps
    600
    """

    samples: int = 1
    seed: int = DEFAULT_SEED
    steps: int | str = "fast"
    refine: bool = True
    post_process: PostProcess = FINISH
    sampling: Mapping[str, Any] = field(default_factory=dict)
    optimization: OptimizationSettings = field(default_factory=OptimizationSettings)

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= runtime.MAX_CLIPS:
            raise InputError(f"{self.samples} samples; expected 1 to {runtime.MAX_CLIPS}.")
        step_count(self.steps)
        derive_seed(self.seed)

    def check_nothing_sampled(self) -> None:
        """``InputError`` where an option is about sampling."""
        unused = [name for name, value in self.sampling.items() if value is not None]
        if self.samples != 1 or unused:
            name = "samples" if self.samples != 1 else unused[0]
            raise InputError(
                f"{name} without a prompt: nothing is sampled, so there is one result; give a prompt, or leave it out."
            )

    @property
    def settings(self) -> OptimizationSettings:
        """The optimization's settings with the steps put in."""
        return self.optimization.but(steps=step_count(self.steps))


def step_count(steps: int | str) -> int:
    """The number that "fast", "accurate" or a number (also as text) stands for; ``InputError`` for others."""
    if isinstance(steps, str):
        steps = STEPS.get(steps, int(steps) if steps.isdecimal() and len(steps) <= len(str(MAX_STEPS)) else -1)
    if isinstance(steps, bool) or not 0 <= steps <= MAX_STEPS:
        raise InputError(f"the steps are {steps}; expected {', '.join(STEPS)} or a number from 0 to {MAX_STEPS}.")
    return int(steps)


class Controller(runtime.Pipeline):
    """Motions that keep constraints, made with a bundle.

    Example
    -------
    >>> from kinescale import Controller, ControlOptions, TextToMotion
    >>> controller = Controller.from_pretrained()
    >>> clip = TextToMotion(controller.bundle)("a person walks", seconds=1.0).motions[0]
    >>> wanted = {"constraints": [{"joint": "right_wrist", "frame": 10, "position": [None, 1.2, None]}]}
    >>> made = controller.control(clip, wanted, frames=(5, 15), options=ControlOptions(steps=2))
    >>> bool((made.motions[0].rotations[:5] == clip.rotations[:5]).all())
    True
    """

    @on_fixed_threads
    def generate(
        self,
        prompt: str,
        constraints: ConstraintsLike,
        seconds: float | int = 4.0,
        *,
        options: ControlOptions | None = None,
    ) -> Controlled:
        """Make motions for a prompt that keep the constraints.

        They start at the origin facing +Z, unless a path or a facing says otherwise. Raises ``InputError`` for a
        constraint that is not valid, ``SkeletonError`` for a pose that cannot be retargeted.
        """
        options = options or ControlOptions()
        pipeline, fps = TextToMotion(self.bundle), self.bundle.feature.fps
        frames = pipeline.frames(seconds)
        # a motion that is not made yet starts at the world's origin
        wanted = dataclasses.replace(_read(constraints, fps, frames), at="world").check_frames(0, frames)
        targets = targets_of(wanted, self._at_rest())
        sampled = pipeline(
            prompt,
            seconds,
            options.samples,
            options.seed,
            sampling=options.sampling,
            post_process=options.post_process,
        )

        tasks = self._tasks(targets, (0, frames), options, level=True)
        return self._controlled(tasks, targets, sampled.motions, (0, frames), check_prompt(prompt), options)

    @on_fixed_threads
    def control(
        self,
        motion: Motion,
        constraints: ConstraintsLike,
        prompt: str | None = None,
        *,
        frames: Span | None = None,
        options: ControlOptions | None = None,
    ) -> Controlled:
        """Make a clip keep the constraints; frames outside ``frames`` stay as they are, to the bit.

        The clip keeps its skeleton, its frame rate and all that tokens do not hold. With a prompt the frames are
        resampled for it first. The frames after them continue from where they end, moved as a rigid whole.

        Raises ``InputError`` for a constraint outside these frames, ``SkeletonError`` for a skeleton without the roles
        it needs.
        """
        options = options or ControlOptions()
        editor, region = EditPipeline(self.bundle), EditRegion.of(motion, frames=frames)
        (span,) = region.spans
        editor.check(motion, region)
        if prompt is None:
            options.check_nothing_sampled()
        wanted = _read(constraints, motion.fps, len(motion)).check_frames(*span)
        targets = targets_of(wanted, motion)
        with torch.no_grad():
            # a skeleton without the roles is refused before anything is sampled
            stretch_of(self.bundle, motion, [span])
        clips: tuple[Motion, ...] = (motion,)
        if prompt is not None:
            how = EditOptions(options.samples, options.seed, options.sampling, post_process=options.post_process)
            clips = editor.run(motion, region, prompt, options=how).motions

        tasks = self._tasks(targets, span, options)
        return self._controlled(tasks, targets, clips, span, prompt, options)

    def _tasks(
        self, targets: Targets, span: Span, options: ControlOptions, *, level: bool = False
    ) -> Callable[[Motion], ControlTask]:
        """What is to be done with a clip; ``level``: its floor is the plane y = 0."""

        def decoder_of(clip: Motion, stands: Motion) -> DifferentiableDecoder:
            stretch = stretch_of(self.bundle, clip, [span], level=level)
            contacts = self.bundle.feature.blocks["contacts"]
            features = stretch.features.clone()
            if clip is not stands:
                features[:, contacts] = stretch_of(self.bundle, stands, [span], level=level).features[:, contacts]
            piece = clip.slice(stretch.start, stretch.stop)
            settings = options.post_process.but(anchor=False)
            source = DecoderInput(features, stretch.spans[0], piece, stretch.lifted_m, settings)
            return DifferentiableDecoder(self.bundle, source)

        def task(clip: Motion) -> ControlTask:
            with torch.no_grad():
                start = stretch_of(self.bundle, clip, [span], level=level).start
            return ControlTask(targets, clip, span, start, decoder_of, options.settings, options.refine)

        return task

    def _controlled(
        self,
        task: Callable[[Motion], ControlTask],
        targets: Targets,
        clips: Sequence[Motion],
        span: Span,
        prompt: str | None,
        options: ControlOptions,
    ) -> Controlled:
        """The clips that do not keep the constraints changed, the others as they are."""
        done = []
        for sample, clip in enumerate(clips):
            errors = deviations(targets, clip)
            met = all(one.met for one in errors)
            made = ControlledClip(clip, errors) if met else control_clip(task(clip))
            motion = made.motion.with_meta(**self._meta(clip, targets, prompt, options, sample))
            done.append(dataclasses.replace(made, motion=motion))
        return Controlled(tuple(done), span, tuple(self._notes(targets, done[0], clips[0], span)))

    def _at_rest(self) -> Motion:
        """One frame on the bundle's skeleton, to check constraints against before anything is sampled."""
        feature = self.bundle.feature
        rotations = torch.zeros(1, len(feature.skeleton), 4)
        rotations[..., 3] = 1
        return Motion(feature.skeleton, feature.fps, torch.zeros(1, 3), rotations)

    def _meta(
        self, clip: Motion, targets: Targets, prompt: str | None, options: ControlOptions, sample: int
    ) -> dict[str, Any]:
        names = [entry.name for entry in targets.entries]
        meta: dict[str, Any] = {
            "prompt": one_line(prompts_of(clip)) or prompt or "",
            "control": "; ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else ""),
            **runtime.bundle_meta(self.bundle, clip),
        }
        if prompt is not None:
            meta |= {"seed": options.seed, "sample": sample}
        return {name: value for name, value in meta.items() if value != ""}

    def _notes(self, targets: Targets, first: ControlledClip, clip: Motion, span: Span) -> list[str]:
        """Notes on the first clip."""
        notes = []
        missed = first.missed
        if missed:
            notes += [f"missed: {one.summary()}" for one in missed[:MAX_NOTES]]
            if len(missed) > MAX_NOTES:
                notes.append(f"missed: {len(missed) - MAX_NOTES} more constraints")
            notes += contradictions(targets)[:MAX_NOTES]
        if first.turned_rad > 0 or first.moved_m > 0:
            notes.append(
                f"after the optimization joints were turned by up to {first.turned_rad * 180 / torch.pi:.1f} degrees "
                f"and the root moved by up to {100 * first.moved_m:.1f} cm to get there"
            )
        if first.moved_after_m > 1e-3:
            notes.append(f"what follows frame {span[1] - 1} was moved {first.moved_after_m:.2f} m to go on from it")
        joints = range(len(clip.skeleton))
        held = len(joints) - len(paired_joints(clip.skeleton, self.bundle.feature.skeleton, joints))
        return [*notes, *(unknown_joints_note(self, held) if first.steps else [])]


def _read(constraints: ConstraintsLike, fps: float, frames: int) -> Constraints:
    """Constraints from a file, from their JSON value, or as they are."""
    if isinstance(constraints, Constraints):
        return constraints
    if isinstance(constraints, Mapping):
        return parse_constraints(dict(constraints), fps, frames)
    return read_constraints(constraints, fps, frames)
