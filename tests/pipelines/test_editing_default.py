"""The bundle that comes with the package, on a made walk: the arm rises as asked, all else stays."""

from __future__ import annotations

import pytest
import torch

from kinescale.bundle.hub import DEFAULT, resolve
from kinescale.core.errors import BundleError
from kinescale.pipelines import EditOptions, Editor, EditRegion
from kinescale.pipelines.editing.blend import LIMIT_M_S2
from made_bodies import made, walking


def test_a_walk_is_given_a_wave():
    try:
        resolve(DEFAULT)
    except BundleError:
        pytest.skip("no bundle comes with this installation")
    editor = Editor.from_pretrained()
    clip = made(walking(1.2))
    edited = editor.edit(
        clip,
        "a person waves with the right hand",
        region=EditRegion.of(clip, frames=(30, 100), parts="right_arm"),
        options=EditOptions(seed=1),
    )
    after = edited.motions[0]
    wrist = clip.skeleton.role("right_wrist")
    lift = (after.positions() - clip.positions())[30:100, wrist, 1]
    assert float(lift.max()) > 0.5
    arm = [clip.skeleton.role(f"right_{role}") for role in ("collar", "shoulder", "elbow", "wrist")]
    others = [joint for joint in range(len(clip.skeleton)) if joint not in arm]
    assert torch.equal(after.rotations[:, others], clip.rotations[:, others]) and torch.equal(after.root, clip.root)
    assert torch.equal(after.rotations[:30], clip.rotations[:30])
    assert torch.equal(after.rotations[100:], clip.rotations[100:])
    assert edited.blends[0][0].peak_m_s2 < LIMIT_M_S2
