"""Candidates: claims of a prompt are measured on every draw, and the best draw is given out."""

from __future__ import annotations

import pytest
import torch

from kinescale import TextToMotion
from kinescale.core.errors import InputError
from kinescale.description.prompts import Request, parse_prompt
from kinescale.pipelines.candidates import judge
from made_bodies import made, walking

HARD = "a person turns to the right, then waves with the left hand"


@pytest.fixture(scope="module")
def pipe():
    return TextToMotion.from_pretrained("default")


def same(one, two):
    return torch.equal(one.root, two.root) and torch.equal(one.rotations, two.rotations)


def test_claims_that_hold_are_kept_and_others_missed():
    verdict = judge(made(walking(1.2)), parse_prompt("walks forward"))
    assert verdict is not None and verdict.complete and verdict.kept == ("goes forward", "gait walk")
    verdict = judge(made(walking(1.2)), parse_prompt("walks backwards, then kicks with the left leg"))
    assert verdict is not None and "goes backward" in verdict.missed and "does kick:left" in verdict.missed


def test_a_number_that_is_nearer_scores_higher():
    motion = made(walking(1.2))
    scores = [judge(motion, Request(main=(f"way {low} {low + 0.1}",))).score for low in (100, 20, 9)]
    assert scores == sorted(scores) and scores[0] < scores[2] < 1


def test_a_turn_without_bounds_is_missed_by_how_far_it_is():
    verdict = judge(made(walking(1.2)), Request(main=("turns left", "turns right")))
    assert verdict is not None and not verdict.kept and 0 <= verdict.score < 1


def test_more_candidates_never_keep_fewer_claims(pipe):
    request = parse_prompt(HARD)
    drawn = [pipe(HARD, 2.0, seed=3, candidates=n).motions[0] for n in (1, 3)]
    scores = [judge(motion, request).score for motion in drawn]
    assert scores == sorted(scores)
    assert "claims_kept" not in drawn[0].meta
    last = drawn[-1].meta
    assert set(last["claims_kept"]) | set(last["claims_missed"]) == set(request.main)


def test_a_draw_that_keeps_its_claims_is_kept_and_alone_or_among_others_the_same(pipe):
    prompts = ["a person walks forward", HARD]
    together = pipe(prompts, 2.0, [0, 2], seed=1, candidates=3)
    assert same(pipe(prompts[0], 2.0, seed=1).motions[0], together.motions[0])
    assert same(pipe(HARD, 2.0, [2], seed=1, candidates=3).motions[0], together.motions[3])


@pytest.mark.parametrize("count", [0, 65])
def test_how_many_is_bounded(pipe, count):
    with pytest.raises(InputError, match="candidates"):
        pipe("a person walks", 2.0, candidates=count)
