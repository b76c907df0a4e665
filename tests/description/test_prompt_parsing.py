"""Prompt parsing: claims of sentences in many wordings, and their mirror images."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.description.claim_language import parse_claim
from kinescale.description.grammar import mirror_sentence
from kinescale.description.prompts import Request, parse_prompt
from kinescale.description.prompts.numbers import with_figures
from kinescale.evaluation.prompts import held_out_prompts, prompts

CASES = {
    "a person walks forward": ["goes forward", "gait walk"],
    "somebody sprints ahead very fast": ["goes forward", "gait jog|run", "speed 3.2 -"],
    "he waves with his left hand": ["does wave:left", "never wave:right|wave:both"],
    "raise both arms": ["does raise_hand:both|wave:both"],
    "walks three steps to the door": ["goes forward", "gait walk", "steps 3"],
    "she walks two meters": ["goes forward", "gait walk", "way 1.56 2.44"],
    "turn 90 degrees to the right": ["turns right 68 112"],
    "turns around": ["turns any 120 240"],
    "walks backwards": ["goes backward"],
    "side-steps to the left": ["goes left"],
    "kicks twice with the right foot": ["does kick:right", "never kick:left|kick:both", "times kick 2"],
    "stands still": ["gait stand", "way 0 0.5"],
    "a person walks ten feet": ["goes forward", "gait walk", "way 2.38 3.72"],
    "walks a meter and a half": ["goes forward", "gait walk", "way 1.17 1.83"],
    "takes a couple of steps": ["goes forward", "gait walk", "steps 2"],
    "walks at 1.5 m/s": ["goes forward", "gait walk", "speed 1.17 1.83"],
    "rotates ninety degrees counter-clockwise": ["turns left 68 112"],
    "makes a quarter turn to the right": ["turns right 68 112"],
    "turns one hundred and thirty five degrees left": ["turns left 113 157"],
    "turns around to the right": ["turns right 120 240"],
    "turns left, then right": ["does turn:left", "does turn:right", "order turn:left turn:right"],
    "walks in a circle counterclockwise": ["goes forward", "gait walk", "turns left 200 -"],
    "hops on the left leg": ["does hop:left", "never hop:right|hop:both"],
    "keeps the left arm down and waves with the other": ["does wave:right", "never wave:left|wave:both"],
    "lifts a hand, but not the right one": [
        "does raise_hand:left|wave:left", "never raise_hand:right|raise_hand:both|wave:right|wave:both",
    ],
    "raises his left hand to shoulder height": [
        "does raise_hand:left|wave:left", "never raise_hand:right|raise_hand:both|wave:right|wave:both",
        "reach shoulder|chest",
    ],
    "jogs in place": ["does in_place"],
    "don't run, just stroll ahead": ["goes forward", "gait walk"],
    "walks, in no hurry": ["goes forward", "gait walk"],
    "walks forward, turns around and walks back": [
        "goes forward", "gait walk", "turns any 120 240", "order travel turn",
    ],
    "takes a big step forward with the right foot": ["goes forward", "gait walk"],
    "a person walks, then runs": ["goes forward", "gait walk|jog|run"],
}  # fmt: skip


@pytest.mark.parametrize("prompt", CASES)
def test_claims_of_plain_prompts(prompt):
    assert list(parse_prompt(prompt).main) == CASES[prompt]


@pytest.mark.parametrize(
    ("prompt", "order"),
    [
        ("walks forward, then bows", "order travel bend"),
        ("bows before walking off", "order bend travel"),
        ("after a jump he kicks with the left leg", "order jump|hop kick:left"),
        ("kicks with the left leg after a jump", "order jump|hop kick:left"),
        ("waves once he has stopped walking", "order travel wave"),
        ("having bowed, the man walks off", "order bend travel"),
        ("a wave, preceded by a bow", "order bend wave"),
        ("raises the left hand, then the right one", "order raise_hand:left|wave:left raise_hand:right|wave:right"),
    ],
)
def test_order_is_the_order_in_time(prompt, order):
    request = parse_prompt(prompt)
    assert order in request.main
    assert len(request.parts) == 2 and all(not parse_prompt(part.text).parts for part in request.parts)


@pytest.mark.parametrize("prompt", ["walks on without waving", "walks and does not wave", "strolls, never waving"])
def test_what_is_negated_is_forbidden(prompt):
    request = parse_prompt(prompt)
    assert "never wave" in request.main and not any(claim.startswith("does") for claim in request.main)
    assert "wave" not in request.plain


def test_a_manner_is_put_in_the_words_of_captions_or_not_in_other_words():
    assert parse_prompt("an old man walks to the bench").plain == "a person walks forward like an old person"
    assert not parse_prompt("walks like a robot").plain


def test_walking_and_waving_are_together():
    request = parse_prompt("walks forward while waving the left hand")
    assert not any(claim.startswith("order") for claim in request.main) and not request.parts
    body, arms = request.layers
    assert (body.text, arms.text, arms.side) == ("a person walks forward", "a person waves with the left hand", "left")


def test_an_action_that_is_repeated_is_a_part_to_be_drawn_once():
    (part,) = parse_prompt("kicks three times with the left leg").parts
    assert (part.text, part.count, part.kinds) == ("a person kicks with the left leg", 3, ("kick",))


def test_a_halt_on_the_way_to_another_action_asks_for_no_standing():
    assert "stand_still" not in " ".join(parse_prompt("walks up, stops and waves").main)
    assert "order travel stand_still" in parse_prompt("walks up and stops").main


@pytest.mark.parametrize(
    ("prompt", "claims"),
    [
        ("an elderly man walks", {"speed 0.1 0.95", "lean 3 -"}),
        ("she marches along angrily", {"speed 1.1 -"}),
        ("happily walks very slowly", {"speed 0.1 0.75", "peak wrist_speed 2.4 -"}),
        ("waves wildly", {"peak wrist_speed 3 -"}),
    ],
)
def test_a_style_claims_what_its_recordings_show(prompt, claims):
    assert claims <= set(parse_prompt(prompt).main)


@pytest.mark.parametrize(
    ("words", "figures"),
    [
        ("a hundred and eighty degrees", "180 degrees"),
        ("two and a half meters", "2.5 meters"),
        ("half a meter", "0.5 meter"),
        ("three meters and a half", "3.5 meters"),
        ("forty five", "45"),
        ("a dozen jumps", "12 jumps"),
        ("with one hand, one step", "with one hand, 1 step"),
    ],
)
def test_number_words_become_figures(words, figures):
    assert with_figures(words) == figures


@pytest.mark.parametrize("prompt", ["", "   ", "eine Person geht", "1234 ?!", "purple elephants philosophize"])
def test_what_is_not_understood_makes_no_claim(prompt):
    assert parse_prompt(prompt) == Request()


@settings(max_examples=100)
@given(st.text(max_size=300))
def test_any_text_is_read_and_every_claim_can_be_measured(text):
    request = parse_prompt(text)
    for claim in (*request.main, *request.minor):
        parse_claim(claim)


SIDED = [prompt for prompt in CASES if "left" in prompt or "right" in prompt]


@pytest.mark.parametrize("prompt", SIDED)
def test_the_mirrored_prompt_makes_mirrored_claims(prompt):
    mirrored = [mirror_sentence(claim) for claim in parse_prompt(prompt).main]
    assert list(parse_prompt(mirror_sentence(prompt)).main) == mirrored


def test_the_plain_sentence_makes_the_same_claims():
    # walking comes before what the words of captions leave out: speeds in numbers, heights, standing places
    left_out = ("m/s", "shoulder height")
    for prompt in (one for one in CASES if not any(words in one for words in left_out)):
        request = parse_prompt(prompt)
        again = parse_prompt(request.plain)
        assert {c.split()[0] for c in again.main} == {c.split()[0] for c in request.main}, (prompt, request.plain)


def test_most_outside_sentences_are_understood_and_hardly_any_against_their_claims():
    """The sentences of the yardstick with hand-written claims: sides and directions are never read the wrong way."""
    asked = (*prompts(), *held_out_prompts())
    understood = [phrase for phrase in asked if parse_prompt(phrase.text).main]
    assert len(understood) >= 0.95 * len(asked)
    wrong = []
    for phrase in asked:
        for claim in parse_prompt(phrase.text).main:
            opposite = mirror_sentence(claim)
            if opposite != claim and opposite in phrase.claims and claim not in phrase.claims:
                wrong.append((phrase.text, claim))
    assert not wrong
