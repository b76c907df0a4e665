"""Edits of the grouped tokenizer under MoScale's generator: exact outside the region, drawn inside."""

from __future__ import annotations

import pytest
import torch

from edit_bundles import debug_bundle, made_clip
from kinescale.pipelines import Editor, EditRegion


@pytest.mark.parametrize("parts", [(), ("left_arm",)])
def test_an_edit_is_exact_outside_its_region(parts: tuple[str, ...]) -> None:
    clip = made_clip(60)
    editor = Editor(debug_bundle("moscale", "grouped"))
    edited = editor.edit(clip, "a person waves", region=EditRegion.of(clip, seconds=(0.6, 1.2), parts=parts)).motions[0]
    assert torch.equal(edited.rotations[:17], clip.rotations[:17]) and torch.equal(edited.root[:17], clip.root[:17])
    assert not torch.equal(edited.rotations[20:34], clip.rotations[20:34])
