"""Frames of moving pictures: cells, the camera, colors, and that what is drawn stays in its cell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.motion import Motion
from kinescale.render import Options
from kinescale.render.base.camera import COLORS
from kinescale.render.base.film import Cell, cells, frames, smooth
from kinescale.render.base.scene import scene


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 16), width=st.integers(200, 4000), height=st.integers(200, 2200))
def test_cells_lie_inside_and_apart(count: int, width: int, height: int) -> None:
    found = cells(count, width, height)
    assert len(found) == count
    assert all(c.left >= 0 and c.bottom >= 0 and c.width > 0 and c.height > 0 for c in found)
    assert all(c.left + c.width <= width and c.bottom + c.height <= height for c in found)
    spots = {(c.left, c.bottom) for c in found}
    assert len(spots) == count and len({(c.width, c.height) for c in found}) == 1


def drawn(motions: list[Motion], camera: str = "follow", size: tuple[int, int] = (480, 270)) -> np.ndarray:
    scenes = [scene(motion, "title") for motion in motions]
    times = np.linspace(0, max(each.last_s for each in scenes), 5)
    pictures = frames(scenes, times, cells(len(scenes), *size), size, Options(camera=camera))
    return np.stack([picture[..., :3].copy() for picture in pictures]).astype(int)


@pytest.mark.parametrize("camera", ["follow", "still"])
def test_the_whole_body_is_in_every_frame(walk: Motion, camera: str) -> None:
    seen = drawn([walk], camera)
    assert seen.shape == (5, 270, 480, 3)
    for color in COLORS.values():
        wanted = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
        match = (seen == wanted).all(axis=-1)
        assert (match.sum(axis=(1, 2)) > 40).all()
        assert not match[:, :20].any() and not match[..., :5].any() and not match[..., -5:].any()


def test_nothing_leaves_its_cell(walk: Motion) -> None:
    alone = [scene(walk.replace(root=walk.root * 3))]
    picture = next(frames(alone, np.array([1.0]), [Cell(100, 50, 200, 150)], (400, 300), Options()))[..., :3]
    outside = np.ones((300, 400), dtype=bool)
    outside[300 - 50 - 150 : 300 - 50, 100:300] = False
    assert (picture[~outside] < 250).any()
    # the line between cells belongs to the cell's own edge
    outside[99:251, 99:302] = False
    assert (picture[outside] == 255).all()


def test_bodies_of_one_size_are_drawn_in_one_size(walk: Motion) -> None:
    far = walk.replace(root=walk.root * 4)
    blue = (drawn([walk, far], "still")[..., 2] - drawn([walk, far], "still")[..., 0]) > 80
    areas = blue[0, :, :240].sum(), blue[0, :, 240:].sum()
    assert areas[0] == pytest.approx(areas[1], rel=0.1)


def test_smoothing_keeps_a_still_track_and_calms_a_shaken_one() -> None:
    still = np.ones((20, 3)) * [1.0, 0.0, -2.0]
    assert np.allclose(smooth(still, 4.0), still)
    shaken = still + np.random.default_rng(0).normal(size=still.shape)
    assert np.diff(smooth(shaken, 4.0), axis=0).std() < 0.2 * np.diff(shaken, axis=0).std()
    assert smooth(still[:1], 12.0).shape == (1, 3)
