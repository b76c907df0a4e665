"""Sentences of measured captions: clean English at each level, with left and right only where the data say so."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import InputError
from kinescale.data.captions.phrase_book import mirror_sentence
from kinescale.description import DETAILS, Description, Event, Path, caption, describe, sentence
from kinescale.description.words import by_degrees, meters, number, times
from made_bodies import Plan, arm, made, ramp, walking, waving

KINDS = Event.model_fields["kind"].annotation.__args__  # pyright: ignore[reportOptionalMemberAccess]
SIDED = ("kick", "knee_lift", "hop", "punch", "turn", "circle", "wave", "raise_hand")


@st.composite
def events(draw) -> Event:
    kind = draw(st.sampled_from(KINDS))
    start = draw(st.floats(0, 8))
    fields = {"count": draw(st.integers(1, 30)), "angle_deg": draw(st.floats(30, 800)), "height_m": 0.3}
    if kind in SIDED:
        fields["side"] = draw(st.sampled_from(("left", "right")))
    if kind in ("raise_hand", "wave"):
        fields["level"] = draw(st.sampled_from(("chest", "shoulder", "head", "overhead")))
    if kind == "travel":
        fields |= {"direction": draw(st.sampled_from(("forward", "backward left", "right"))), "gait": "jog"}
    fields |= {"distance_m": draw(st.floats(0, 20)), "speed_m_s": 1.0, "steps": draw(st.integers(0, 9))}
    return Event(kind=kind, start_s=start, end_s=start + draw(st.floats(0.1, 5)), **fields)


def description(found: list[Event]) -> Description:
    path = Path(
        distance_m=0, displacement_m=0, direction=None, angle_deg=None, turn_deg=0, turned_left_deg=0,
        turned_right_deg=0, circle=False, speed_m_s=0, gait="stand",
    )  # fmt: skip
    ordered = tuple(sorted(found, key=lambda e: e.start_s))
    return Description(seconds=12, leg_m=0.8, path=path, steps=0, jumps=0, hops=0, events=ordered)


@settings(max_examples=50, deadline=None)
@given(st.lists(events(), max_size=9), st.sampled_from(DETAILS))
def test_every_sentence_is_clean_and_says_no_side_of_its_own(found, detail):
    said = sentence(description(found), detail)
    assert re.fullmatch(r"A person [a-z].*[a-z)]\.", said), said
    assert not re.search(r"  | ,|,,|\*|~|None|\.\.", said), said
    for side in ("left", "right"):
        named = any(side in (e.side or "") or side in (e.direction or "") for e in found)
        assert named or side not in said, said


@settings(max_examples=50, deadline=None)
@given(st.lists(events(), max_size=6), st.sampled_from(DETAILS))
def test_the_sentence_of_the_mirror_image_is_the_mirrored_sentence(found, detail):
    here = description(found)
    there = here.model_copy(update={"events": tuple(event.mirrored() for event in here.events)})
    assert caption(there, detail) == mirror_sentence(caption(here, detail))


def test_a_walk_with_a_turn_and_a_wave_reads_well():
    plan = walking(1.2, seconds=3.0, yaw=ramp(math.pi / 2, 0.8, 2.2))
    said = caption(describe(made(plan)))
    assert said == "a person walks forward about three and a half meters and turns left by ninety degrees"
    assert caption(describe(made(plan)), "brief") == "a person walks forward and turns left"
    assert "in 6 steps at 1.2 meters a second (0.0 to" in caption(describe(made(plan)), "full")
    waved = describe(made(Plan(arms={"right": waving(1.3, 0.5, 3.5)})))
    assert sentence(waved) == "A person waves the right hand above the head."
    assert (
        sentence(describe(made(Plan(arms={"left": arm(0.0, 1, 3)}))))
        == "A person raises the left hand to shoulder height."
    )
    assert sentence(describe(made(Plan()))) == "A person stands still."
    assert sentence(description([]), subject="the man") == "The man stays in place."


def test_amounts_in_words():
    assert [number(n) for n in (0, 12, 13, 45, 100, 135, 1000)] == [
        "zero", "twelve", "thirteen", "forty-five", "a hundred", "a hundred and thirty-five", "1000",
    ]  # fmt: skip
    assert [times(n) for n in (1, 2, 3)] == ["once", "twice", "three times"]
    assert meters(0.3, "plain") == "about half a meter" and meters(1.1, "plain") == "about one meter"
    assert meters(2.6, "plain") == "about two and a half meters" and meters(2.6, "full") == "2.6 meters"
    assert by_degrees(93.0, "plain") == "by ninety degrees" and by_degrees(93.0, "full") == "by 93 degrees"


def test_an_unknown_level_is_refused():
    with pytest.raises(InputError, match="no level of detail"):
        sentence(description([]), "long")
