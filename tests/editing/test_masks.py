"""Masks: a token is drawn when it says something of what is to change, against a twin that asks frame by frame."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edit_bundles import SYSTEMS, debug_bundle
from kinescale.pipelines.editing.masks import group_roles, latents_touched, resampled_positions
from kinescale.rigging.body_parts import PARTS, part_roles


@pytest.mark.parametrize("system", SYSTEMS)
@settings(max_examples=12)
@given(
    start=st.integers(0, 55),
    frames=st.integers(1, 40),
    part=st.sampled_from([*PARTS, ""]),
    keep_scales=st.integers(0, 3),
)
def test_masks_against_a_naive_twin(system, start, frames, part, keep_scales):
    tokenizer = debug_bundle(system).tokenizer
    layout, latent_roles = tokenizer.layout(), tokenizer.latent_roles
    stop = min(64, start + frames)
    roles = part_roles((part,) if part else ())
    masks = resampled_positions(layout, [(start, stop)], roles, latent_roles, keep_scales)
    for scale, (mask, spec) in enumerate(zip(masks, layout.scales, strict=True)):
        held = group_roles(layout, scale, latent_roles)
        for group in range(spec.groups):
            touched = set()
            for frame in range(start, stop):
                step = frame // layout.stride
                touched |= {b for b in range(spec.bins) if _holds(layout, spec, b, step)}
            wanted = touched if scale >= keep_scales and held[group] & roles else set()
            assert {b for b in range(spec.bins) if bool(mask[b, group])} == wanted


def _holds(layout, spec, place: int, step: int) -> bool:
    if spec.factor:
        return place == step // spec.factor
    low, high = place * layout.capacity / spec.bins, (place + 1) * layout.capacity / spec.bins
    return low < step + 1 and step < high


def test_no_frames_draw_nothing_and_all_frames_everything():
    tokenizer = debug_bundle("msq").tokenizer
    layout, roles = tokenizer.layout(), tokenizer.latent_roles
    assert not any(bool(mask.any()) for mask in resampled_positions(layout, [], part_roles(()), roles))
    assert all(bool(mask.all()) for mask in resampled_positions(layout, [(0, 64)], part_roles(()), roles))
    assert torch.equal(latents_touched(layout, [(3, 5)]).nonzero().flatten(), torch.tensor([0, 1]))


def test_inside_is_less_than_touching():
    tokenizer = debug_bundle("scalemogen").tokenizer
    layout, roles = tokenizer.layout(), tokenizer.latent_roles
    arms = part_roles(("arms",))
    inside = resampled_positions(layout, [(0, 64)], arms, roles, groups="inside")
    touching = resampled_positions(layout, [(0, 64)], arms, roles)
    assert all(bool((~a | b).all()) for a, b in zip(inside, touching, strict=True))
    assert sum(int(a.sum()) for a in inside) < sum(int(b.sum()) for b in touching)
