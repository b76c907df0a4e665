"""Motions to draw: a made-up walk, and skeletons of every awkward kind."""

from __future__ import annotations

import math

import numpy as np
import pytest
from render_cases import at_rest, make_walk

from kinescale import skeletons
from kinescale.motion import Motion
from kinescale.skeletons import Skeleton


@pytest.fixture
def walk() -> Motion:
    return make_walk(prompt="a person walks forward and turns to the left", seed=7)


@pytest.fixture
def odd_motions() -> dict[str, Motion]:
    plain = skeletons.get("humanml22")
    bare = Skeleton("bare", plain.joints, plain.parents, plain.offsets)
    nameless = Skeleton("nameless", ("a", "b", "c"), (-1, 0, 1), np.array([[0, 0, 0], [0, 0.5, 0], [0, 0.5, 0]]))
    one = Skeleton("one", ("only",), (-1,), np.zeros((1, 3)))
    return {
        "no roles": at_rest(bare),
        "no names": at_rest(nameless),
        "one joint": at_rest(one),
        "one joint, one frame": at_rest(one, 1),
        "one frame": make_walk(1),
        "two frames": make_walk(2),
    }


@pytest.fixture(scope="session")
def long_walk() -> Motion:
    """Ten thousand frames, five and a half minutes."""
    return make_walk(10_000, turn=20 * math.pi)
