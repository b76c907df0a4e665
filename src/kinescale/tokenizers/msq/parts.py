"""Which feature columns belong to which part of the body, and the streams and scales that MSQ's presets make of them.

Sections 2.1 to 2.4 of the method notes, all of it a reconstruction: six parts that share no column (ParCo's split
without its overlap), three granularities over them, three ways of giving each granularity its lengths in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from kinescale import features
from kinescale.core.errors import ConfigError
from kinescale.features.base import Feature
from kinescale.skeletons.base import Skeleton

PARTS = ("root", "right leg", "left leg", "torso", "right arm", "left arm")
"""The finest parts, in the order of the limb streams."""

ROOT, RIGHT_LEG, LEFT_LEG, TORSO, RIGHT_ARM, LEFT_ARM = range(6)

GRANULARITIES: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((ROOT, RIGHT_LEG, LEFT_LEG, TORSO, RIGHT_ARM, LEFT_ARM),),
    ((ROOT, RIGHT_LEG, LEFT_LEG), (TORSO, RIGHT_ARM, LEFT_ARM)),
    ((ROOT,), (RIGHT_LEG,), (LEFT_LEG,), (TORSO,), (RIGHT_ARM,), (LEFT_ARM,)),
)
"""Body, halves (lower, upper), limbs: the parts of each stream."""

BODY, HALVES, LIMBS = range(3)

Preset = Literal["pyramid", "grid", "limbs"]

PRESETS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "pyramid": ((BODY, 8), (BODY, 4), (HALVES, 4), (HALVES, 2), (LIMBS, 2), (LIMBS, 1)),
    "grid": tuple((granularity, factor) for factor in (8, 4, 2, 1) for granularity in (BODY, HALVES, LIMBS)),
    "limbs": tuple((LIMBS, factor) for factor in (8, 4, 2, 1)),
}
"""Each scale's granularity and latents per bin, coarse to fine."""

LEG_ROLES = ("hip", "knee", "ankle", "toes")
ARM_ROLES = ("collar", "shoulder", "elbow", "wrist")
TORSO_ROLES = ("spine1", "spine2", "spine3", "neck", "head")
ROLE_PARTS = (
    {"hips": ROOT}
    | {f"right_{role}": RIGHT_LEG for role in LEG_ROLES}
    | {f"left_{role}": LEFT_LEG for role in LEG_ROLES}
    | dict.fromkeys(TORSO_ROLES, TORSO)
    | {f"right_{role}": RIGHT_ARM for role in ARM_ROLES}
    | {f"left_{role}": LEFT_ARM for role in ARM_ROLES}
)


@dataclass(frozen=True)
class Stage:
    """One scale: its granularity, latents per bin, and the latent parts of its streams."""

    granularity: int
    factor: int
    members: tuple[int, ...]

    @property
    def groups(self) -> int:
        """Streams of its granularity."""
        return len(self.members)

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """The latent part of each stream."""
        return tuple((member,) for member in self.members)


def stages_of(preset: str, residual: bool) -> tuple[Stage, ...]:
    """The scales of a preset, coarse to fine.

    A stream's scales share one latent part when each codes what the coarser left; otherwise every scale codes the
    whole latent and has parts of its own, whose mean is decoded.
    """
    places: dict[object, int] = {}
    stages, taken = [], 0
    for scale, (granularity, factor) in enumerate(PRESETS[preset]):
        owner = granularity if residual else scale
        count = len(GRANULARITIES[granularity])
        if owner not in places:
            places[owner], taken = taken, taken + count
        first = places[owner]
        stages.append(Stage(granularity, factor, tuple(range(first, first + count))))
    return tuple(stages)


def stream_roles(stages: tuple[Stage, ...]) -> tuple[frozenset[str], ...]:
    """The roles whose columns each latent part codes."""
    found: dict[int, frozenset[str]] = {}
    for stage in stages:
        for member, parts in zip(stage.members, GRANULARITIES[stage.granularity], strict=True):
            found[member] = frozenset(role for role, part in ROLE_PARTS.items() if part in parts)
    return tuple(found[member] for member in sorted(found))


def build_feature(name: str, settings: Mapping[str, Any]) -> Feature:
    """The feature of that name, for its blocks and skeleton."""
    config = features.FAMILY.get(name, "Config").parse(dict(settings), where=f"feature '{name}'")
    # On the CPU even where networks are being built without memory (torch's "meta" device).
    with torch.device("cpu"):
        return features.FAMILY.get(name, "build")(config)


def joint_parts(skeleton: Skeleton) -> tuple[int, ...]:
    """The part of every joint: by its role, else that of its parent."""
    played = {joint: role for role, joint in skeleton.role_indices().items()}
    parts: list[int] = []
    for joint, parent in enumerate(skeleton.parents):
        inherited = ROOT if parent < 0 else parts[parent]
        parts.append(ROLE_PARTS.get(played.get(joint, ""), inherited))
    return tuple(parts)


def part_columns(feature: Feature) -> tuple[tuple[int, ...], ...]:
    """The columns of each of ``PARTS``, ascending; every column belongs to exactly one.

    A block holds the same number of columns for every joint (or every joint but the root); contacts are two left,
    then two right; blocks that begin with "root" are the root's. Raises ``ConfigError`` for a block that is none of
    these.
    """
    joints = joint_parts(feature.skeleton)
    columns: list[list[int]] = [[] for _ in PARTS]
    for name, block in feature.blocks.items():
        width = block.stop - block.start
        if name.startswith("root"):
            owners = (ROOT,)
        elif name.startswith("contacts"):
            owners = (LEFT_LEG, RIGHT_LEG)
        else:
            owners = joints if width % len(joints) == 0 else joints[1:]
        if not owners or width % len(owners):
            raise ConfigError(
                f"the feature block '{name}' of {width} columns does not divide among {len(joints)} joints; "
                "part-wise tokens need the same number for each."
            )
        each = width // len(owners)
        for place, part in enumerate(owners):
            columns[part] += range(block.start + place * each, block.start + (place + 1) * each)
    return tuple(tuple(sorted(found)) for found in columns)


def stream_columns(parts: tuple[tuple[int, ...], ...], granularity: int) -> tuple[tuple[int, ...], ...]:
    """The columns of each stream of a granularity."""
    return tuple(
        tuple(sorted(column for part in members for column in parts[part])) for members in GRANULARITIES[granularity]
    )
