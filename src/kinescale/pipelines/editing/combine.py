"""Two clips in one body: some parts from the one, the rest from the other, rotation by rotation."""

from __future__ import annotations

from collections.abc import Sequence

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.pipelines.editing.gap import check_alike
from kinescale.rigging.body_parts import ROOT_ROLE, part_joints, part_names, part_roles


def combined(first: Motion, second: Motion, parts: Sequence[str]) -> Motion:
    """``parts`` of the first clip, all else of the second, as long as the shorter of them.

    Local rotations are taken over to the bit; the path over the ground comes from the clip that the root is taken
    from. Raises ``InputError`` for parts that are none or the whole body, and for clips on different skeletons or at
    different frame rates.
    """
    names = part_names(parts)
    roles = part_roles(names)
    if not names or roles == part_roles(()):
        raise InputError("the parts to take from the first clip are none or all; name some, such as upper_body.")
    check_alike(first, second)
    frames = min(len(first), len(second))
    one, other = first.slice(0, frames), second.slice(0, frames)
    joints = list(part_joints(first.skeleton, roles, names))
    rotations = other.rotations.to(one.rotations.dtype).clone()
    rotations[:, joints] = one.rotations[:, joints]
    root = one.root if ROOT_ROLE in roles else other.root.to(one.root.dtype)
    return one.replace(root=root.clone(), rotations=rotations)
