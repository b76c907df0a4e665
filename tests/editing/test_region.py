"""Wishes: what can be named, and how spans add up."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import InputError
from kinescale.pipelines.editing.region import EditRegion, merged, outside, parse_frames, parse_seconds

LENGTH = 50
SPANS = st.lists(
    st.tuples(st.integers(0, LENGTH - 1), st.integers(1, 12)).map(lambda p: (p[0], min(LENGTH, p[0] + p[1]))),
    max_size=6,
)


def frames(spans) -> set[int]:
    return {frame for start, stop in spans for frame in range(start, stop)}


@settings(max_examples=50)
@given(SPANS)
def test_spans_and_what_is_outside_them_share_out_the_clip(spans):
    inside, rest = merged(spans), outside(spans, LENGTH)
    assert frames(inside) == frames(spans)
    assert frames(rest) == set(range(LENGTH)) - frames(spans)
    assert all(a[1] < b[0] for a, b in pairwise(inside))
    assert merged(inside) == inside == merged(list(reversed(spans)))


@pytest.mark.parametrize(
    ("text", "span"), [("40:80", (40, 80)), (":8", (0, 8)), ("40:", (40, 90)), (" 4 : 5 ", (4, 5))]
)
def test_frames_are_read(text, span):
    assert parse_frames(text, 90) == span


@pytest.mark.parametrize(
    ("text", "span"), [("1:2", (30, 60)), ("1.3:2.7", (39, 81)), ("2:", (60, 90)), (":3.01", (0, 90))]
)
def test_seconds_are_read(text, span):
    assert parse_seconds(text, 30.0, 90) == span


@pytest.mark.parametrize("text", ["", ":", "40", "a:b", "1:2:3", "80:40", "5:5", "-3:5", "1.5:3", "1e3:4"])
def test_frames_that_are_none(text):
    with pytest.raises(InputError):
        parse_frames(text, 90)


@pytest.mark.parametrize("text", ["", "2", "x:1", "nan:2", "0:inf", "-1:2", "2:2", "0:0", "1.001:1.002"])
def test_seconds_that_are_none(text):
    with pytest.raises(InputError):
        parse_seconds(text, 30.0, 90)


def test_a_region_knows_what_it_is_about():
    region = EditRegion(90, ((50, 60), (10, 20), (20, 30)), ("Left-Arm", "head"))
    assert region.spans == ((10, 30), (50, 60)) and region.parts == ("left_arm", "head")
    assert not region.whole_body and not region.moves_root and not region.whole_clip
    assert (
        EditRegion(9, ((0, 9),)).whole_body
        and EditRegion(9, ((0, 9),)).moves_root
        and EditRegion(9, ((0, 9),)).whole_clip
    )
    assert EditRegion(9, ((0, 9),), ("lower_body",)).moves_root
    with pytest.raises(InputError, match="keeps all"):
        EditRegion(9, ((0, 9),), (), 4).check_keep_scales(4)
