"""The partition covers every column once for every feature; the presets have the published-like token counts."""

from __future__ import annotations

import pytest

from kinescale.core.errors import ConfigError
from kinescale.features.base import Feature
from kinescale.tokenizers.msq.parts import (
    GRANULARITIES,
    PARTS,
    PRESETS,
    build_feature,
    joint_parts,
    part_columns,
    stages_of,
    stream_columns,
)

FEATURES = [
    ("humanml3d", {}, (7, 50, 50, 60, 48, 48)),
    ("humanml3d", {"variant": "kit"}, (7, 62, 62, 48, 36, 36)),
    ("rotations", {}, (16, 50, 50, 60, 48, 48)),
    ("rotations", {"skeleton": "kit21"}, (16, 62, 62, 48, 36, 36)),
]


@pytest.mark.parametrize(("name", "settings", "widths"), FEATURES)
def test_every_column_belongs_to_one_part(name: str, settings: dict, widths: tuple[int, ...]) -> None:
    feature = build_feature(name, settings)
    columns = part_columns(feature)
    assert tuple(len(part) for part in columns) == widths
    assert sorted(column for part in columns for column in part) == list(range(feature.width))
    for granularity in range(3):
        streams = stream_columns(columns, granularity)
        assert sorted(column for stream in streams for column in stream) == list(range(feature.width))
    assert [len(s) for s in stream_columns(columns, 1)] == [sum(widths[:3]), sum(widths[3:])]


def test_joints_follow_the_published_table() -> None:
    parts = joint_parts(build_feature("humanml3d", {}).skeleton)
    table = [(0,), (2, 5, 8, 11), (1, 4, 7, 10), (3, 6, 9, 12, 15), (14, 17, 19, 21), (13, 16, 18, 20)]
    for part, joints in enumerate(table):
        assert tuple(j for j, p in enumerate(parts) if p == part) == joints, PARTS[part]
    kit = joint_parts(build_feature("humanml3d", {"variant": "kit"}).skeleton)
    wanted = [0, *[3] * 4, *[4] * 3, *[5] * 3, *[1] * 5, *[2] * 5]
    assert list(kit) == wanted


def test_humanml3d_columns_are_the_notes_formulas() -> None:
    columns = part_columns(build_feature("humanml3d", {}))
    knee = 4
    owned = [*range(4 + 3 * 3, 7 + 3 * 3), *range(67 + 6 * 3, 73 + 6 * 3), *range(193 + 3 * knee, 196 + 3 * knee)]
    assert set(owned) < set(columns[2])
    assert set(columns[0]) == {0, 1, 2, 3, 193, 194, 195}
    assert columns[2][-2:] == (259, 260) and columns[1][-2:] == (261, 262)


def test_streams_hold_whole_parts() -> None:
    for streams in GRANULARITIES:
        assert sorted(part for stream in streams for part in stream) == list(range(6))
    assert set(PRESETS) == {"pyramid", "grid", "limbs"}


@pytest.mark.parametrize(("preset", "shared", "apart"), [("pyramid", 9, 18), ("grid", 9, 36), ("limbs", 6, 24)])
def test_latent_parts_are_streams_or_streams_and_scales(preset: str, shared: int, apart: int) -> None:
    for residual, count in ((True, shared), (False, apart)):
        stages = stages_of(preset, residual)
        members = [member for stage in stages for member in stage.members]
        assert sorted(set(members)) == list(range(count))
        assert residual or len(members) == count


def test_a_block_that_is_no_joints_is_refused() -> None:
    class Odd(type(build_feature("rotations", {}))):  # type: ignore[misc]
        pass

    feature: Feature = Odd(build_feature("rotations", {}).config)
    feature.blocks = {"root_height": slice(0, 1), "wings": slice(1, 32)}
    with pytest.raises(ConfigError, match="wings"):
        part_columns(feature)
