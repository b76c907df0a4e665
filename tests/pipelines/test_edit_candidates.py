"""Candidates of an edit: the draw that keeps the claims in its resampled frames is handed back."""

from __future__ import annotations

import pytest

from kinescale.core.errors import InputError
from kinescale.pipelines.editing.edit_candidates import Draw, best_draw, draws_of
from made_bodies import made, walking

STILL, WALK = made(walking(0.0)), made(walking(1.2))
SPAN = (10, len(WALK) - 10)


def drawn(text, clips, draws, spans=(SPAN,)):
    """The clip chosen of some, what is said of it, and the draws that were made."""
    asked: list[Draw] = []

    def make(draw: Draw):
        asked.append(draw)
        return clips[min(len(asked), len(clips)) - 1]

    clip, about = best_draw(make, lambda one: one, Draw(text, 7), spans, draws)
    return clip, about, asked


def test_drawing_stops_at_the_first_that_keeps_everything():
    clip, about, asked = drawn("she walks forward", [STILL, WALK, STILL], 6)
    assert clip is WALK and len(asked) == 2 and about["candidate"] == 1 and not about["claims_missed"]
    assert len({draw.seed for draw in asked}) == 2 and about["drawn_as"] == asked[1].text == "a person walks forward"


def test_of_draws_that_all_miss_something_the_best_is_kept():
    clip, about, asked = drawn("a person walks forward, then kicks with the left leg", [STILL, WALK, STILL], 3)
    assert clip is WALK and len(asked) == 3 and about["claims_missed"]


@pytest.mark.parametrize(
    ("text", "draws", "spans"),
    [(None, 6, (SPAN,)), ("florb the quux", 6, (SPAN,)), ("walks forward", 1, (SPAN,)), ("walks", 6, ((3, 9),))],
)
def test_one_draw_where_nothing_can_be_measured(text, draws, spans):
    clip, about, asked = drawn(text, [STILL, WALK], draws, spans)
    assert clip is STILL and len(asked) == 1 and not about


def test_qualities():
    assert (draws_of("fast", 6), draws_of(None, 6), draws_of("best", 6), draws_of("best", 40)) == (1, 6, 16, 40)
    with pytest.raises(InputError, match="expected fast or best"):
        draws_of("good", 6)
