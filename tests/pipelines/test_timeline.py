"""Timelines: as long as stated, each part where it is stated, chunks that never change, in constant memory."""

from __future__ import annotations

import pytest
import torch

from edit_bundles import debug_bundle
from kinescale.core.errors import InputError
from kinescale.pipelines import EditOptions, Segment, Timeline, TimelinePipeline
from kinescale.rigging.body_parts import part_joints, part_roles


@pytest.fixture(scope="module")
def pipe():
    return TimelinePipeline(debug_bundle("msq"))


TIMELINE = Timeline(
    (
        Segment("a person walks", 0.0, 3.0),
        Segment("a person waves", 1.0, 2.5, ("right_arm",)),
        Segment("a person runs", 3.5, 6.0),
        Segment("a person nods", 2.5, 4.0, ("head",)),
    )
)


def test_a_timeline_is_as_long_as_said_and_the_same_again(pipe):
    told = pipe(TIMELINE, options=EditOptions(seed=4))
    assert len(told.motion) == TIMELINE.frames(30) == 180
    assert torch.equal(told.motion.rotations, pipe(TIMELINE, options=EditOptions(seed=4)).motion.rotations)
    assert not torch.equal(told.motion.rotations, pipe(TIMELINE, options=EditOptions(seed=5)).motion.rotations)
    assert "a person walks; a person waves; a person nods; a person runs" in told.motion.meta["prompt"]
    entries = told.motion.meta["prompts"]
    assert {(e["prompt"], *e["seconds"]) for e in entries} == {(s.text, s.start, s.end) for s in TIMELINE.segments}
    assert next(e["parts"] for e in entries if e["prompt"] == "a person nods") == ["head"]
    assert told.motion.meta["sampling"]["sampler"] == pipe.bundle.manifest.sampling.name
    steps = (told.motion.root[1:] - told.motion.root[:-1]).norm(dim=-1)
    assert float(steps.max()) < 0.2


def test_what_is_told_of_a_part_changes_that_part_alone(pipe):
    """Where nothing else is drawn over or after it: one window's story with and without a wave."""
    frames = pipe.bundle.max_frames - pipe.context
    first, last = frames // 3, 2 * frames // 3
    walk = Segment("a person walks", 0.0, frames / 30)
    plain = pipe(Timeline((walk,)), options=EditOptions(seed=1)).motion
    waved = pipe(
        Timeline((walk, Segment("a person waves", first / 30, last / 30, ("right_arm",)))), options=EditOptions(seed=1)
    ).motion
    changed = (plain.rotations != waved.rotations).any(-1)
    assert changed[first:last].any() and not changed[:first].any() and not changed[last:].any()
    assert set(changed.any(0).nonzero().flatten().tolist()) <= set(
        part_joints(plain.skeleton, part_roles(["right_arm"]))
    )
    assert torch.equal(plain.root, waved.root)


@pytest.mark.slow
def test_chunks_are_the_whole_and_stay_small(pipe):
    segments = [Segment(f"a person walks {i} steps", 1.5 * i, 1.5 * i + 1.5) for i in range(8)]
    segments += [Segment("a person waves", 4.0 * i + 1, 4.0 * i + 3, ("arms",)) for i in range(3)]
    timeline = Timeline(tuple(segments))
    chunks = list(pipe.stream(timeline, options=EditOptions(seed=2)))
    assert sum(len(chunk.motion) for chunk in chunks) == timeline.frames(30) == 360
    assert max(len(chunk.motion) for chunk in chunks) <= 3 * pipe.bundle.max_frames
    whole = pipe(timeline, options=EditOptions(seed=2)).motion
    assert torch.equal(torch.cat([chunk.motion.root for chunk in chunks]), whole.root)
    # the beginning of a story does not depend on how it ends
    shorter = next(iter(pipe.stream(Timeline((*segments[:4], segments[8])), options=EditOptions(seed=2)))).motion
    assert torch.equal(shorter.root[:30], whole.root[:30])


def test_a_part_with_the_path_moves_what_follows(pipe):
    timeline = Timeline((Segment("a person walks", 0.0, 4.0), Segment("a person kicks", 1.0, 2.0, ("lower_body",))))
    plain, kicked = (
        pipe(Timeline(timeline.segments[:1]), options=EditOptions(seed=1)).motion,
        pipe(timeline, options=EditOptions(seed=1)).motion,
    )
    assert len(plain) == len(kicked) == 120
    assert torch.equal(plain.rotations[60:, 1:], kicked.rotations[60:, 1:])
    assert float((kicked.root[60] - kicked.root[59]).norm()) < 0.2


def test_bad_timelines(pipe):
    with pytest.raises(InputError, match="shortest"):
        pipe(Timeline((Segment("a person walks", 0.0, 0.05),)))
    with pytest.raises(InputError, match="sampled once"):
        pipe(TIMELINE, options=EditOptions(samples=2))
