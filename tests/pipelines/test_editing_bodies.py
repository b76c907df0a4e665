"""Editing clips on any skeleton and at any frame rate."""

from __future__ import annotations

import pytest
import torch

from edit_bundles import debug_bundle, made_clip, moved_rigidly, same_outside
from kinescale.pipelines import EditOptions, Editor, EditRegion

PROMPT = "a person waves"


@pytest.mark.parametrize(("skeleton", "fps"), [("humanml22", 100.0), ("smplx", 60.0), ("smplx", 20.0), ("cmu", 60.0)])
def test_any_skeleton_and_frame_rate(one, skeleton, fps):
    clip = made_clip(round(2 * fps), fps, skeleton, torch.float64)
    start, stop = round(0.7 * fps), round(1.4 * fps)
    edited = one.edit(clip, PROMPT, region=EditRegion.of(clip, seconds=(0.7, 1.4)), options=EditOptions(seed=3))
    made = edited.motions[0]
    assert made.rotations.dtype == torch.float64 and edited.spans == ((start, stop),)
    assert made.skeleton == clip.skeleton and made.fps == fps and len(made) == len(clip)
    assert same_outside(made, clip, start, stop)
    moved_rigidly(made, clip, stop)
    assert not torch.equal(made.rotations[start:stop], clip.rotations[start:stop])


def test_joints_the_bundle_does_not_know_keep_their_rotations(one):
    clip = made_clip(60, skeleton="smplx")
    fingers = [j for j, name in enumerate(clip.skeleton.joints) if "index" in name]
    edited = one.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(20, 40)), options=EditOptions(seed=3))
    assert fingers and torch.equal(edited.motions[0].rotations[:, fingers], clip.rotations[:, fingers])
    assert any("keep the rotations of the clip" in note for note in edited.notes)


@pytest.mark.parametrize("layout", ["humanml3d", "snapmogen"])
def test_layouts_that_have_a_row_less_than_frames(layout):
    """The published layouts hold velocities, so the last frame has no row of its own; clips may still end anywhere."""
    editor, clip = Editor(debug_bundle("moscale", layout=layout)), made_clip(400)
    made = editor.edit(
        clip, PROMPT, region=EditRegion.of(clip, frames=(350, 400)), options=EditOptions(seed=1)
    ).motions[0]
    assert torch.equal(made.rotations[:350], clip.rotations[:350]) and torch.isfinite(made.root).all()
    longer = editor.extend(made_clip(60), 5.0, PROMPT, options=EditOptions(seed=1)).motions[0]
    assert len(longer) == 210 and torch.equal(longer.rotations[:60], made_clip(60).rotations)
