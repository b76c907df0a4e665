"""The yardstick for what is made: FID at one size, spread, ladders, phrases, groups, bars; known answers and laws."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")

from evaluated import request, tiny_evaluator

from kinescale.core.errors import BundleError, InputError
from kinescale.data.prepared import Prepared, PreparedClip, open_prepared
from kinescale.evaluation import bars, pages, text_sensitivity
from kinescale.evaluation.clip_measurements import COURSE_FRAMES, apart_mm, course, variance
from kinescale.evaluation.clips import Chosen
from kinescale.evaluation.fid_band import LEAST_CLIPS, fid_band
from kinescale.evaluation.groups import HELD, KNOWN, held_kinds
from kinescale.evaluation.prompt_report import PromptResult, report
from kinescale.evaluation.prompts import prompts
from kinescale.evaluation.record import Evaluation
from kinescale.evaluation.run import run
from kinescale.evaluation.section_names import SECTIONS, parse_sections
from kinescale.evaluation.sections import sections
from kinescale.evaluation.text_sensitivity import LADDERS, Ladder, response, spearman
from kinescale.metrics import fid
from motion_strategies import random_motion, walk
from tiny_bundle import tiny_bundle
from toy_training import toy_prepared


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "POSES", 2)
        patch.setattr("kinescale.evaluation.generated_motions.SHEET_CLIPS", 1)
        patch.setattr("kinescale.evaluation.text_sensitivity.LADDERS", LADDERS[:1] + LADDERS[-1:])
        first = prompts()[::60]
        patch.setattr("kinescale.evaluation.prompt_report.prompts", lambda: first)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return open_prepared(toy_prepared(tmp_path_factory.mktemp("data"), 60))


# FID at one size


@pytest.mark.parametrize("rows", [40, 150])
def test_motions_of_the_recordings_own_distribution_are_within_the_band(rows: int) -> None:
    """Few or many: where nothing is amiss the quotient is about 1, though the FIDs themselves differ with the size."""
    band = fid_band(drawn(rows, 24), drawn(rows, 24, seed=1), seed=0)
    assert band is not None and band.size == rows // 2
    assert 0.6 < band.ratio.median < 1.6 and band.ratio.low < 1 < band.ratio.high
    assert band.real.low <= band.real.median <= band.real.high


def test_fewer_motions_read_higher_and_the_quotient_does_not() -> None:
    real, made = drawn(400, 16), drawn(400, 16, seed=1) + 0.5
    few, many = (fid_band(real[:n], made[:n], seed=0) for n in (40, 400))
    assert few is not None and many is not None
    assert few.real.median > 3 * many.real.median
    assert many.ratio.median > few.ratio.median > 1
    # the difference moves less with the size than the quotient does
    assert few.excess.median / many.excess.median < many.ratio.median / few.ratio.median


def test_recordings_themselves_are_below_their_own_halves() -> None:
    """A copy of each clip is what a memorizing model makes: against the other half it reads as the recordings do."""
    real = drawn(80, 8)
    band = fid_band(real, real, seed=3)
    assert band is not None and band.ratio.median == pytest.approx(1.0)
    assert fid.fid(real, real) < 1e-9 < band.real.median


def test_windows_of_one_take_go_into_one_half() -> None:
    """Else each half holds twins of the other, and recordings look nearer to each other than they are."""
    takes = drawn(60, 6)
    windows = takes.repeat_interleave(4, dim=0) + 0.01 * drawn(240, 6, seed=1)
    names = [f"take {at // 4}" for at in range(240)]
    apart, mixed = (fid_band(windows, windows, seed=0, takes=given) for given in (names, ()))
    single = fid_band(takes, takes, seed=0)
    assert apart is not None and mixed is not None and single is not None and apart.size == 120
    assert mixed.real.median < 0.6 * apart.real.median
    assert apart.real.median == pytest.approx(single.real.median, rel=0.25)


def test_too_few_clips_have_no_band_and_rows_must_pair_up() -> None:
    assert fid_band(drawn(LEAST_CLIPS - 1, 4), drawn(LEAST_CLIPS - 1, 4), seed=0) is None
    with pytest.raises(InputError, match="a motion for each clip"):
        fid_band(drawn(20, 4), drawn(21, 4), seed=0)


# courses and variance


def test_a_course_knows_nothing_of_place_facing_and_length() -> None:
    motion = random_motion(frames=90, seed=2)
    moved = motion.replace(root=motion.root + torch.tensor([3.0, 0.0, -2.0], dtype=motion.root.dtype))
    assert course(motion).shape == (COURSE_FRAMES, 22, 3)
    assert apart_mm(course(motion), course(moved)) == pytest.approx(0.0, abs=1e-3)
    assert apart_mm(course(motion), course(motion.replace(fps=60.0))) == pytest.approx(0.0, abs=1e-3)
    assert apart_mm(course(motion), course(random_motion(frames=90, seed=3))) > 10


def test_variance_is_half_the_mean_squared_distance_of_pairs() -> None:
    courses = [course(random_motion(frames=60, seed=seed)) for seed in range(4)]
    pairs = [
        float(np.square(one - two).sum((-1, -2)).mean()) for i, one in enumerate(courses) for two in courses[i + 1 :]
    ]
    assert variance(courses) == pytest.approx(np.mean(pairs) / 2, rel=1e-5)
    assert variance(courses[:1]) is None and variance([courses[0]] * 3) == pytest.approx(0.0, abs=1e-9)


# ladders


def test_spearman_agrees_with_ranks_by_hand() -> None:
    up = [1.0, 2.0, 3.0, 4.0]
    assert spearman(up, [10.0, 20.0, 30.0, 40.0]) == pytest.approx(1.0)
    assert spearman(up, [4.0, 3.0, 2.0, 1.0]) == pytest.approx(-1.0)
    # ties share their mean rank: 1.5 1.5 3 against 1 2 3
    by_hand = np.corrcoef([1.5, 1.5, 3.0], [1.0, 2.0, 3.0])[0, 1]
    assert spearman([1.0, 1.0, 2.0], [1.0, 2.0, 3.0]) == pytest.approx(by_hand)
    assert spearman(up, [7.0] * 4) is None


def test_a_ladder_is_answered_by_its_numbers() -> None:
    ladder = Ladder("x", "m", "goes {}", (("one", 1.0), ("two", 2.0)), lambda motion, found: 0.0)
    heard = response(ladder, [[1.1, 0.9], [2.0, 3.0]])
    assert heard.rank > 0.8 and heard.within == 0.75 and heard.range == pytest.approx(1.5)
    deaf = response(ladder, [[2.0, 2.0], [2.0, 2.0]])
    assert deaf.rank == 0 and deaf.range == 0 and deaf.within == 0.5


@pytest.mark.parametrize("ladder", text_sensitivity.LADDERS, ids=lambda ladder: ladder.name)
def test_every_ladder_measures_any_motion(ladder: Ladder) -> None:
    from kinescale.description import describe

    motion = walk(seconds=3)
    value = ladder.measure(motion, describe(motion))
    assert np.isfinite(value) and ladder.sentence.count("{}") == 1 and len(ladder.rungs) > 1


# phrases and bars


def test_shares_of_phrases_are_counted_by_claims_and_by_draws() -> None:
    def made(kind: str, whole: int, *kept: int) -> PromptResult:
        claims = {f"claim {at}": count for at, count in enumerate(kept)}
        return PromptResult(text="x", kind=kind, tags=("long",), draws=2, claims=claims, whole=whole)

    found = report([made("plain", 2, 2), made("side", 0, 2, 0), made("side", 1, 1, 2)], {"side": [True, False]}, 0)
    plain, side = found.kinds
    assert (plain.kept, plain.whole, side.kept, side.whole) == (1.0, 1.0, 5 / 8, 0.25)
    assert side.real == 0.5 and plain.real is None and found.all.kept == pytest.approx(7 / 10)
    held = {bar.name: bar.held for bar in bars._phrases(found)}
    assert held == {"phrases, side, claims kept": False, "phrases, all, claims kept": False}


def test_section_names_are_checked() -> None:
    assert parse_sections("all") == tuple(SECTIONS) and parse_sections("spread, motions") == ("motions", "spread")
    with pytest.raises(InputError, match="Did you mean 'tokenizer'"):
        parse_sections("tokeniser")


# the whole


@pytest.fixture(scope="module")
def whole(data: Prepared) -> Evaluation:
    asked = request(limit=20, repeats=1, instructions=8, sections=tuple(SECTIONS), per_class=2)
    return run(tiny_bundle(), data, asked, evaluator=tiny_evaluator())[0]


def test_every_section_is_filled_and_written(whole: Evaluation, tmp_path: Path) -> None:
    assert whole.settings[0].fid is not None and whole.settings[0].fid.size == 10
    assert whole.tokenizer is not None and whole.phrases is not None
    assert len(whole.sensitivity) == 2 and len(whole.spread) == 3 and len(whole.instructions) == 8
    assert {row.name for row in whole.settings[0].classes} == {"toy/walk", "toy/run", "toy/wave"}
    assert sum(row.clips for row in whole.settings[0].splits) == 20
    assert Evaluation.parse(json.loads(json.dumps(whole.to_json()))) == whole
    titles = [section.title for section in sections(whole)]
    assert len(set(titles)) == len(titles) and titles[-1] == "Bars"
    folder = pages.save(whole, [], tmp_path / "out")
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert all(f"## {title}" in page for title in titles)
    assert all(bar.name in page for bar in whole.bars) and len(whole.bars) > 12


@pytest.mark.slow
def test_any_section_can_be_left_out(data: Prepared) -> None:
    for name in SECTIONS:
        asked = request(limit=4, repeats=1, instructions=8, sections=(name,), per_class=1)
        found, shown = run(tiny_bundle(), data, asked)
        assert bool(found.settings) is (name == "motions") is bool(shown)
        assert sections(found)


def test_a_bundle_without_a_generator_has_its_tokenizer_measured_and_nothing_else(data: Prepared) -> None:
    silent = tiny_bundle(generator=False)
    found, _ = run(silent, data, request(sections=("tokenizer",), per_class=2))
    assert found.tokenizer is not None and found.tokenizer.clips == 6
    with pytest.raises(BundleError, match="no generator"):
        run(silent, data, request(sections=("tokenizer", "spread")))


def test_clips_are_grouped_by_why_they_are_held_out(data: Prepared) -> None:
    """Where the data do not say why, by whether a clip of the pair is trained on."""
    old = _with_clips(data, [dataclasses.replace(clip, held_by="") for clip in data.clips])
    clips = [row for row, clip in enumerate(data.clips) if clip.split != "train"]
    assert set(held_kinds(Chosen(old, tuple(clips), {}))) == {KNOWN}
    fewer = _without_training(old, "walk")
    kinds = held_kinds(Chosen(fewer, tuple(clips), {}))
    walks = [fewer.clips[row].action == "walk" for row in clips]
    assert [kind == HELD["pair"] for kind in kinds] == walks and any(walks)


def test_what_the_data_say_of_held_out_clips_counts(data: Prepared) -> None:
    names = ["", "pair", "actor", "take"]
    clips = [dataclasses.replace(data.clips[at], split="test", held_by=name) for at, name in enumerate(names)]
    found = held_kinds(Chosen(_with_clips(data, clips), (0, 1, 2, 3), {}))
    # none of the four is trained on, so that what says nothing is of an unknown pair
    assert found == [HELD[name] for name in ("pair", *names[1:])]


def _without_training(data: Prepared, action: str) -> Prepared:
    """The same data, with the training clips of an action moved to another split."""
    moved = [
        dataclasses.replace(clip, split="left") if clip.split == "train" and clip.action == action else clip
        for clip in data.clips
    ]
    return _with_clips(data, moved)


def _with_clips(data: Prepared, clips: list[PreparedClip]) -> Prepared:
    other = object.__new__(Prepared)
    other.__dict__.update({**data.__dict__, "clips": tuple(clips)})
    return other
