"""Measurable prompts: the grammar is seeded and true to its claims; the scorer tells who did it; the interval."""

from __future__ import annotations

import math
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import InputError
from kinescale.data.datasets import label_claims
from kinescale.description import describe
from kinescale.description.claim_rates import KINDS, rates, wilson
from kinescale.description.claim_scores import comes_after, score
from kinescale.description.claims import Act, Claim
from kinescale.description.instructions import instructions
from kinescale.description.records import Event
from made_bodies import Plan, arm, bump, jumping, made, ramp, walking, waving

TURN = {
    side: describe(made(walking(1.2, seconds=5.0, yaw=ramp(s * math.pi / 2, 1.5, 3.0))))
    for side, s in (("left", 1), ("right", -1))
}
WALK = describe(made(walking(0.75, cadence=1.5)))
BACK = describe(made(walking(-0.8)))
JUMPS = describe(made(Plan(lift=jumping(0.3, (0.8, 2.2)))))
STILL = describe(made(Plan()))
RAISED = describe(made(Plan(arms={"right": arm(1.2, 1.0, 3.0)})))
WAVED = describe(made(Plan(seconds=6.0, arms={"left": waving(1.0, 0.3, 3.2)}, lean=bump(0.9, 4.0, 5.5))))


def test_the_grammar_is_seeded_balanced_and_distinct():
    found = instructions(160, seed=3)
    assert found == instructions(160, seed=3) != instructions(160, seed=4)
    assert len({one.prompt for one in found}) == 160
    counts = Counter(one.kind for one in found)
    assert set(counts) == set(KINDS) == {
        "direction", "distance", "turn_side", "turn_angle", "speed", "repetition", "limb_side", "order",
    }  # fmt: skip
    assert min(counts.values()) == max(counts.values()) == 20


def test_every_prompt_is_clean_english_and_names_what_its_claim_asks_for():
    for one in instructions(400, seed=0):
        assert re.fullmatch(r"[a-z][a-z ,-]*[a-z]", one.prompt), one.prompt
        assert "  " not in one.prompt
        for word in ("left", "right"):
            asked = (one.claim.side, one.claim.direction, one.claim.then and one.claim.then.side)
            assert any(word in (said or "") for said in asked) == bool(re.search(rf"\b{word}\b", one.prompt)), one


def test_kinds_can_be_chosen_and_nonsense_is_refused():
    assert {one.kind for one in instructions(12, 0, ("distance", "order"))} == {"distance", "order"}
    with pytest.raises(InputError, match="is no kind of claim"):
        instructions(1, 0, ("colour",))
    with pytest.raises(InputError, match="the grammar has"):
        instructions(10_000, 0, ("turn_side",))


@pytest.mark.parametrize(
    ("claim", "fits", "fails"),
    [
        (Claim(kind="direction", direction="backward"), BACK, WALK),
        (Claim(kind="direction", direction="forward"), TURN["left"], BACK),
        (Claim(kind="distance", low=2.6, high=3.4), WALK, TURN["left"]),
        (Claim(kind="turn_side", side="left"), TURN["left"], TURN["right"]),
        (Claim(kind="turn_side", side="right"), TURN["right"], WALK),
        (Claim(kind="turn_angle", side="right", low=65, high=115), TURN["right"], TURN["left"]),
        (Claim(kind="turn_angle", low=65, high=115), TURN["right"], WALK),
        (Claim(kind="speed", gaits=("walk",), high=0.9), WALK, TURN["left"]),
        (Claim(kind="speed", gaits=("stand",)), STILL, WALK),
        (Claim(kind="repetition", action="jump", count=2), JUMPS, STILL),
        (Claim(kind="repetition", action="step", count=6), WALK, STILL),
        (Claim(kind="limb_side", action="raise_hand", side="right"), RAISED, WAVED),
        (Claim(kind="limb_side", action="wave", side="left"), WAVED, RAISED),
        (Claim(kind="order", action="wave", side="left", then=Act(action="bend")), WAVED, RAISED),
    ],
)
def test_the_scorer_tells_who_did_it(claim, fits, fails):
    assert score(claim, fits).fulfilled
    assert not score(claim, fails).fulfilled


def test_the_order_is_looked_at():
    assert not score(Claim(kind="order", action="bend", then=Act(action="wave")), WAVED).fulfilled
    assert score(Claim(kind="order", action="bend", then=Act(action="wave")), WAVED).measured == "wave, bend"


def test_a_mirrored_motion_fulfils_the_mirrored_claim():
    for side, other in (("left", "right"), ("right", "left")):
        claim = Claim(kind="turn_side", side=side)
        assert score(claim, TURN[other].mirrored()).fulfilled and not score(claim, TURN[side].mirrored()).fulfilled


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_share_and_is_symmetric(count, data):
    done = data.draw(st.integers(0, count))
    low, high = wilson(done, count)
    assert 0 <= low <= done / count <= high <= 1
    other = wilson(count - done, count)
    assert low == pytest.approx(1 - other[1]) and high == pytest.approx(1 - other[0])


def test_the_interval_of_a_known_case_and_of_none():
    # 81 of 263, z = 1.96: the worked example of Newcombe (1998), table I
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    with pytest.raises(InputError):
        wilson(1, 0)
    found = {rate.kind: rate for rate in rates([("speed", True), ("speed", False), ("order", True)])}
    assert (found["speed"].done, found["speed"].count, found["speed"].rate) == (1, 2, 0.5)
    assert found["distance"].rate is None and len(found) == len(KINDS)


def test_labels_claim_what_they_say():
    kinds = {claim.kind: claim for claim in label_claims("bandai_namco", "walk-turn-left", "some_take")}
    assert kinds["turn_side"].side == "left" and set(kinds) == {"turn_side", "turn_angle", "direction", "speed"}
    swapped = label_claims("bandai_namco", "walk-turn-left", "dataset-2_walk-turn-left_masculine_006")
    assert [claim.side for claim in swapped if claim.kind == "turn_side"] == ["right"]
    assert label_claims("bandai_namco", "dance-short", "x") == label_claims("cmu", "wash self", "no_such") == ()
    assert label_claims("a made-up corpus", "walk", "x") == label_claims("folder", "walk", "x") == ()
    assert [claim.kind for claim in label_claims("cmu", "", "08_04")] == ["direction", "speed"]


def event(kind, start, end, side=None):
    return Event(kind=kind, start_s=start, end_s=end, side=side)


@pytest.mark.parametrize(
    ("first", "second", "follows"),
    [
        (event("travel", 0, 2), event("wave", 2.2, 4), True),
        (event("travel", 0, 4), event("wave", 1.5, 3), False),
        (event("travel", 0, 2.2), event("wave", 2.0, 4), True),
        (event("wave", 2.2, 4), event("travel", 0, 2), False),
        (event("travel", 0, 4), event("turn", 1.5, 3), True),
        (event("travel", 0, 4), event("turn", 0.2, 2), False),
        (event("travel", 0, 2), event("jump", 1.6, 2.2), True),
        (event("squat", 0, 2), event("jump", 1.0, 1.6), False),
        (event("raise_hand", 0, 4, "left"), event("raise_hand", 1, 4, "right"), True),
    ],
)
def test_an_act_follows_another_when_it_hardly_overlaps_it_unless_both_flow_together(first, second, follows):
    assert comes_after(first, second) == follows
