"""Editing, on all systems: exact outside the edit, and the same for the same seed."""

from __future__ import annotations

import pytest
import torch

from edit_bundles import PART_WISE, SYSTEMS, debug_bundle, moved_rigidly, same_outside
from kinescale.pipelines import EditOptions, Editor, EditRegion
from kinescale.rigging.body_parts import part_joints, part_roles

PROMPT = "a person waves"


@pytest.fixture(scope="module", params=SYSTEMS)
def editor(request):
    return Editor(debug_bundle(request.param))


def test_frames_outside_are_the_clips_own(editor, clip):
    edited = editor.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(20, 41)), options=EditOptions(seed=3))
    made = edited.motions[0]
    assert len(made) == 60 and made.skeleton == clip.skeleton and made.fps == clip.fps
    assert same_outside(made, clip, 20, 41)
    assert not torch.equal(made.rotations[25:35], clip.rotations[25:35])
    moved_rigidly(made, clip, 41)
    assert edited.spans == ((20, 41),)
    steps = (made.root[1:] - made.root[:-1]).norm(dim=-1)
    assert float(steps[[18, 19, 40, 41]].max()) < 0.06


def test_parts_outside_keep_every_bit(editor, clip):
    edited = editor.edit(
        clip, PROMPT, region=EditRegion.of(clip, frames=(10, 50), parts="left_arm,head"), options=EditOptions(seed=3)
    )
    made = edited.motions[0]
    joints = part_joints(clip.skeleton, part_roles(("left_arm", "head")))
    others = [joint for joint in range(len(clip.skeleton)) if joint not in joints]
    assert torch.equal(made.root, clip.root) and torch.equal(made.rotations[:, others], clip.rotations[:, others])
    assert same_outside(made, clip, 10, 50) and torch.equal(made.rotations[50:], clip.rotations[50:])
    assert all(not torch.equal(made.rotations[10:50, j], clip.rotations[10:50, j]) for j in joints)


def test_a_part_alone_is_said_to_be_taken_over_where_tokens_hold_the_whole_body(editor, clip):
    notes = " ".join(editor.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(10, 30), parts="left_arm")).notes)
    latent_parts = editor.bundle.tokenizer.codec.latent_parts
    assert ("hold the whole body" in notes and "msq and scalemogen" in notes) == (latent_parts == 1)


def test_same_seed_same_edit_and_each_sample_alone(editor, clip):
    two = editor.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(20, 40)), options=EditOptions(seed=5, samples=2))
    again = editor.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(20, 40)), options=EditOptions(seed=5))
    assert torch.equal(two.motions[0].rotations, again.motions[0].rotations)
    assert torch.equal(two.motions[0].root, again.motions[0].root)
    assert not torch.equal(two.motions[0].rotations, two.motions[1].rotations)


def test_given_tokens_are_the_clips(editor, clip):
    edited = editor.edit(
        clip, PROMPT, region=EditRegion.of(clip, frames=(24, 32), keep_scales=1), options=EditOptions(seed=3)
    )
    everything = editor.edit(
        clip, PROMPT, region=EditRegion.of(clip, frames=(24, 32), keep_scales=1), options=EditOptions(seed=4)
    )
    for scale, given in enumerate(edited.kept[0]):
        one, other = edited.tokens[0][0].scales[scale][0], everything.tokens[0][0].scales[scale][0]
        assert torch.equal(one[given], other[given])
    assert bool(edited.kept[0][0].any()) and edited.kept_share[0] >= edited.kept_share[-1] - 1


def test_rewriting_keeps_coarse_scales(editor, clip):
    edited = editor.rewrite(clip, "a person jumps", "a person walks", keep_scales=1, options=EditOptions(seed=1))
    other = editor.rewrite(clip, "a person kneels", "a person walks", keep_scales=1, options=EditOptions(seed=1))
    assert torch.equal(edited.tokens[0][0].scales[0], other.tokens[0][0].scales[0])
    bits = editor.bundle.codec.token_kind == "bits"
    assert any("threshold" in note for note in edited.notes) != bits
    if bits:
        # no bit becomes so much less likely: only the threshold's share is drawn, and at 1 nothing changes
        still = [
            editor.rewrite(clip, "a person jumps", threshold=1.0, keep_scales=1, options=EditOptions(seed=seed))
            for seed in (1, 2)
        ]
        assert torch.equal(*[made.tokens[0][0].flatten() for made in still])


def test_codes_seen_as_bits_are_edited_too(clip):
    editor = Editor(debug_bundle("scalemogen", "moscale"))
    made = editor.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(20, 40)), options=EditOptions(seed=3)).motions[
        0
    ]
    assert same_outside(made, clip, 20, 40)


def test_the_systems_with_parts_are_those_two():
    from kinescale.tokenizers import part_wise

    assert set(part_wise()) == set(PART_WISE)
