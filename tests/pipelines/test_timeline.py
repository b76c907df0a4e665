"""Stories told: as long as said, each part where it is said, chunks that never change, in constant memory."""

from __future__ import annotations

import pytest
import torch

from edit_bundles import debug_bundle
from kinescale.core.errors import InputError
from kinescale.pipelines import Editor
from kinescale.pipelines.editing import part_joints, part_roles
from kinescale.pipelines.segments import Segment, Story
from kinescale.pipelines.timeline import Timeline


@pytest.fixture(scope="module")
def timeline():
    return Timeline(Editor(debug_bundle("msq")))


STORY = Story(
    (
        Segment("a person walks", 0.0, 3.0),
        Segment("a person waves", 1.0, 2.5, ("right_arm",)),
        Segment("a person runs", 3.5, 6.0),
        Segment("a person nods", 2.5, 4.0, ("head",)),
    )
)


def test_a_story_is_as_long_as_said_and_the_same_again(timeline):
    told = timeline(STORY, seed=4)
    assert len(told.motion) == STORY.frames(30) == 180
    assert torch.equal(told.motion.rotations, timeline(STORY, seed=4).motion.rotations)
    assert not torch.equal(told.motion.rotations, timeline(STORY, seed=5).motion.rotations)
    assert "a person walks; a person waves; a person nods; a person runs" in told.motion.meta["prompt"]
    entries = told.motion.meta["prompts"]
    assert {(e["prompt"], *e["seconds"]) for e in entries} == {(s.text, s.start, s.end) for s in STORY.segments}
    assert next(e["parts"] for e in entries if e["prompt"] == "a person nods") == ["head"]
    assert told.motion.meta["sampling"]["sampler"] == timeline.editor.bundle.manifest.sampling.name
    steps = (told.motion.root[1:] - told.motion.root[:-1]).norm(dim=-1)
    assert float(steps.max()) < 0.2


def test_what_is_told_of_a_part_changes_that_part_alone(timeline):
    """Where nothing else is drawn over or after it: one window's story with and without a wave."""
    frames = timeline.longest
    first, last = frames // 3, 2 * frames // 3
    walk = Segment("a person walks", 0.0, frames / 30)
    plain = timeline(Story((walk,)), seed=1).motion
    waved = timeline(Story((walk, Segment("a person waves", first / 30, last / 30, ("right_arm",)))), seed=1).motion
    changed = (plain.rotations != waved.rotations).any(-1)
    assert changed[first:last].any() and not changed[:first].any() and not changed[last:].any()
    assert set(changed.any(0).nonzero().flatten().tolist()) <= set(
        part_joints(plain.skeleton, part_roles(["right_arm"]))
    )
    assert torch.equal(plain.root, waved.root)


def test_chunks_are_the_whole_and_stay_small(timeline):
    segments = [Segment(f"a person walks {i} steps", 1.5 * i, 1.5 * i + 1.5) for i in range(8)]
    segments += [Segment("a person waves", 4.0 * i + 1, 4.0 * i + 3, ("arms",)) for i in range(3)]
    story = Story(tuple(segments))
    chunks = list(timeline.stream(story, seed=2))
    assert sum(len(chunk.motion) for chunk in chunks) == story.frames(30) == 360
    assert max(len(chunk.motion) for chunk in chunks) <= 3 * timeline.editor.bundle.max_frames
    whole = timeline(story, seed=2).motion
    assert torch.equal(torch.cat([chunk.motion.root for chunk in chunks]), whole.root)
    # the beginning of a story does not depend on how it ends
    shorter = next(iter(timeline.stream(Story((*segments[:4], segments[8])), seed=2))).motion
    assert torch.equal(shorter.root[:30], whole.root[:30])


def test_a_part_with_the_path_moves_what_follows(timeline):
    story = Story((Segment("a person walks", 0.0, 4.0), Segment("a person kicks", 1.0, 2.0, ("lower_body",))))
    plain, kicked = timeline(Story(story.segments[:1]), seed=1).motion, timeline(story, seed=1).motion
    assert len(plain) == len(kicked) == 120
    assert torch.equal(plain.rotations[60:, 1:], kicked.rotations[60:, 1:])
    assert float((kicked.root[60] - kicked.root[59]).norm()) < 0.2


def test_bad_stories(timeline):
    with pytest.raises(InputError, match="shortest"):
        timeline(Story((Segment("a person walks", 0.0, 0.05),)))
    with pytest.raises(InputError, match="told once"):
        timeline(STORY, samples=2)
