"""Sentences with amounts: they say what was measured, in many ways, and the mirror image in mirrored words."""

from __future__ import annotations

import re
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale import description as measured
from kinescale.data.captions.measured_captions import with_measured_captions
from kinescale.data.datasets import ClipCaptions
from kinescale.description.amounts import Manner
from kinescale.description.clauses import clause
from kinescale.description.detailed import generator, varied_captions
from kinescale.description.grammar import mirror_sentence
from kinescale.description.records import Description, Event, Kind, Path
from made_bodies import made, ramp, walking

PATH = Path(
    distance_m=0, displacement_m=0, direction=None, angle_deg=None, turn_deg=0, turned_left_deg=0, turned_right_deg=0,
    circle=False, speed_m_s=0, gait="stand",
)  # fmt: skip
SIDES = st.sampled_from(["left", "right"])


def description(*events: Event) -> Description:
    return Description(seconds=9, leg_m=0.9, path=PATH, steps=0, jumps=0, hops=0, events=events)


def one_after_the_other(kinds: list[tuple[str, str]]) -> Description:
    events = []
    for number, (kind, side) in enumerate(kinds):
        fields = {"kind": kind, "start_s": 2.0 * number, "end_s": 2.0 * number + 1.5, "side": side}
        more = {"turn": {"angle_deg": 90.0}, "raise_hand": {"level": "head"}, "kick": {"level": "chest"}}
        events.append(Event(**fields, **more.get(kind, {})))
    return description(*events)


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("seed", range(4))
def test_every_kind_of_event_has_a_clause(kind, seed):
    event = Event(kind=kind, start_s=0.0, end_s=2.0, side="left", steps=4, gait="walk", direction="forward", count=2)
    for manner in (None, Manner(figures=bool(seed % 2), meter="meter")):
        assert "*" in clause(event, generator(f"{kind} {seed}"), manner)


KINDS = st.lists(
    st.tuples(st.sampled_from(["turn", "raise_hand", "kick", "hop", "punch", "knee_lift"]), SIDES),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40)
@given(KINDS, st.text(max_size=8))
def test_the_mirror_image_is_told_in_mirrored_words(kinds, key):
    found = one_after_the_other(kinds)
    assert varied_captions(found.mirrored(), 8, key) == tuple(map(mirror_sentence, varied_captions(found, 8, key)))


@settings(max_examples=40)
@given(KINDS)
def test_only_sides_that_are_there_are_told(kinds):
    there = {side for _, side in kinds}
    main_events = {
        word
        for text in varied_captions(one_after_the_other(kinds), 12, "k")
        for word in re.findall(r"left|right", text)
    }
    assert main_events <= there


@pytest.mark.parametrize("metres", [2.0, 4.0, 7.0])
def test_distances_and_steps_are_those_of_the_motion(metres):
    seconds = metres + 1.0
    motion = made(walking(1.0, seconds=seconds))
    found = measured.describe(motion)
    texts = varied_captions(found, 40, "far")
    far = found.events[0].distance_m or 0.0
    lengths = [
        float(value) for text in texts for value in re.findall(r"(\d+(?:\.\d)?) met(?:er|re)s(?! (?:per|a))", text)
    ]
    steps = {int(value) for text in texts for value in re.findall(r"(\d+) steps", text)}
    assert lengths and all(abs(length - far) <= 0.5 for length in lengths)
    assert steps <= {found.events[0].steps}
    assert len(texts) > 20


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_angles_and_sides_are_those_of_the_motion(degrees):
    from math import radians

    motion = made(walking(1.0, seconds=5.0, yaw=ramp(radians(degrees), 1.5, 3.5)))
    words = with_measured_captions(ClipCaptions(captions=(), mirrored=(), steady=True), motion, 30, "k")
    side, other = ("left", "right") if degrees > 0 else ("right", "left")
    turned = [text for text in words.captions if "turn" in text]
    assert turned and not any(other in text for text in turned)
    assert not any(side in text for text in words.mirrored if "turn" in text)
    main_events = [int(value) for text in turned for value in re.findall(r"(\d+)[- ]degree", text)]
    assert all(abs(angle - abs(degrees)) <= 15 for angle in main_events)


def test_amounts_stand_at_the_end_and_are_as_many_for_both():
    motion = made(walking(1.2, seconds=4.0))
    labels = ("a person walks", "walks forward")
    words = with_measured_captions(ClipCaptions(captions=labels, mirrored=labels, steady=True), motion, 6, "take")
    assert words.captions[: len(labels)] == labels
    assert len(words.captions) == len(words.mirrored) == len(labels) + words.amounts
    assert len(set(words.captions)) == len(words.captions) and words.amounts >= 4
    assert words == with_measured_captions(
        ClipCaptions(captions=labels, mirrored=labels, steady=True), motion, 6, "take"
    )


def test_other_names_draw_other_words():
    found = measured.describe(made(walking(1.2, seconds=4.0)))
    assert varied_captions(found, 6, "one") != varied_captions(found, 6, "other")


@given(st.floats(0.2, 30), st.booleans(), st.integers(0, 99))
def test_lengths_are_rounded_by_half_a_metre_at_most(length, figures, seed):
    text = Manner(figures=True, meter="metre").length(length, generator(str(seed)))
    value = 0.5 if "half a" in text else float(re.findall(r"[\d.]+", text)[0])
    assert abs(value - length) <= 0.5


def test_a_motion_in_which_nothing_happens_is_told_once():
    still = made(walking(0.0, seconds=2.0)).slice(0, 2)
    longer = still.replace(root=still.root[:1].expand(40, -1), rotations=still.rotations[:1].expand(40, -1, -1))
    assert 1 <= len(varied_captions(measured.describe(longer.slice(0, 20)), 6, "k")) <= 6
    assert torch.equal(longer.root[0], longer.root[-1])
