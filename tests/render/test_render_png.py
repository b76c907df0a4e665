"""The sheet: its size, its poses, and that it stays bounded."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from kinescale.motion import Motion
from kinescale.render.base import Options
from kinescale.render.base.camera import COLORS
from kinescale.render.base.scene import runs, scene
from kinescale.render.png import BLOCK, ROW, WIDTH, encode, pose_frames, spread


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("count", [1, 2])
def test_one_block_a_motion_and_no_metadata(walk: Motion, count: int) -> None:
    image = opened(encode([scene(walk)] * count, Options()))
    assert image.format == "PNG" and image.size == (WIDTH, BLOCK * count)
    assert set(image.info) <= {"dpi"}


def test_more_than_two_motions_become_rows(walk: Motion) -> None:
    image = opened(encode([scene(walk.slice(0, 9))] * 3, Options(poses=4)))
    assert image.size == (WIDTH, 3 * ROW) and 2 * ROW < BLOCK


@settings(max_examples=40, deadline=None)
@given(
    across=arrays(float, st.tuples(st.integers(1, 12), st.integers(2, 5)), elements=st.floats(-2, 2)),
    room=st.floats(1, 20),
)
def test_figures_stand_in_order_inside_the_strip(across: np.ndarray, room: float) -> None:
    places, span = spread(across, 0.3, 0.05, room)
    assert span >= room - 1e-9 and (np.diff(places) > 0).all()
    wide = across.max(axis=1).clip(0.3) - across.min(axis=1).clip(None, -0.3)
    if np.isclose(span, room) and wide.sum() < 0.7 * room:
        assert (places + across.min(axis=1) >= -1e-9).all() and (places + across.max(axis=1) <= span + 1e-9).all()


def test_both_sides_are_drawn_in_their_colors(walk: Motion) -> None:
    pixels = np.asarray(opened(encode([scene(walk)], Options())).convert("RGB")).reshape(-1, 3)
    for color in COLORS.values():
        wanted = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
        assert (pixels == wanted).all(axis=1).sum() > 500


@pytest.mark.parametrize(("frames", "poses"), [(1, 10), (2, 10), (7, 10), (120, 10), (120, 1), (10_000, 40)])
def test_poses_are_spread_from_first_to_last_without_repeats(frames: int, poses: int) -> None:
    chosen = pose_frames(frames, poses)
    assert len(chosen) == min(frames, poses) and chosen == sorted(set(chosen))
    assert chosen[0] == 0 and chosen[-1] == (frames - 1 if poses > 1 else 0)


def test_more_poses_more_ink(walk: Motion) -> None:
    few, many = (encode([scene(walk)], Options(poses=n)) for n in (2, 20))
    assert len(many) > len(few)


def test_runs_are_the_stretches_of_true() -> None:
    assert runs([True, False, True, True]) == [(0, 1), (2, 4)]
    assert runs([]) == [] and runs([False]) == [] and runs([True]) == [(0, 1)]
