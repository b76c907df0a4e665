"""What the tests of edits share: one editor of a made bundle, and a clip of two seconds."""

from __future__ import annotations

import pytest

from edit_bundles import debug_bundle, made_clip
from kinescale.motion import Motion
from kinescale.pipelines import Editor


@pytest.fixture(scope="session")
def one() -> Editor:
    """Whole-body tokens, random weights."""
    return Editor(debug_bundle("moscale"))


@pytest.fixture(scope="session")
def clip() -> Motion:
    """Two seconds at 30 frames per second."""
    return made_clip(60)
