"""snapmogen24: parents are those of the kinematic chains, sides mirror, and an adult stands on it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from kinescale import skeletons
from kinescale.skeletons.base import ROLES

CHAINS = ((0, 1, 2, 3, 4, 5, 6), (3, 7, 8, 9, 10), (3, 11, 12, 13, 14), (0, 15, 16, 17, 18, 19), (15, 20, 21, 22, 23))


def test_parents_follow_the_chains():
    body = skeletons.get("snapmogen24")
    up = {child: parent for chain in CHAINS for parent, child in pairwise(chain)}
    assert len(body) == 24
    assert body.parents == tuple(up.get(joint, -1) for joint in range(24))
    assert set(body.roles) == set(ROLES)
    assert {end.joint for end in body.ends} == {joint for joint in range(24) if not body.children[joint]}


def test_it_is_its_own_mirror_image_and_of_adult_height():
    body = skeletons.get("snapmogen24")
    places = np.zeros((24, 3))
    for joint, parent in enumerate(body.parents[1:], start=1):
        places[joint] = places[parent] + body.offsets[joint]
    for joint, name in enumerate(body.joints):
        swapped = name.replace("left", "*").replace("right", "left").replace("*", "right")
        np.testing.assert_allclose(places[body.index(swapped)], places[joint] * [-1, 1, 1], atol=1e-12)
    top = max(places[end.joint][1] + end.offset[1] for end in body.ends)
    assert 1.55 < top - places[:, 1].min() < 1.85
