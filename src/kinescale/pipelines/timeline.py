"""A story told as one motion, of any length in the memory of a few windows: each stretch goes on from the last.

The body is drawn stretch by stretch, each with the last quarter of a window before it given; what is told of single
parts is drawn over it as soon as the body is there. After STMC (Petrovich et al. 2024), whose spelling of stories is
read; MSQ's long motion joins sentences likewise.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from kinescale.core.conventions import DEFAULT_SEED
from kinescale.core.errors import InputError
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing import Wish, part_roles
from kinescale.pipelines.editing.blend import LIMIT_M_S2
from kinescale.pipelines.editing.edit_pipeline import How, sorted_options
from kinescale.pipelines.editing.editor import Editor
from kinescale.pipelines.editing.gap import extended
from kinescale.pipelines.prompt_spans import Entry, prompts_meta
from kinescale.pipelines.provenance import sampling_meta
from kinescale.pipelines.segments import Story, Told
from kinescale.rigging.body_parts import ROOT_ROLE
from kinescale.skeletons.base import Skeleton

CONTEXT_SHARE = 4
"""Of a window, one part in so many is what has been before."""


@dataclass(frozen=True)
class Joint:
    """Where a stretch meets what was before it: the frame, the blend in frames, the fastest joint's acceleration."""

    frame: int
    blend: int
    peak_m_s2: float
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Chunk:
    """The next frames of a story, which no later stretch changes, and where what was drawn for them was joined."""

    motion: Motion
    joints: tuple[Joint, ...]


@dataclass(frozen=True, eq=False)
class Narrated:
    """A story as one motion."""

    motion: Motion
    joints: tuple[Joint, ...]
    notes: tuple[str, ...] = ()


class Timeline:
    """An editor that tells stories."""

    def __init__(self, editor: Editor):
        self.editor = editor
        bundle = editor.bundle
        self.context = bundle.max_frames // CONTEXT_SHARE // bundle.stride * bundle.stride
        self.longest = bundle.max_frames - self.context

    def __call__(self, story: Story, seed: int = DEFAULT_SEED, **options: Any) -> Narrated:
        """All of a story. Takes what ``stream`` takes."""
        chunks = list(self.stream(story, seed, **options))
        motion = chunks[0].motion.replace(
            root=torch.cat([chunk.motion.root for chunk in chunks]),
            rotations=torch.cat([chunk.motion.rotations for chunk in chunks]),
        )
        joints = tuple(joint for chunk in chunks for joint in chunk.joints)
        how, sampling = sorted_options(How(seed=seed, level=True), options)
        _, config = self.editor.bundle.sampler()
        meta = {
            **prompts_meta(_entries(story)),
            **sampling_meta(self.editor.bundle, config.but(**sampling), how.finish),
            "edit": "timeline",
            "license": self.editor.bundle.license,
            "seed": seed,
            "generator": self.editor.generator,
            "bundle": self.editor.bundle.content_hash,
        }
        fast = [joint for joint in joints if joint.peak_m_s2 > LIMIT_M_S2]
        notes = tuple(
            f"a joint accelerates by {joint.peak_m_s2:.0f} m/s2 where frame {joint.frame} goes on "
            f"(99 of 100 frames of captured motion stay below {LIMIT_M_S2:.0f})"
            for joint in fast
        )
        motion = dataclasses.replace(motion, meta={name: value for name, value in meta.items() if value != ""})
        return Narrated(motion, joints, notes)

    def stream(self, story: Story, seed: int = DEFAULT_SEED, **options: Any) -> Iterator[Chunk]:
        """The motion in chunks that follow each other, on the bundle's skeleton and at its rate.

        ``options``: settings of the bundle's sampler, ``blend`` and ``finish``. A chunk is given out as soon as nothing
        can change it any more; no more than some windows are held. Raises ``InputError`` for options that are none.
        """
        how, sampling = sorted_options(How(seed=seed, level=True), options)
        if how.samples != 1 or how.anchor_end:
            raise InputError("a story is told once and goes on from where it is; leave samples and anchor_end out.")
        return self._stream(_Script.of(story, self), how, sampling)

    def _stream(self, script: _Script, how: How, sampling: dict[str, Any]) -> Iterator[Chunk]:
        told: Motion | None = None
        begun, joints = 0, []
        waiting = list(script.overlays)
        for number, piece in enumerate(script.pieces):
            told, joint = self._go_on(told, piece, _numbered(how, "stretch", number), sampling)
            joints += joint
            while waiting and waiting[0].span[1] <= piece.span[1]:
                over = waiting.pop(0)
                one = _numbered(how, "part", len(script.overlays) - len(waiting))
                told, joint = self._over(told, begun, over, one, sampling)
                joints.append(joint)
            # all that an overlay to come, or the next stretch, may look at stays
            needed = min([piece.span[1], *(over.span[0] for over in waiting[:1])]) - self.context
            if needed - begun >= self.context:
                yield Chunk(told.slice(0, needed - begun), tuple(joints))
                told, begun, joints = told.slice(needed - begun, len(told)), needed, []
        assert told is not None
        yield Chunk(told, tuple(joints))

    @on_fixed_threads
    def _go_on(
        self, told: Motion | None, piece: Told, how: How, sampling: dict[str, Any]
    ) -> tuple[Motion, list[Joint]]:
        """What has been told with one stretch more."""
        start, stop = piece.span
        if told is None:
            still = _standing(self.editor.bundle.feature.skeleton, self.editor.bundle.feature.fps, stop - start)
            wish = Wish(len(still), ((0, len(still)),))
            return self.editor.grant(still, wish, piece.text, task="timeline", how=how, **sampling).motions[0], []
        tail = told.slice(max(0, len(told) - self.context), len(told))
        whole, span = extended(tail, (stop - start) / told.fps)
        edited = self.editor.grant(whole, Wish(len(whole), (span,)), piece.text, task="timeline", how=how, **sampling)
        new = edited.motions[0].slice(*span)
        seam = edited.seams[0][0]
        grown = told.replace(
            root=torch.cat([told.root, new.root]), rotations=torch.cat([told.rotations, new.rotations])
        )
        return grown, [Joint(start, seam.blend, seam.peak_m_s2)]

    @on_fixed_threads
    def _over(self, told: Motion, begun: int, over: Told, how: How, sampling: dict[str, Any]) -> tuple[Motion, Joint]:
        """What has been told with some parts of some frames drawn anew."""
        start, stop = over.span[0] - begun, over.span[1] - begun
        first = max(0, start - self.context)
        # where the path is drawn, all that follows moves with it
        last = len(told) if ROOT_ROLE in part_roles(over.parts) else min(len(told), stop + self.context)
        piece = told.slice(first, last)
        wish = Wish(len(piece), ((start - first, stop - first),), over.parts)
        edited = self.editor.grant(piece, wish, over.text, task="timeline", how=how, **sampling)
        made, seam = edited.motions[0], edited.seams[0][0]
        root, rotations = told.root.clone(), told.rotations.clone()
        root[first:last], rotations[first:last] = made.root, made.rotations
        return told.replace(root=root, rotations=rotations), Joint(over.span[0], seam.blend, seam.peak_m_s2, over.parts)


@dataclass(frozen=True)
class _Script:
    """A story cut into what one window draws; overlays in the order of their ends."""

    pieces: tuple[Told, ...]
    overlays: tuple[Told, ...]

    @staticmethod
    def of(story: Story, timeline: Timeline) -> _Script:
        bundle = timeline.editor.bundle
        fps, stride = bundle.feature.fps, bundle.stride
        longest = timeline.longest
        pieces = [cut for told in story.base(fps) for cut in _cuts(told, longest)]
        if pieces[0].span[1] < stride:
            raise InputError(
                f"the story's first stretch lasts {pieces[0].span[1] / fps:.2f} seconds; this bundle's shortest is "
                f"{stride / fps:.2f} seconds."
            )
        # a piece of an overlay has its surroundings in the same window
        over = [cut for told in story.overlays(fps) for cut in _cuts(told, max(stride, longest // 2))]
        known = set(bundle.feature.skeleton.roles)
        for told in over:
            if not part_roles(told.parts) & known:
                raise InputError(
                    f"this bundle's skeleton '{bundle.feature.skeleton.name}' has no joints for the part "
                    f"{', '.join(told.parts)}; name another part."
                )
        return _Script(tuple(pieces), tuple(sorted(over, key=lambda told: told.span[1])))


def _cuts(told: Told, longest: int) -> list[Told]:
    """A stretch as pieces of nearly one length, each at most ``longest`` frames."""
    start, stop = told.span
    count = -(-(stop - start) // longest)
    edges = [start + i * (stop - start) // count for i in range(count + 1)]
    return [Told((a, b), told.text, told.parts) for a, b in itertools.pairwise(edges)]


def _numbered(how: How, *path: str | int) -> How:
    return dataclasses.replace(how, seed=derive_seed(how.seed, *path))


def _standing(skeleton: Skeleton, fps: float, frames: int) -> Motion:
    """The skeleton at rest on the floor, to be drawn over."""
    rotations = torch.zeros(frames, len(skeleton), 4)
    rotations[..., 3] = 1
    rest = Motion(skeleton, fps, torch.zeros(frames, 3), rotations)
    floor = float(rest.slice(0, 1).positions()[..., 1].min())
    return rest.replace(root=rest.root - rest.root.new_tensor([0.0, floor, 0.0]))


def _entries(story: Story) -> list[Entry]:
    """The story's sentences as a motion's provenance."""
    return [
        {"prompt": segment.text, "seconds": [float(segment.start), float(segment.end)]}
        | ({"parts": list(segment.parts)} if segment.parts else {})
        for segment in story.segments
        if segment.text
    ]
