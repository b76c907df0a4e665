"""Parts: sets of roles, so that one name means the same on every skeleton and in every pyramid."""

from __future__ import annotations

import numpy as np
import pytest

from edit_bundles import PART_WISE, SYSTEMS, debug_bundle
from kinescale import skeletons
from kinescale.core.errors import InputError, SkeletonError
from kinescale.pipelines.editing.masks import address, group_roles
from kinescale.rigging.body_parts import PARTS, part_joints, part_names, part_roles
from kinescale.skeletons import Skeleton
from kinescale.skeletons.base import ROLES, role_mirror

WHOLE = ("root", "torso", "head", "left_arm", "right_arm", "left_leg", "right_leg")


def test_the_small_parts_share_out_the_body():
    roles = [role for name in WHOLE for role in PARTS[name]]
    assert sorted(roles) == sorted(ROLES) and len(PARTS) == 12
    assert part_roles(("upper_body", "lower_body")) == set(ROLES) == part_roles(()) == part_roles(("body",))
    assert {role_mirror(role) for role in PARTS["left_arm"]} == set(PARTS["right_arm"])


@pytest.mark.parametrize("name", skeletons.FAMILY.names())
def test_on_every_skeleton_the_parts_share_out_the_joints(name):
    body = skeletons.get(name)
    found = []
    for part in WHOLE:
        try:
            found += part_joints(body, PARTS[part])
        except SkeletonError:
            continue
    assert sorted(found) == list(range(len(body)))


def test_fingers_belong_to_their_arm():
    body = skeletons.get("smplx")
    names = {body.joints[joint] for joint in part_joints(body, PARTS["left_arm"])}
    assert any("index" in name for name in names) and not any(name.startswith("right") for name in names)


@pytest.mark.parametrize("bad", ["tail", "", "left arm,,head", ["left_arm", "leftarm2"]])
def test_unknown_parts(bad):
    with pytest.raises(InputError, match="no part"):
        part_names(bad)


def test_a_skeleton_without_the_roles():
    bare = Skeleton("bare", ("a", "b"), (-1, 0), np.array([[0, 0, 0], [0, 1, 0]]), {"hips": "a"})
    assert part_joints(bare, PARTS["root"]) == (0, 1)
    with pytest.raises(SkeletonError, match="head"):
        part_joints(bare, PARTS["head"], ("head",))


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_role_is_held_at_some_scale_and_parts_alone_only_where_tokens_are_part_wise(system):
    tokenizer = debug_bundle(system).tokenizer
    layout, roles = tokenizer.layout(), tokenizer.latent_roles
    assert len(roles) == tokenizer.codec.latent_parts
    held = [group_roles(layout, scale, roles) for scale in range(len(layout.scales))]
    assert [len(groups) for groups in held] == [scale.groups for scale in layout.scales]
    # no scale says nothing of a role
    assert all(frozenset().union(*groups) == frozenset(ROLES) for groups in held)
    for name in WHOLE:
        found = address(layout, roles, frozenset(PARTS[name]))
        # MSQ has one stream for torso and head
        together = system == "msq" and name in ("torso", "head")
        assert found.alone == (system in PART_WISE and not together)
        assert all(set(inside) <= set(touching) for inside, touching in zip(found.inside, found.touching, strict=True))
        assert all(found.touching)
