"""Long motion from a timeline of prompts: each stretch continues the last, in the memory of a few windows.

The body is sampled stretch by stretch, each given the last quarter of a window before it; segments of single body parts
are resampled in it as soon as the body is there. After STMC (Petrovich et al. 2024), whose files of segments are read;
MSQ's long motion joins prompts likewise.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from kinescale.core.errors import InputError
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing.blend import LIMIT_M_S2
from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions, EditPipeline
from kinescale.pipelines.editing.gap import extended
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.prompt_spans import Entry, prompts_meta
from kinescale.pipelines.runtime import bundle_meta, sampling_meta
from kinescale.pipelines.segments import PromptSpan, Timeline
from kinescale.rigging.body_parts import ROOT_ROLE, part_roles
from kinescale.skeletons.base import Skeleton

CONTEXT_SHARE = 4
"""Of a window, one part in so many is the motion before."""


@dataclass(frozen=True)
class Transition:
    """Where a stretch meets the motion before it: the frame, the blend in frames, the peak acceleration of a joint."""

    frame: int
    blend: int
    peak_m_s2: float
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TimelineChunk:
    """The next frames of a timeline, which no later stretch changes, and the transitions in what was sampled."""

    motion: Motion
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, eq=False)
class TimelineResult:
    """Result of ``TimelinePipeline``: one motion, its transitions, and notes for the user.

    Example
    -------
    >>> from kinescale import Segment, Timeline, TimelinePipeline
    >>> timeline = Timeline((Segment("a person walks", 0, 1), Segment("a person waves", 1, 2)))
    >>> result = TimelinePipeline.from_pretrained()(timeline)
    >>> len(result.motion), [transition.frame for transition in result.transitions]
    (60, [30])
    """

    motion: Motion
    transitions: tuple[Transition, ...]
    notes: tuple[str, ...] = ()


class TimelinePipeline(EditPipeline):
    """Timelines of prompts to motions of any length.

    Example
    -------
    >>> from kinescale import EditOptions, Segment, Timeline, TimelinePipeline
    >>> pipe = TimelinePipeline.from_pretrained()
    >>> timeline = Timeline((Segment("a person walks", 0, 2), Segment("a person waves", 1, 2, ("right_arm",))))
    >>> pipe(timeline, options=EditOptions(seed=3)).motion.meta["prompt"]
    'a person walks; a person waves'
    """

    @property
    def context(self) -> int:
        """Frames of the motion before that a stretch is given."""
        bundle = self.bundle
        return bundle.max_frames // CONTEXT_SHARE // bundle.stride * bundle.stride

    def __call__(self, timeline: Timeline, *, options: EditOptions | None = None) -> TimelineResult:
        """The whole timeline as one motion, on the bundle's skeleton and at its frame rate."""
        options = options or EditOptions()
        chunks = list(self.stream(timeline, options=options))
        motion = chunks[0].motion.replace(
            root=torch.cat([chunk.motion.root for chunk in chunks]),
            rotations=torch.cat([chunk.motion.rotations for chunk in chunks]),
        )
        transitions = tuple(transition for chunk in chunks for transition in chunk.transitions)
        meta = {
            **prompts_meta(_entries(timeline)),
            **sampling_meta(self.bundle, self.bundle.settings(options.sampling), options.post_process),
            **bundle_meta(self.bundle),
            "edit": "timeline",
            "seed": options.seed,
        }
        notes = tuple(
            f"a joint accelerates by {one.peak_m_s2:.0f} m/s2 where frame {one.frame} goes on "
            f"(99 of 100 frames of captured motion stay below {LIMIT_M_S2:.0f})"
            for one in transitions
            if one.peak_m_s2 > LIMIT_M_S2
        )
        motion = dataclasses.replace(motion, meta={name: value for name, value in meta.items() if value != ""})
        return TimelineResult(motion, transitions, notes)

    def stream(self, timeline: Timeline, *, options: EditOptions | None = None) -> Iterator[TimelineChunk]:
        """The motion in chunks that follow each other, each as soon as nothing can change it any more.

        No more than some windows are held. ``samples`` and ``anchor_end`` of the options have no meaning here. Raises
        ``InputError`` where they are given.
        """
        options = options or EditOptions()
        if options.samples != 1 or options.anchor_end:
            raise InputError("a timeline is sampled once and continues where it is; leave samples and anchor_end out.")
        return self._stream(_Plan.of(timeline, self), dataclasses.replace(options, level=True))

    def _stream(self, plan: _Plan, options: EditOptions) -> Iterator[TimelineChunk]:
        motion: Motion | None = None
        begun, transitions = 0, []
        waiting = list(plan.overlays)
        for number, piece in enumerate(plan.pieces):
            motion, found = self._continued(motion, piece, _seeded(options, piece, "stretch", number))
            transitions += found
            while waiting and waiting[0].span[1] <= piece.span[1]:
                over = waiting.pop(0)
                one = _seeded(options, over, "part", len(plan.overlays) - len(waiting))
                motion, transition = self._overlaid(motion, begun, over, one)
                transitions.append(transition)
            # all that an overlay to come, or the next stretch, may look at stays
            needed = min([piece.span[1], *(over.span[0] for over in waiting[:1])]) - self.context
            if needed - begun >= self.context:
                yield TimelineChunk(motion.slice(0, needed - begun), tuple(transitions))
                motion, begun, transitions = motion.slice(needed - begun, len(motion)), needed, []
        assert motion is not None
        yield TimelineChunk(motion, tuple(transitions))

    @on_fixed_threads
    def _continued(
        self, motion: Motion | None, piece: PromptSpan, options: EditOptions
    ) -> tuple[Motion, list[Transition]]:
        """The motion with one stretch more."""
        start, stop = piece.span
        if motion is None:
            feature = self.bundle.feature
            still = _standing(feature.skeleton, feature.fps, stop - start)
            return self._sampled(still, EditRegion.of(still), piece.text, options).motions[0], []
        tail = motion.slice(max(0, len(motion) - self.context), len(motion))
        whole, span = extended(tail, (stop - start) / motion.fps)
        edited = self._sampled(whole, EditRegion.of(whole, frames=span), piece.text, options)
        new, done = edited.motions[0].slice(*span), edited.blends[0][0]
        rotations = torch.cat([motion.rotations, new.rotations])
        grown = motion.replace(root=torch.cat([motion.root, new.root]), rotations=rotations)
        return grown, [Transition(start, done.frames, done.peak_m_s2)]

    @on_fixed_threads
    def _overlaid(
        self, motion: Motion, begun: int, over: PromptSpan, options: EditOptions
    ) -> tuple[Motion, Transition]:
        """The motion with some parts of some frames resampled."""
        start, stop = over.span[0] - begun, over.span[1] - begun
        first = max(0, start - self.context)
        # where the path is resampled, all that follows moves with it
        last = len(motion) if ROOT_ROLE in part_roles(over.parts) else min(len(motion), stop + self.context)
        piece = motion.slice(first, last)
        region = EditRegion.of(piece, frames=(start - first, stop - first), parts=over.parts)
        edited = self._sampled(piece, region, over.text, options)
        made, done = edited.motions[0], edited.blends[0][0]
        root, rotations = motion.root.clone(), motion.rotations.clone()
        root[first:last], rotations[first:last] = made.root, made.rotations
        transition = Transition(over.span[0], done.frames, done.peak_m_s2, over.parts)
        return motion.replace(root=root, rotations=rotations), transition

    def _sampled(self, motion: Motion, region: EditRegion, prompt: str | None, options: EditOptions) -> Edited:
        return self.run(motion, region, prompt, task="timeline", options=options)


@dataclass(frozen=True)
class _Plan:
    """A timeline cut into pieces of one window each; overlays in the order of their ends."""

    pieces: tuple[PromptSpan, ...]
    overlays: tuple[PromptSpan, ...]

    @staticmethod
    def of(timeline: Timeline, pipeline: TimelinePipeline) -> _Plan:
        bundle = pipeline.bundle
        fps, stride = bundle.feature.fps, bundle.stride
        longest = bundle.max_frames - pipeline.context
        pieces = [cut for span in timeline.base(fps) for cut in _cuts(span, longest)]
        if pieces[0].span[1] < stride:
            raise InputError(
                f"the timeline's first stretch lasts {pieces[0].span[1] / fps:.2f} seconds; this bundle's shortest is "
                f"{stride / fps:.2f} seconds."
            )
        # a piece of an overlay has its surroundings in the same window
        overlays = [cut for span in timeline.overlays(fps) for cut in _cuts(span, max(stride, longest // 2))]
        known = set(bundle.feature.skeleton.roles)
        for over in overlays:
            if not part_roles(over.parts) & known:
                raise InputError(
                    f"this bundle's skeleton '{bundle.feature.skeleton.name}' has no joints for the part "
                    f"{', '.join(over.parts)}; name another part."
                )
        return _Plan(tuple(pieces), tuple(sorted(overlays, key=lambda over: over.span[1])))


def _cuts(stretch: PromptSpan, longest: int) -> list[PromptSpan]:
    """A stretch as pieces of nearly one length, each at most ``longest`` frames."""
    start, stop = stretch.span
    count = -(-(stop - start) // longest)
    edges = [start + i * (stop - start) // count for i in range(count + 1)]
    return [dataclasses.replace(stretch, span=cut) for cut in itertools.pairwise(edges)]


def _seeded(options: EditOptions, span: PromptSpan, *path: str | int) -> EditOptions:
    seed = options.seed if span.seed is None else span.seed
    return dataclasses.replace(options, seed=derive_seed(seed, *path))


def _standing(skeleton: Skeleton, fps: float, frames: int) -> Motion:
    """The skeleton at rest on the floor, to be resampled."""
    rotations = torch.zeros(frames, len(skeleton), 4)
    rotations[..., 3] = 1
    rest = Motion(skeleton, fps, torch.zeros(frames, 3), rotations)
    floor = float(rest.slice(0, 1).positions()[..., 1].min())
    return rest.replace(root=rest.root - rest.root.new_tensor([0.0, floor, 0.0]))


def _entries(timeline: Timeline) -> list[Entry]:
    """The prompts of a timeline for a motion's ``meta``."""
    return [
        {"prompt": segment.text, "seconds": [float(segment.start), float(segment.end)]}
        | ({"parts": list(segment.parts)} if segment.parts else {})
        for segment in timeline.segments
        if segment.text
    ]
