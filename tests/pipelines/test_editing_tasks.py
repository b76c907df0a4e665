"""Editing tasks: regions of every kind, borders, gaps, long clips."""

from __future__ import annotations

import pytest
import torch

from edit_bundles import made_clip, same_outside
from kinescale.pipelines import EditOptions, EditRegion
from kinescale.pipelines.editing.blend import border_peak

PROMPT = "a person waves"


def test_anchored_the_rest_stays_where_it_was(one, clip):
    edited = one.edit(
        clip, PROMPT, region=EditRegion.of(clip, frames=(20, 45)), options=EditOptions(seed=3, anchor_end=True)
    )
    made = edited.motions[0]
    assert torch.equal(made.root[45:], clip.root[45:]) and torch.equal(made.rotations[45:], clip.rotations[45:])
    assert torch.equal(made.root[:20], clip.root[:20])
    assert float((made.root[45] - made.root[44]).norm()) < 0.06


@pytest.mark.parametrize("frames", [(0, 20), (40, 60), (0, 60), (0, 1), (59, 60), (30, 31), (1, 59)])
def test_edges(one, clip, frames):
    made = one.edit(clip, PROMPT, region=EditRegion.of(clip, frames=frames), options=EditOptions(seed=3)).motions[0]
    start, stop = frames
    assert same_outside(made, clip, start, stop)
    if start == 0:
        # nothing comes before: what follows need not move
        assert torch.equal(made.root[stop:], clip.root[stop:]) and torch.equal(
            made.rotations[stop:], clip.rotations[stop:]
        )


def test_the_order_of_regions_does_not_matter(one, clip):
    some = one.edit(clip, PROMPT, region=EditRegion.of(clip, frames=[(10, 20), (40, 50)]), options=EditOptions(seed=3))
    turned = one.edit(
        clip, PROMPT, region=EditRegion.of(clip, frames=[(40, 50), (10, 20)]), options=EditOptions(seed=3)
    )
    assert some.spans == turned.spans == ((10, 20), (40, 50))
    assert torch.equal(some.motions[0].rotations, turned.motions[0].rotations)
    assert torch.equal(some.motions[0].rotations[20:40, 1:], clip.rotations[20:40, 1:])


def test_prefix_suffix_and_outpaint_keep_what_they_say(one, clip):
    assert one.outpaint(clip, region=EditRegion.of(clip, frames=(20, 40))).spans == ((0, 20), (40, 60))
    prefix, suffix = one.prefix(clip, 1.0, PROMPT), one.suffix(clip, 0.5)
    assert prefix.spans == ((30, 60),) and suffix.spans == ((0, 45),)
    assert torch.equal(prefix.motions[0].rotations[:30], clip.rotations[:30])
    assert torch.equal(suffix.motions[0].rotations[45:], clip.rotations[45:])
    assert torch.equal(suffix.motions[0].root[45:], clip.root[45:])


def test_in_between_goes_on_from_one_to_the_other(one):
    first, second = made_clip(40), made_clip(30).slice(5, 30)
    edited = one.inbetween(first, second, 0.5, options=EditOptions(seed=2))
    made = edited.motions[0]
    assert len(made) == 40 + 15 + 25 and edited.spans == ((40, 55),)
    assert torch.equal(made.rotations[:40], first.rotations) and torch.equal(made.root[:40], first.root)
    assert torch.equal(made.rotations[55:, 1:], second.rotations[:, 1:])
    steps = (made.root[1:] - made.root[:-1]).norm(dim=-1)
    assert float(steps.max()) < 0.2


def test_long_clips_are_edited_in_windows(one):
    clip = made_clip(400)
    made = one.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(200, 230)), options=EditOptions(seed=3))
    assert same_outside(made.motions[0], clip, 200, 230) and len(made.tokens[0]) == 1
    long = one.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(100, 300)), options=EditOptions(seed=3))
    assert same_outside(long.motions[0], clip, 100, 300) and len(long.tokens[0]) > 3
    assert not any(torch.equal(long.motions[0].rotations[t], clip.rotations[t]) for t in range(110, 290))


def test_a_wider_blend_jerks_less(one, clip):
    narrow = one.edit(
        clip, PROMPT, region=EditRegion.of(clip, frames=(10, 50)), options=EditOptions(seed=3, widen=False, blend=0.04)
    )
    wide = one.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(10, 50)), options=EditOptions(seed=3))
    assert border_peak(wide.motions[0], [(9, 30), (31, 51)]) < border_peak(narrow.motions[0], [(9, 30), (31, 51)])
    assert wide.blends[0][0].frames > narrow.blends[0][0].frames == 1


def test_in_between_brings_the_second_to_the_first(one):
    edited = one.inbetween(made_clip(40), made_clip(60, 60.0, "smplx"), 0.5, options=EditOptions(seed=2))
    made = edited.motions[0]
    assert made.fps == 30.0 and len(made) == 40 + 15 + 30 and made.skeleton.name == "humanml22"
    assert [note.split(" brought to ")[1] for note in edited.notes[:2]] == ["the first one's skeleton", "30 fps"]
