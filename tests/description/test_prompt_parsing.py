"""Prompt parsing: claims of sentences in many wordings, and their mirror images."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.description.claim_language import parse_claim
from kinescale.description.grammar import mirror_sentence
from kinescale.description.prompts import Request, parse_prompt
from kinescale.evaluation.prompts import prompts

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
}


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
        ("raises the left hand, then the right one", "order raise_hand:left|wave:left raise_hand:right|wave:right"),
    ],
)
def test_order_is_the_order_in_time(prompt, order):
    request = parse_prompt(prompt)
    assert order in request.main
    assert len(request.parts) == 2 and all(not parse_prompt(part).parts for part in request.parts)


@pytest.mark.parametrize("prompt", ["walks on without waving", "walks and does not wave", "strolls, never waving"])
def test_what_is_negated_is_forbidden(prompt):
    request = parse_prompt(prompt)
    assert "never wave" in request.main and not any(claim.startswith("does") for claim in request.main)
    assert "wave" not in request.plain


def test_a_manner_is_a_pace_and_is_not_put_in_other_words():
    assert "speed 0.1 1.05" in parse_prompt("an old man walks to the bench").main
    assert "speed 1.1 -" in parse_prompt("walks along happily").main
    assert not parse_prompt("walks like a robot").plain


def test_walking_and_waving_are_together():
    assert not any(claim.startswith("order") for claim in parse_prompt("walks forward and waves").main)


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
    for prompt in CASES:
        request = parse_prompt(prompt)
        again = parse_prompt(request.plain)
        assert {c.split()[0] for c in again.main} == {c.split()[0] for c in request.main}, (prompt, request.plain)


def test_most_outside_sentences_are_understood_and_hardly_any_against_their_claims():
    """The sentences of the yardstick with hand-written claims: sides and directions are never read the wrong way."""
    asked = prompts()
    understood = [phrase for phrase in asked if parse_prompt(phrase.text).main]
    assert len(understood) >= 0.8 * len(asked)
    wrong = []
    for phrase in asked:
        for claim in parse_prompt(phrase.text).main:
            opposite = mirror_sentence(claim)
            if opposite != claim and opposite in phrase.claims and claim not in phrase.claims:
                wrong.append((phrase.text, claim))
    assert not wrong
