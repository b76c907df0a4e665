"""The shipped bundle controlled: within a centimeter of a path and of a point, and facing along the path."""

from __future__ import annotations

import math

import pytest

from kinescale.metrics.ground import ground
from kinescale.pipelines import Controller, ControlOptions


@pytest.fixture(scope="module")
def default():
    return Controller.from_pretrained()


def wanted(*entries):
    return {"constraints": list(entries)}


def test_the_default_bundle_walks_along_a_path_facing_along_it(default):
    points = [[0.0, 0.0], [0.3, 1.0], [0.0, 2.0]]
    made = default.generate(
        "a person walks forward",
        wanted({"path": points, "frames": [0, 59], "facing": "along"}),
        2.0,
        options=ControlOptions(steps=50),
    )
    found = made.errors[0][0]
    assert found.mean_m is not None and found.mean_m <= 0.01 and found.mean_deg is not None and found.mean_deg < 6
    # the path is bent before anything is optimized, and the feet are planted on it
    assert made.clips[0].curve[0].mean_m <= 0.01 and found.mean_m < 1e-3
    skate = ground(made.motions[0]).skate
    assert skate is not None and skate < 0.3


def test_the_default_bundle_brings_a_wrist_where_it_should_be(default):
    asked = wanted({"joint": "right_wrist", "frame": 30, "position": [-0.35, 1.5, 0.4]})
    made = default.generate("a person raises the right hand", asked, 1.6, options=ControlOptions(seed=1, steps=25))
    assert made.errors[0][0].mean_m <= 0.01 and made.clips[0].steps > 0
    wrist = made.motions[0].positions()[30, made.motions[0].skeleton.role("right_wrist")]
    assert math.dist(wrist.tolist(), (-0.35, 1.5, 0.4)) == pytest.approx(made.errors[0][0].mean_m, abs=1e-5)
