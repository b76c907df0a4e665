"""The tree that a skeleton is: children are told from parents."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.skeletons import Skeleton


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=40))
def test_children_are_those_that_name_a_joint_their_parent(draws: list[float]) -> None:
    parents = (-1, *(int(draw * joint) for joint, draw in enumerate(draws, start=1)))
    names = tuple(f"joint {index}" for index in range(len(parents)))
    skeleton = Skeleton("drawn", names, parents, np.zeros((len(parents), 3)))
    naive = tuple(tuple(c for c, p in enumerate(parents) if p == joint) for joint in range(len(parents)))
    assert skeleton.children == naive
