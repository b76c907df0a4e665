"""Stages: one motion coarse to fine, placed as its end is, drawn as a slider's tracks or as rows of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from render_cases import coarse_to_fine, make_walk

from kinescale.core.errors import InputError
from kinescale.motion import Motion
from kinescale.render import Stages, render
from kinescale.render.base.scene import scene
from kinescale.render.png import ROW


def test_the_last_stage_is_the_motion_and_places_the_others() -> None:
    stages = coarse_to_fine(20)
    drawn = scene(stages)
    assert [label for label, _ in drawn.stages] == ["scale 1 of 3", "scale 2 of 3", "scale 3 of 3"]
    assert np.array_equal(drawn.stages[-1][1].points, drawn.points)
    assert np.array_equal(drawn.points, scene(stages.motion).points)
    # a stage that starts elsewhere is seen elsewhere
    aside = stages.motions[0].replace(root=stages.motions[0].root + stages.motion.root.new_tensor([0.0, 0.0, 1.0]))
    moved = scene(Stages([aside, stages.motion], ["coarse", "fine"]))
    apart = moved.stages[0][1].points - drawn.stages[0][1].points
    assert np.allclose(np.linalg.norm(apart, axis=-1), 1.0, atol=1e-9)


def test_stages_must_fit_one_another(walk: Motion) -> None:
    with pytest.raises(InputError, match="2 stages with 1 labels"):
        Stages([walk, walk], ["one"])
    with pytest.raises(InputError, match="0 stages"):
        Stages([], [])
    for other in (walk.slice(0, 9), walk.replace(fps=15.0)):
        with pytest.raises(InputError, match="differ"):
            Stages([other, walk], ["coarse", "fine"])


def test_without_a_slider_every_stage_is_a_row(tmp_path: Path) -> None:
    out = render(coarse_to_fine(9), tmp_path / "x.png")
    assert Image.open(out).height == 3 * ROW
    with pytest.raises(InputError, match="18 motions"):
        render([coarse_to_fine(9)] * 6, tmp_path / "y.png")
    assert render([coarse_to_fine(9)] * 6, tmp_path / "y.html").stat().st_size > 1000


def test_footprints_are_where_feet_stood(walk: Motion) -> None:
    still = make_walk(30, turn=0.0)
    still = still.replace(root=still.root[:1].expand(30, -1), rotations=still.rotations[:1].expand(30, -1, -1))
    marks = scene(still).footprints()
    assert [(m.side, m.first, m.last) for m in marks] == [("left", 0, 29), ("right", 0, 29)]
    left, right = marks
    assert left.x > 0.03 and right.x < -0.03, "left is +X when facing +Z"
    assert abs(left.yaw) < 0.5
    assert scene(make_walk(1)).footprints() == []


def test_the_look_goes_with_the_head() -> None:
    drawn = scene(make_walk(30))
    assert drawn.face is not None and drawn.facing is not None
    assert np.allclose(np.linalg.norm(drawn.face, axis=1), 1.0)
    assert np.allclose(np.arctan2(drawn.face[:, 0], drawn.face[:, 2]), drawn.facing, atol=1e-6)
