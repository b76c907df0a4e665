"""Outlines of bodies: capsules keep their distance, near shapes come last, thickness follows the body's size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale import skeletons
from kinescale.motion import Motion
from kinescale.render.base.body import body_scale, bones, head, thicknesses
from kinescale.render.base.scene import scene
from kinescale.render.base.shapes import HEAD, body_shapes, capsules
from kinescale.skeletons import Skeleton
from kinescale.skeletons.base import EndSite

lengths = st.floats(-5, 5, allow_nan=False)
radii = st.floats(0.01, 1.0)


@settings(max_examples=50, deadline=None)
@given(a=st.tuples(lengths, lengths), b=st.tuples(lengths, lengths), ra=radii, rb=radii)
def test_a_capsule_holds_both_circles_and_no_more(a: tuple, b: tuple, ra: float, rb: float) -> None:
    start, end = np.array([a]), np.array([b])
    outline = capsules(start, end, np.array([ra]), np.array([rb]))[0]
    to_start = np.linalg.norm(outline - start, axis=1)
    to_end = np.linalg.norm(outline - end, axis=1)
    # Every corner lies on one of the circles, and on the larger one where it holds the other.
    on_circle = np.minimum(np.abs(to_start - ra), np.abs(to_end - rb))
    assert on_circle.max() < 1e-6
    x, y = outline.T
    area = float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)
    assert area > 0, "all turn the same way"


@pytest.mark.parametrize("name", ["humanml22", "bandai_namco", "cmu", "iclone", "kit21", "cgspeed"])
def test_every_bone_of_every_skeleton_has_a_thickness_of_a_body(name: str) -> None:
    skeleton = skeletons.get(name)
    found = thicknesses(skeleton)
    assert len(found) == len(skeleton) + len(skeleton.ends)
    scale = body_scale(skeleton)
    assert 0.7 < scale < 1.3
    assert all(0.005 < t.end <= t.start * 1.3 < 0.16 for t in found)
    legs = [b for b in bones(skeleton) if b.end == skeleton.role("left_knee")]
    arms = [b for b in bones(skeleton) if b.end == skeleton.role("left_wrist")]
    assert legs[0].thickness.start > arms[0].thickness.start
    inside = {skeleton.role("head")}
    assert all(bone.start not in inside for bone in bones(skeleton)), "the head is drawn as one"


def test_a_body_of_twice_the_size_is_twice_as_thick() -> None:
    small = skeletons.get("humanml22")
    ends = tuple(EndSite(end.joint, tuple(2 * v for v in end.offset)) for end in small.ends)
    large = Skeleton("large", small.joints, small.parents, small.offsets * 2, small.roles, ends=ends)
    for one, two in zip(thicknesses(small), thicknesses(large), strict=True):
        assert np.allclose(np.array(one) * 2, two, atol=2e-5)


def test_the_tip_of_the_head_is_its_end_site_or_its_only_child() -> None:
    offsets = np.array([[0, 0, 0], [0, 0.5, 0], [0, 0.2, 0], [0, 0.2, 0.0]])
    joints, parents = ("hips", "neck", "head", "top"), (-1, 0, 1, 2)
    roles = {"hips": "hips", "head": "head"}
    assert head(Skeleton("a", joints, parents, offsets, roles)) == (2, 3)
    ended = Skeleton("b", joints[:3], parents[:3], offsets[:3], roles, ends=(EndSite(2, (0.0, 0.2, 0.0)),))
    assert head(ended) == (2, 3)
    assert head(Skeleton("c", joints[:3], parents[:3], offsets[:3], roles)) == (2, 2)
    assert head(Skeleton("d", joints, parents, offsets)) is None


def test_near_shapes_are_drawn_over_far_ones_and_the_neck_under_the_head(walk: Motion) -> None:
    drawn = scene(walk)
    page = drawn.points[0] @ np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    shapes = body_shapes(drawn, page, np.array([0.0, 0.0, 1.0]), 1.0)
    assert len(shapes) == len(drawn.bones) + 2
    order = [shape.fill for shape in shapes]
    assert order.index(HEAD) < len(order) - 1, "the nose looks at the viewer"
    behind = body_shapes(drawn, page, np.array([0.0, 0.0, -1.0]), 1.0)
    heads = [k for k, shape in enumerate(behind) if shape.fill == HEAD]
    noses = [k for k, shape in enumerate(behind) if len(shape.outline) == len(behind[heads[0]].outline)]
    assert min(noses) < heads[0]
