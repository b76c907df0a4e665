"""Sentences keep their places in time through cuts, joins and edits; titles tell motions apart."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinescale.formats import read_motion, write_motion
from kinescale.motion.titles import titles
from kinescale.pipelines.editing.gap import extended, joined
from kinescale.pipelines.prompt_spans import MAX_ENTRIES, cut, moved, one_line, piece, prompts_of, resampled, without
from motion_strategies import random_motion

TIMES = st.floats(0, 50, allow_nan=False)


@st.composite
def entries(draw):
    made = []
    for index in range(draw(st.integers(0, 5))):
        first = draw(TIMES)
        made.append({"prompt": f"does {index}", "seconds": [first, first + draw(st.floats(0.1, 20))]})
    return made


def covered(found, at: float) -> set[str]:
    return {entry["prompt"] for entry in found if entry["seconds"][0] <= at < entry["seconds"][1]}


@given(entries(), TIMES, st.floats(0.1, 30), TIMES)
def test_what_is_cut_and_what_is_left_make_up_the_whole(found, start, length, at):
    stop = start + length
    edges = [edge for entry in found for edge in (*entry["seconds"], start, stop)]
    if any(abs(at - edge) < 0.01 for edge in edges):
        return
    inside, outside = cut(found, start, stop), without(found, start, stop)
    assert covered(inside, at) | covered(outside, at) == covered(found, at)
    assert not covered(inside, at) & covered(outside, at)
    assert covered(moved(found, 3.0), at + 3.0) == covered(found, at)


def clip(prompt: str | None = None, frames: int = 60, **meta):
    motion = random_motion("humanml22", frames, 1).replace(fps=30.0)
    return motion.with_meta(**({"prompt": prompt} if prompt else {}), **meta)


def test_a_whole_body_edit_takes_the_place_of_what_was_told():
    found = resampled(clip("a person walks", seed=4, sample=2), ((30, 45),), "a person waves", edit="edit", seed=9)
    assert [(entry["prompt"], entry["seconds"]) for entry in found] == [
        ("a person walks", [0.0, 1.0]), ("a person waves", [1.0, 1.5]), ("a person walks", [1.5, 2.0]),
    ]  # fmt: skip
    assert found[0]["seed"] == 4 and found[0]["sample"] == 2 and found[1]["seed"] == 9
    assert one_line(found) == "a person walks; a person waves"


def test_parts_and_kept_scales_leave_what_was_told():
    for options in ({"parts": ("left_arm",)}, {"stays": True}):
        found = resampled(clip("a person walks"), ((30, 45),), "a person waves", **options)
        assert [entry["seconds"] for entry in found] == [[0.0, 2.0], [1.0, 1.5]]
    assert resampled(clip("a person walks"), ((0, 60),), None) == []
    assert resampled(clip(), ((0, 60),), None) == []


def test_joining_and_extending_move_the_sentences():
    whole, span = joined(clip("a person walks"), clip("a person sits", 30), 0.5)
    assert [(e["prompt"], e["seconds"]) for e in prompts_of(whole)] == [
        ("a person walks", [0.0, 2.0]), ("a person sits", [2.5, 3.5]),
    ]  # fmt: skip
    assert whole.meta["prompt"] == "a person walks; a person sits" and span == (60, 75)
    later, _ = extended(clip("a person walks"), 1.0, before=True)
    assert prompts_of(later)[0]["seconds"] == [1.0, 3.0]
    after, _ = extended(clip("a person walks"), 1.0)
    assert prompts_of(after)[0]["seconds"] == [0.0, 2.0]
    assert prompts_of(piece(whole, 66, 90)) == [{"prompt": "a person sits", "seconds": [0.3, 0.8]}]
    assert "prompt" not in joined(clip(), clip(), 0.5)[0].meta


@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".npz"])
def test_they_come_back_from_files(tmp_path, suffix):
    made = clip().with_meta(prompts=resampled(clip("a person walks"), ((30, 45),), "a person waves", parts=("head",)))
    write_motion(made.with_meta(prompt="a person walks; a person waves", license="CC0"), tmp_path / f"a{suffix}")
    again = read_motion(tmp_path / f"a{suffix}")
    assert json.loads(json.dumps(prompts_of(again))) == json.loads(json.dumps(prompts_of(made)))


@pytest.mark.parametrize(
    "bad",
    [
        None, 3, "x", {}, [None], [3], [{}], [{"prompt": "x"}], [{"prompt": 3, "seconds": [0, 1]}],
        [{"prompt": "x", "seconds": [1, 0]}], [{"prompt": "x", "seconds": [0, math.inf]}],
        [{"prompt": "x", "seconds": ["0", "1"]}], [{"prompt": "x", "seconds": [0, 1, 2]}],
    ],
)  # fmt: skip
def test_a_file_may_claim_anything(bad):
    motion = clip("a person walks").with_meta(prompts=bad)
    assert all(set(entry) >= {"prompt", "seconds"} for entry in prompts_of(motion))
    assert resampled(motion, ((0, 30),), "a person waves")[-1]["prompt"] in ("a person waves", "a person walks")


def test_entries_are_bounded():
    many = [{"prompt": "x" * 10_000, "seconds": [i, i + 1]} for i in range(5000)]
    found = prompts_of(clip().with_meta(prompts=many))
    assert len(found) == MAX_ENTRIES and all(len(entry["prompt"]) <= 500 for entry in found)


def test_titles_tell_motions_apart():
    walk = [clip("a person walks", sample=i, seed=1) for i in range(3)]
    assert titles(walk, ["a", "b", "c"]) == [
        "a person walks", "a person walks (sample 1)", "a person walks (sample 2)",
    ]  # fmt: skip
    seeds = [clip("a person walks", sample=0, seed=s) for s in (1, 2)]
    assert titles(seeds, ["a", "b"]) == ["a person walks (seed 1)", "a person walks (seed 2)"]
    same = [clip("a person walks"), clip("a person walks"), clip()]
    assert titles(same, ["a", "b", "c"]) == ["a person walks (a)", "a person walks (b)", "c"]
    assert titles(same[:2], ["m", "m"]) == ["a person walks", "a person walks 2"]
    assert titles([clip("x " * 100)] * 3, ["m"] * 3, longest=20) == [
        "x x x x x x x x x x ".strip() + t for t in ("", " 2", " 3")
    ]
