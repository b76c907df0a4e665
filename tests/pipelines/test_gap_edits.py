"""Edits that fill a gap without a prompt: nothing outside moves, samples differ, the prior's share is said."""

from __future__ import annotations

import pytest
import torch

from edit_bundles import made_clip
from kinescale.motion import Motion
from kinescale.pipelines import EditOptions, Editor
from kinescale.pipelines.editing.gap_fill import fillable
from kinescale.pipelines.editing.region import EditRegion

SPAN = (20, 40)


def same_outside(one: Motion, two: Motion, spans: tuple[tuple[int, int], ...] = (SPAN,)) -> bool:
    outside = torch.ones(len(one), dtype=torch.bool)
    for start, stop in spans:
        outside[start:stop] = False
    return torch.equal(one.root[outside], two.root[outside]) and torch.equal(
        one.rotations[outside], two.rotations[outside]
    )


@pytest.mark.parametrize("spans", [(SPAN,), ((10, 20), (30, 45))])
def test_nothing_outside_the_gaps_moves(one: Editor, clip: Motion, spans: tuple[tuple[int, int], ...]) -> None:
    edited = one.inpaint(clip, EditRegion(len(clip), spans), options=EditOptions(samples=3, seed=5))
    assert all(same_outside(made, clip, spans) for made in edited.motions)
    assert not any("moved" in note for note in edited.notes)


def test_the_first_sample_is_what_the_surroundings_say_and_others_differ(one: Editor, clip: Motion) -> None:
    region = EditRegion(len(clip), (SPAN,))
    first, second, third = one.inpaint(clip, region, options=EditOptions(samples=3, seed=5)).motions
    again = one.inpaint(clip, region, options=EditOptions(samples=1, seed=6)).motions[0]
    assert torch.equal(first.rotations, again.rotations)
    alone = one.inpaint(clip, region, options=EditOptions(samples=[2], seed=5)).motions[0]
    assert torch.equal(third.rotations, alone.rotations)
    assert not torch.equal(first.rotations, second.rotations)
    assert not torch.equal(second.rotations, third.rotations)


def test_the_priors_share_and_all_licenses_are_in_the_meta(one: Editor, clip: Motion) -> None:
    made = one.inpaint(clip, EditRegion(len(clip), (SPAN,))).motions[0]
    assert 0 < made.meta["infill_prior_share"] < 1
    assert set(made.meta["infill_moved_m"]) == {"network", "borders", "feet"}
    assert "CC BY-NC 4.0" in made.meta["license"]


def test_with_a_prompt_or_for_parts_tokens_are_resampled_as_before(one: Editor, clip: Motion) -> None:
    region = EditRegion(len(clip), (SPAN,))
    prompted = one.inpaint(clip, region, "a person waves").motions[0]
    parts = one.inpaint(clip, EditRegion(len(clip), (SPAN,), ("left_arm",))).motions[0]
    assert "infill_prior_share" not in {**prompted.meta, **parts.meta}


@pytest.mark.parametrize(
    ("region", "fits"),
    [
        (EditRegion(90, ((20, 40),)), True),
        (EditRegion(90, ((1, 61),)), True),
        (EditRegion(90, ((1, 62),)), False),
        (EditRegion(90, ((0, 10),)), False),
        (EditRegion(90, ((80, 90),)), False),
        (EditRegion(90, ((20, 40),), ("left_arm",)), False),
        (EditRegion(90, ((20, 40),), (), 1), False),
    ],
)
def test_what_counts_as_a_gap(region: EditRegion, fits: bool) -> None:
    assert fillable(made_clip(90), region) == fits


def test_tokens_are_resampled_where_gaps_are_not_to_be_filled(one: Editor, clip: Motion) -> None:
    made = one.inpaint(clip, EditRegion(len(clip), (SPAN,)), options=EditOptions(fill_gaps=False)).motions[0]
    assert "infill_prior_share" not in made.meta
