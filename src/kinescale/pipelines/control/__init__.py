"""Control: joints at places, poses at key frames, a path over the ground and a facing, of drawn motions or one's own.

Sampling (or the clip's own tokens) first, then optimization of the latents through the decoder (``_controlled``), then
a small correction of the motion itself (``_corrected``). The errors told are those of the motions handed back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

import kinescale
from kinescale.bundle.bundle import Bundle
from kinescale.bundle.hub import DEFAULT
from kinescale.core.conventions import DEFAULT_SEED
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.control.constraints import Constraints, parse_constraints, read_constraints
from kinescale.pipelines.control.differentiable_decoder import Chain, Ground
from kinescale.pipelines.control.goals import Goals, Missed, contradictions, errors, goals_of
from kinescale.pipelines.control.latent_optimization import Settings
from kinescale.pipelines.control.run import Point, Steered, Task, steer
from kinescale.pipelines.editing import Span, Wish
from kinescale.pipelines.editing.editor import Editor
from kinescale.pipelines.editing.windows import Stretch, paired_joints, row_a_frame, stretch_of
from kinescale.pipelines.prompt_spans import one_line, prompts_of
from kinescale.pipelines.runtime import FINISH, PostProcess, smoothed, smoothing_of
from kinescale.pipelines.text_to_motion import MAX_CLIPS, Generated, TextToMotion

__all__ = ["STEPS", "Controlled", "Controller", "Missed", "Point", "Settings", "Steering", "step_count"]

STEPS = {"fast": 100, "accurate": 600}
"""Steps of the optimization by name (MSQ notes, section 5)."""

MAX_STEPS = 10_000
MAX_TOLD = 20

Wanted = Constraints | Mapping[str, Any] | str | Path


@dataclass(frozen=True, eq=False)
class Controlled:
    """What control made: ``samples`` clips.

    Parameters
    ----------
    motions : the clips, with what was asked and where it comes from in ``meta``.
    errors : of each clip, how far each constraint is from being met, in order.
    curves : of each clip, how it came there by the decoder alone; the correction comes after the last point.
    steps, why : of each clip, the steps it took and why it stopped.
    turned_rad, moved_m : of each clip, how far the correction turned a joint, and moved the root, at most.
    span : the frames that could change.
    notes : what a user should know, a sentence each.
    """

    motions: tuple[Motion, ...]
    errors: tuple[tuple[Missed, ...], ...]
    curves: tuple[tuple[Point, ...], ...]
    steps: tuple[int, ...]
    why: tuple[str, ...]
    turned_rad: tuple[float, ...]
    moved_m: tuple[float, ...]
    span: Span
    notes: tuple[str, ...] = ()

    @property
    def missed(self) -> tuple[tuple[Missed, ...], ...]:
        """Of each clip, the constraints that are not met."""
        return tuple(tuple(one for one in clip if not one.met) for clip in self.errors)


@dataclass(frozen=True)
class Steering:
    """How control is done.

    Parameters
    ----------
    samples : how many different clips.
    seed : sample i draws from ``derive_seed(seed, "sample", i)``.
    steps : "fast" (100), "accurate" (600) or a number: at most so many steps of optimization.
    correct : whether the motion itself is corrected where the decoder did not get there.
    finish : what is done to a drawn motion.
    settings : the optimization's weights; its own ``steps`` do not count.
    """

    samples: int = 1
    seed: int = DEFAULT_SEED
    steps: int | str = "fast"
    correct: bool = True
    finish: PostProcess = FINISH
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= MAX_CLIPS:
            raise InputError(f"{self.samples} samples; expected 1 to {MAX_CLIPS}.")
        step_count(self.steps)
        derive_seed(self.seed)

    @property
    def optimization(self) -> Settings:
        """The settings with the steps put in."""
        return self.settings.but(steps=step_count(self.steps))


def step_count(steps: int | str) -> int:
    """The number that "fast", "accurate" or a number (also as text) stands for; ``InputError`` for others."""
    if isinstance(steps, str):
        steps = STEPS.get(steps, int(steps) if steps.isdecimal() and len(steps) <= len(str(MAX_STEPS)) else -1)
    if isinstance(steps, bool) or not 0 <= steps <= MAX_STEPS:
        raise InputError(f"the steps are {steps}; expected {', '.join(STEPS)} or a number from 0 to {MAX_STEPS}.")
    return int(steps)


class Controller:
    """A bundle that is ready to make motions that go where they should. Build it once and call it often."""

    def __init__(self, bundle: Bundle):
        bundle.sampler()
        self.bundle = bundle

    @classmethod
    def from_pretrained(cls, path_or_repo_id: str | Path = DEFAULT, **options: Any) -> Controller:
        """The controller of a bundle; takes what ``Bundle.from_pretrained`` takes."""
        return cls(Bundle.from_pretrained(path_or_repo_id, **options))

    @on_fixed_threads
    def generate(
        self,
        prompt: str,
        constraints: Wanted,
        seconds: float = 4.0,
        *,
        how: Steering | None = None,
        **options: Any,
    ) -> Controlled:
        """Make motions for a prompt that keep the constraints.

        They start at the origin facing +Z, unless a path or a facing says otherwise.

        Parameters
        ----------
        constraints : a JSON file of them, its value, or ``Constraints``; the format is in
            ``pipelines.control.constraints``.
        options : fields of ``Steering`` (``samples``, ``seed``, ``steps`` ...) and settings of the bundle's sampler.

        Raises ``InputError`` for anything that cannot be, ``SkeletonError`` for a pose that cannot be carried over.
        """
        how, sampling = _sorted(how, options)
        pipeline, fps = TextToMotion(self.bundle), self.bundle.feature.fps
        frames = pipeline.frames(seconds)
        # a motion that is not made yet starts at the world's origin
        wanted = dataclasses.replace(_read(constraints, fps, frames), at="world").check_frames(0, frames)
        goals = goals_of(wanted, self._at_rest())
        drawn = pipeline(prompt, seconds, how.samples, how.seed, finish=how.finish, **sampling)

        def task(rows: list[int]) -> Task:
            features, latent = self._decoded(drawn, rows, frames, how.finish)
            ground = Ground(features, (0, frames), finish=how.finish)
            clips = [drawn.motions[row] for row in rows]
            chain = Chain(self.bundle, ground, latent)
            rows_of = partial(row_a_frame, self.bundle.feature)
            return Task(chain, goals, clips, (0, frames), 0, rows_of, how.optimization, how.correct)

        return self._steered(task, goals, drawn.motions, (0, frames), check_prompt(prompt), how)

    @on_fixed_threads
    def control(
        self,
        motion: Motion,
        constraints: Wanted,
        prompt: str | None = None,
        *,
        frames: Span | None = None,
        how: Steering | None = None,
        **options: Any,
    ) -> Controlled:
        """Make a clip keep the constraints; frames outside ``frames`` stay as they are, to the bit.

        The clip keeps its skeleton, its frame rate and all that tokens do not say. With a prompt the frames are drawn
        anew for it first. What follows the frames goes on from where they end, moved as a rigid whole.

        Raises ``InputError`` for a constraint that is not about these frames, ``SkeletonError`` for a skeleton without
        the roles it needs.
        """
        how, sampling = _sorted(how, options)
        span = self._span(motion, frames)
        if prompt is None and (sampling or how.samples != 1):
            raise InputError(
                f"{'samples' if how.samples != 1 else next(iter(sampling))} without a prompt: nothing is drawn, so "
                "there is one result; give a prompt, or leave it out."
            )
        goals = goals_of(_read(constraints, motion.fps, len(motion)).check_frames(*span), motion)
        with torch.no_grad():
            # a skeleton without the roles is refused before anything is drawn
            stretch_of(self.bundle, motion, [span])
        clips: tuple[Motion, ...] = (motion,)
        if prompt is not None:
            drawing = {"samples": how.samples, "seed": how.seed, "finish": how.finish, **sampling}
            clips = Editor(self.bundle).edit(motion, prompt, frames=span, **drawing).motions

        def task(rows: list[int]) -> Task:
            some = [clips[row] for row in rows]
            with torch.no_grad():
                stretches = [stretch_of(self.bundle, clip, [span]) for clip in some]
            chain = Chain(self.bundle, _ground(stretches, some, how.finish))

            def features_of(clip: Motion) -> Float[Tensor, "T F"]:
                return stretch_of(self.bundle, clip, [span]).features

            start = stretches[0].start
            return Task(chain, goals, some, span, start, features_of, how.optimization, how.correct)

        return self._steered(task, goals, clips, span, prompt, how)

    # How it is done

    def _steered(
        self,
        task: Callable[[list[int]], Task],
        goals: Goals,
        clips: Sequence[Motion],
        span: Span,
        prompt: str | None,
        how: Steering,
    ) -> Controlled:
        """The clips that do not keep the constraints, made to; the others as they are."""
        missing = [i for i, clip in enumerate(clips) if not all(one.met for one in errors(goals, clip))]
        # clip by clip, so that what becomes of one does not depend on the others
        made = {i: steer(task([i]))[0] for i in missing}
        done = [made.get(i) or Steered(clip) for i, clip in enumerate(clips)]
        motions = tuple(
            one.motion.with_meta(**self._meta(clip, goals, prompt, how, i))
            for i, (one, clip) in enumerate(zip(done, clips, strict=True))
        )
        found = tuple(errors(goals, motion) for motion in motions)
        notes = self._notes(goals, done, found, clips[0], span)
        return Controlled(
            motions,
            found,
            tuple(one.curve for one in done),
            tuple(one.steps for one in done),
            tuple(one.why for one in done),
            tuple(one.turned_rad for one in done),
            tuple(one.moved_m for one in done),
            span,
            tuple(notes),
        )

    def _at_rest(self) -> Motion:
        """A frame on the bundle's skeleton, to check constraints against before anything is drawn."""
        feature = self.bundle.feature
        rotations = torch.zeros(1, len(feature.skeleton), 4)
        rotations[..., 3] = 1
        return Motion(feature.skeleton, feature.fps, torch.zeros(1, 3), rotations)

    def _decoded(self, drawn: Generated, rows: list[int], frames: int, finish: PostProcess) -> tuple[Tensor, Tensor]:
        """Features and latents of some drawn clips, one by one, as they are when made alone."""
        bundle = self.bundle
        features, latents = [], []
        with torch.no_grad():
            for row in rows:
                tokens = drawn.tokens[row]
                latents.append(bundle.tokenizer.codec.latent_sum(tokens).float().cpu())
                made = bundle.normalizer.undo(bundle.tokenizer.decode(tokens)[0, :frames].float().cpu())
                features.append(smoothed(made, smoothing_of(bundle.feature, made, finish)))
        return torch.stack(features), torch.stack(latents)

    def _span(self, motion: Motion, frames: Span | None) -> Span:
        """The frames that may change, checked."""
        least = self.bundle.stride / self.bundle.feature.fps
        if motion.duration_s < least - 1e-6:
            raise InputError(
                f"the clip lasts {motion.duration_s:.2f} seconds; this bundle's shortest is {least:.2f} seconds."
            )
        return Wish(len(motion), (frames or (0, len(motion)),)).spans[0]

    def _meta(self, clip: Motion, goals: Goals, prompt: str | None, how: Steering, sample: int) -> dict[str, Any]:
        names = [entry.name for entry in goals.entries]
        licenses = [*str(clip.meta.get("license") or "").split("; "), *self.bundle.license.split("; ")]
        meta: dict[str, Any] = {
            "prompt": one_line(prompts_of(clip)) or prompt or "",
            "control": "; ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else ""),
            "license": "; ".join(dict.fromkeys(one for one in licenses if one)),
            "generator": f"kinescale {kinescale.__version__}",
            "bundle": self.bundle.content_hash,
        }
        if prompt is not None:
            meta |= {"seed": how.seed, "sample": sample}
        return {name: value for name, value in meta.items() if value != ""}

    def _notes(
        self, goals: Goals, done: Sequence[Steered], found: Sequence[tuple[Missed, ...]], clip: Motion, span: Span
    ) -> list[str]:
        notes = []
        missed = [one for one in found[0] if not one.met]
        if missed:
            notes += [f"missed: {one.told()}" for one in missed[:MAX_TOLD]]
            if len(missed) > MAX_TOLD:
                notes.append(f"missed: {len(missed) - MAX_TOLD} more constraints")
            notes += contradictions(goals)[:MAX_TOLD]
        first = done[0]
        if first.turned_rad > 0 or first.moved_m > 0:
            notes.append(
                f"after the optimization joints were turned by up to {first.turned_rad * 180 / torch.pi:.1f} degrees "
                f"and the root moved by up to {100 * first.moved_m:.1f} cm to get there"
            )
        if first.moved_after_m > 1e-3:
            notes.append(f"what follows frame {span[1] - 1} was moved {first.moved_after_m:.2f} m to go on from it")
        held = len(clip.skeleton) - len(
            paired_joints(clip.skeleton, self.bundle.feature.skeleton, range(len(clip.skeleton)))
        )
        if held and first.steps:
            notes.append(
                f"{held} joints that the bundle's skeleton '{self.bundle.feature.skeleton.name}' does not know keep "
                "the rotations of the clip"
            )
        return notes


def _ground(stretches: Sequence[Stretch], clips: Sequence[Motion], finish: PostProcess) -> Ground:
    """Stretches of clips that are alike."""
    first = stretches[0]
    return Ground(
        torch.stack([one.features for one in stretches]),
        first.spans[0],
        tuple(clip.slice(first.start, first.stop) for clip in clips),
        tuple(one.lifted_m for one in stretches),
        finish.but(anchor=False),
    )


def _read(constraints: Wanted, fps: float, frames: int) -> Constraints:
    """Constraints from a file, from JSON's value, or as they are."""
    if isinstance(constraints, Constraints):
        return constraints
    if isinstance(constraints, Mapping):
        return parse_constraints(dict(constraints), fps, frames)
    return read_constraints(constraints, fps, frames)


def _sorted(how: Steering | None, options: dict[str, Any]) -> tuple[Steering, dict[str, Any]]:
    """Fields of ``Steering``, and what is the sampler's."""
    names = {one.name for one in dataclasses.fields(Steering)}
    changes = {name: value for name, value in options.items() if name in names and value is not None}
    sampling = {name: value for name, value in options.items() if name not in names and value is not None}
    return dataclasses.replace(how or Steering(), **changes), sampling
