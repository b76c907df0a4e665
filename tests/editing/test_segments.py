"""Stories: both spellings say the same, who leads when, what is laid over it; every fault is one sentence."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import InputError
from kinescale.pipelines.segments import Segment, Timeline, parse_timeline, parse_timeline_lines, read_timeline

LINES = """
a person walks # 0 # 4
a person waves # 1 # 3 # right arm
a person turns # 4 # 6.5 # legs # spine
"""


def test_both_spellings_say_the_same(tmp_path):
    value = {
        "segments": [
            {"text": "a person walks", "seconds": 4},
            {"text": "a person waves", "start": 1, "end": 3, "parts": ["right_arm"]},
            {"text": "a person turns", "start": 4, "seconds": 2.5, "parts": "legs,torso"},
        ]
    }
    (tmp_path / "a.json").write_text(json.dumps(value))
    (tmp_path / "a.txt").write_text(LINES)
    one, other = read_timeline(tmp_path / "a.json"), read_timeline(tmp_path / "a.txt")
    assert one == other == parse_timeline(value["segments"])
    assert one.seconds == 6.5 and one.frames(30) == 195
    assert one.segments[2].parts == ("legs", "torso")


def test_a_segment_without_a_start_follows_the_one_before():
    story = parse_timeline_lines("a person walks # 2\na person runs # 3.5")
    assert [(s.start, s.end) for s in story.segments] == [(0, 2), (2, 5.5)]


def test_who_leads_and_what_is_laid_over():
    story = parse_timeline_lines(LINES)
    assert [(told.span, told.text) for told in story.base(10)] == [
        ((0, 40), "a person walks"),
        ((40, 65), "a person turns"),
    ]
    assert [(told.span, told.parts) for told in story.overlays(10)] == [((10, 30), ("right_arm",))]


def test_the_body_leads_before_the_legs_and_these_before_arms_and_the_last_of_equals():
    story = Timeline(
        (
            Segment("arms", 0, 10, ("arms",)),
            Segment("legs", 2, 10, ("legs",)),
            Segment("walk", 4, 8),
            Segment("run", 6, 7),
        )
    )
    base = [(told.span, told.text) for told in story.base(1)]
    assert base == [
        ((0, 2), "arms"),
        ((2, 4), "legs"),
        ((4, 6), "walk"),
        ((6, 7), "run"),
        ((7, 8), "walk"),
        ((8, 10), "legs"),
    ]
    over = {(told.span, told.text) for told in story.overlays(1)}
    assert over == {((2, 10), "arms"), ((4, 8), "legs")}


def test_a_pause_is_drawn_without_a_sentence():
    story = Timeline((Segment("walk", 1, 2), Segment("run", 3, 4)))
    assert [told.text for told in story.base(10)] == [None, "walk", None, "run"]


times = st.tuples(st.integers(0, 60), st.integers(1, 20))
parts = st.sampled_from([(), ("legs",), ("arms",), ("head", "left_arm"), ("root",), ("body",)])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(times, parts), min_size=1, max_size=8))
def test_every_frame_is_led_once_and_every_part_is_told_or_leads(entries):
    story = Timeline(tuple(Segment(f"number {i}", a, a + n, p) for i, ((a, n), p) in enumerate(entries)))
    base = story.base(2.0)
    assert base[0].span[0] == 0 and base[-1].span[1] == story.frames(2.0)
    assert all(one.span[1] == two.span[0] for one, two in itertools.pairwise(base))
    for segment in story.segments:
        if not segment.parts or segment.parts == ("body",):
            continue
        start, stop = segment.span(2.0)
        told = [0] * stop
        for one in (*base, *story.overlays(2.0)):
            if one.text == segment.text:
                for frame in range(max(start, one.span[0]), min(stop, one.span[1])):
                    told[frame] += 1
        assert told[start:stop] == [1] * (stop - start)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no segment"),
        ("a person walks", "expected: text # start # end # parts"),
        ("# 1 # 2", "expected: text # start # end # parts"),
        ("walks # a # 2", "'a' is no number of seconds"),
        ("walks # 3 # 2", "expected a beginning from 0 and a later end"),
        ("walks # -1 # 2", "expected a beginning from 0 and a later end"),
        ("walks # 0 # nan", "'end' must be a number"),
        ("walks # 0 # 1e400", "'end' must be a number"),
        ("walks # 0", "later end"),
        ("walks # 0 # 2 # third arm", "no part 'third_arm'"),
    ],
)
def test_bad_lines(text, told):
    with pytest.raises(InputError, match=told) as found:
        parse_timeline_lines(text)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, "expected a list"),
        ([], "expected a list of 1"),
        ({}, "'segments' alone"),
        ({"segments": [], "more": 1}, "'segments' alone"),
        ([3], "segment 1 is no object"),
        ([{"text": "walks"}], "either 'end' or 'seconds'"),
        ([{"text": "walks", "end": 2, "seconds": 2}], "either 'end' or 'seconds'"),
        ([{"text": 3, "seconds": 2}], "'text' must be a sentence"),
        ([{"text": "walks", "seconds": True}], "'seconds' must be a number"),
        ([{"text": "walks", "seconds": "2"}], "'seconds' must be a number"),
        ([{"text": "walks", "seconds": 2, "parts": 3}], "'parts' must be names"),
        ([{"text": "walks", "seconds": 2, "part": "head"}], "an entry 'part'"),
        ([{"text": "", "seconds": 2}], "segment 1"),
    ],
)
def test_bad_json(value, told):
    with pytest.raises(InputError, match=told):
        parse_timeline(value)


def test_bad_files(tmp_path):
    for name, raw, told in (
        ("a.yaml", b"", "no kind of timeline"),
        ("a.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("a.json", b"{", "a.json"),
        ("b.json", b'{"segments": [{"text": "walks", "seconds": NaN}]}', "b.json"),
        ("c.txt", b"#" * 5_000_000, "c.txt"),
    ):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(InputError, match=told):
            read_timeline(tmp_path / name)
    with pytest.raises(InputError, match=r"missing\.txt"):
        read_timeline(tmp_path / "missing.txt")


def test_too_long():
    with pytest.raises(InputError, match="expected at most"):
        Timeline((Segment("walks", 0, 1e7),)).frames(30)
