"""Refinement of a clip: mirrored, put together from parts, adjusted; draws end as soon as every claim is kept."""

from __future__ import annotations

from kinescale.description.prompts import parse_prompt
from kinescale.pipelines.refinement import STANDING, Limits, Refiner, refine
from made_bodies import Plan, made, walking, waving

LIMITS = Limits(4, 256, 30.0)
WALK = made(walking(1.2, seconds=5.0))
WAVE = made(Plan(seconds=5.0, arms={"left": waving(0.8, 0.5, 4.5)}))
STILL = made(Plan(seconds=5.0))


def refiner(prompt, first):
    return Refiner(prompt, parse_prompt(prompt), first, 1, LIMITS)


def drawn(draw):
    """Stands for the network: a walk, a wave of the left hand, or standing."""
    motion = WAVE if "waves" in draw.text else STILL if draw.text == STANDING else WALK
    return motion.slice(0, min(draw.frames, len(motion)))


def test_the_right_act_on_the_wrong_side_is_mirrored_without_a_draw():
    one = refiner("waves with the right hand", WAVE)
    assert not one.wanting and one.result().meta["mirrored"] and one.result().meta["candidates_drawn"] == 1
    assert "mirrored" not in refiner("waves with the left hand", WAVE).result().meta


def test_parts_are_drawn_apart_and_only_those_that_lack_again():
    one = refiner("walks forward, then waves with the left hand", STILL.slice(0, 150))
    asked = one.draws(1)
    assert [draw.text for draw in asked] == ["a person walks forward", "a person waves with the left hand"]
    assert len({draw.seed for draw in asked}) == 2
    one.take(1, [drawn(asked[0]), STILL.slice(0, asked[1].frames)])
    assert one.wanting and [draw.text for draw in one.draws(3)] == ["a person waves with the left hand"]
    one.take(3, [drawn(asked[1])])
    done = one.result()
    assert not one.wanting and len(done) == 150 and len(done.meta["assembled_from"]) == 2
    assert done.meta["claims_missed"] == [] and done.meta["candidates_drawn"] == 4


def test_rounds_end_with_the_last_missing_claim_and_each_clip_gets_its_own_draws():
    clips = [refiner("walks forward", WALK), refiner("walks three steps", WALK.slice(0, 120)), refiner("hm", STILL)]
    rounds = []

    def make(asked):
        rounds.append([(i, draw.text) for i, draw in asked])
        return [drawn(draw) for _, draw in asked]

    refine(clips, 6, make)
    assert len(rounds) == 1 and {i for i, _ in rounds[0]} == {1}
    report = clips[1].result().meta["adjusted"]
    assert set(report) == {"stopped_s"} and clips[1].result().meta["claims_missed"] == []
    assert clips[2].result() is STILL
