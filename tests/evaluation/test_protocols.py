"""Laws of the protocols: the same numbers twice, no self-pair, pools of distinct captions, quirks really there."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import numpy as np
import pytest
import torch

from kinescale.core.errors import InputError, UnknownNameError
from kinescale.evaluation import protocol as protocols
from kinescale.evaluation.plan import Repeat, plain, plan
from kinescale.evaluation.report import Embedded, Report, Space, evaluate

FIXED, FIELD = protocols.FIXED, protocols.HUMANML3D_2022


def captions(clips: int) -> list[list[str]]:
    """Half of the clips share few sentences; each has one of its own too."""
    return [[f"A person does number {i % 60}." if i % 2 else f"someone at {i}", f"clip {i}"] for i in range(clips)]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def space(*shape: int, seed: int = 0) -> Space:
    rows = drawn(*shape, seed=seed)
    return Space(rows, rows)


def one_repeat(part: Repeat, samples: int, seed: int, *, good: bool = True) -> Embedded:
    """Texts, real motions near them, and generated ones that are near too, or anywhere."""
    clips, near = len(part.captions), float(good)
    text = drawn(clips, 8, seed=1)
    real = text + 0.1 * drawn(clips, 8, seed=2)
    made = near * text + 0.8 * drawn(clips, 8, seed=seed + 3)
    many = near * text[part.prompts][:, None] + 0.8 * drawn(len(part.prompts), samples, 8, seed=seed + 50)
    return Embedded(text, Space(real, real), Space(made, made), Space(many, many))


@lru_cache
def report(name: str, clips: int = 200, repeats: int = 3, seed: int = 5, good: bool = True) -> Report:
    chosen = protocols.get(name)
    parts = plan(chosen, captions(clips), seed=seed, repeats=repeats)
    items = [one_repeat(p, chosen.samples, r, good=good) for r, p in enumerate(parts)]
    return evaluate(chosen, parts, items, seed=seed)


def test_both_are_there_by_name() -> None:
    assert set(protocols.PROTOCOLS) == {"humanml3d-2022", "kit-2022", "snapmogen", "fixed"}
    assert len(FIELD.quirks) == 10 and not FIXED.quirks
    assert len({quirk.name for quirk in FIELD.quirks}) == 10
    with pytest.raises(UnknownNameError, match="Did you mean 'fixed'"):
        protocols.get("fixd")


@pytest.mark.parametrize("name", sorted(protocols.PROTOCOLS))
def test_the_same_seed_gives_the_same_numbers_and_another_other_pools(name: str) -> None:
    first, again, other = report(name), report.__wrapped__(name), report(name, seed=6)
    assert first == again
    assert first.rows["generated"]["top1"] != other.rows["generated"]["top1"]
    assert Report.parse(first.to_json()) == first
    assert list(first.rows) == ["real", "generated"] and "±" in first.table()
    wanted = {"top1", "top2", "top3", "matching", "clip_score", "diversity", "fid", "multimodality"}
    assert set(first.rows["generated"]) == wanted


def test_the_fixed_pools_never_change_and_hold_no_clip_of_which_the_sentence_is_true() -> None:
    said = captions(200)
    parts = plan(FIXED, said, seed=0, repeats=3)
    assert parts[0] is parts[1] is parts[2]
    pools = parts[0].pools
    assert pools.shape == (200, 32) and (pools[:, 0] == np.arange(200)).all()
    assert (parts[0].captions == 0).all() and sorted(parts[0].counted.tolist()) == list(range(200))
    for pool in pools.tolist():
        firsts = [plain(said[row][0]) for row in pool]
        assert len(set(firsts)) == len(firsts)
        assert all(firsts[0] not in {plain(text) for text in said[row]} for row in pool[1:])


def test_the_fixed_protocol_pairs_nothing_with_itself_drawn_or_not() -> None:
    (part,) = plan(FIXED, captions(64), seed=0, repeats=1)
    assert part.diversity.shape == (2, 0) and part.sample_pairs.shape == (2, 0)
    for seed in range(20):
        (part,) = plan(FIXED.but(diversity_pairs=50, sample_pairs=10), captions(64), seed=seed, repeats=1)
        for pairs in (part.diversity, part.sample_pairs):
            assert pairs.shape[1] > 0 and (pairs[0] != pairs[1]).all()


def test_the_fields_quirks_are_really_there() -> None:
    parts = plan(FIELD, captions(200), seed=0)
    assert len(parts) == 20
    # dropped tail, other clips in each repeat
    left = [frozenset(range(200)) - frozenset(part.counted.tolist()) for part in parts]
    assert {len(rest) for rest in left} == {8} and len(set(left)) > 1
    # shuffled pools and random captions
    assert len({tuple(part.pools[0].tolist()) for part in parts}) == 20
    assert {0, 1} == set(np.concatenate([part.captions for part in parts]).tolist())
    # self pairs
    assert any((part.sample_pairs[0] == part.sample_pairs[1]).any() for part in parts)
    assert parts[0].sample_pairs.shape == (2, 10) and parts[0].diversity.shape == (2, 192)
    # few prompts: the first three batches
    assert (parts[0].prompts == parts[0].pools[:3].flatten()).all()


def test_the_last_sample_stands_for_its_clip_in_the_fields_protocol_only() -> None:
    for protocol, moved in ((FIELD, True), (FIXED, False)):
        (part,) = plan(protocol, captions(96), seed=0, repeats=1)
        item = one_repeat(part, protocol.samples, 0)
        assert item.samples is not None and item.generated is not None
        far = Space(item.samples.match + 100, item.samples.fid + 100)
        other = Embedded(item.text, item.real, item.generated, far)
        before, after = (evaluate(protocol, (part,), (one,), seed=0).rows["generated"] for one in (item, other))
        assert (before["fid"] != after["fid"]) is moved and (before["top1"] != after["top1"]) is moved
        assert before["multimodality"].mean == pytest.approx(after["multimodality"].mean, rel=1e-4)


def test_a_good_model_is_told_from_a_bad_one() -> None:
    for name in protocols.PROTOCOLS:
        good, bad = report(name).rows, report(name, good=False).rows
        # a pool of 100 is harder than one of 32
        least = 0.5 if protocols.get(name).pool <= 32 else 0.4
        assert good["real"]["top1"].mean == 1.0 and good["generated"]["top1"].mean > least
        assert bad["generated"]["top1"].mean < 0.2
        assert good["generated"]["matching"].mean < bad["generated"]["matching"].mean


def test_intervals() -> None:
    field, fixed = report("humanml3d-2022"), report("fixed")
    top = field.rows["generated"]["top1"]
    assert top.half == pytest.approx(1.96 * np.std(top.values) / np.sqrt(3)) and top.over == "repeats"
    made = fixed.rows["generated"]["matching"]
    assert made.half == pytest.approx(4.303 * np.std(made.values, ddof=1) / np.sqrt(3)) and made.over == "repeats"
    # what does not differ between repeats has the spread over clips
    real = fixed.rows["real"]["matching"]
    assert real.over == "clips" and real.half is not None and real.half > 0
    assert fixed.rows["real"]["fid_halves"].half is None


def test_what_is_left_out_and_what_is_too_little_is_said() -> None:
    assert any("8 clips" in note for note in report("humanml3d-2022").notes)
    assert report("fixed").notes == ()
    few = report("fixed", clips=60)
    assert few.clips == 60
    (part,) = plan(FIXED, captions(40), seed=0, repeats=1)
    wide = Embedded(drawn(40, 50), space(40, 50, seed=1))
    (note,) = evaluate(FIXED, (part,), (wide,), seed=0).notes
    assert "40 motions in 50 dimensions" in note


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([["walk"]] * 20, "do not fill a pool of 32"),
        ([["walk"]] * 40, "needs 31; choose a smaller pool"),
        ([["walk"], []] * 20, "clip 1 of 40 has no caption"),
    ],
)
def test_captions_that_make_no_pools(said: list[list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(FIXED, said, seed=0)


def test_embeddings_that_do_not_fit_the_plan() -> None:
    parts = plan(FIXED, captions(64), seed=0, repeats=1)
    with pytest.raises(InputError, match="63 texts for a plan of 64"):
        evaluate(FIXED, parts, (Embedded(drawn(63, 4), space(64, 4)),), seed=0)
    with pytest.raises(InputError, match="expected as many"):
        evaluate(FIXED, parts, (), seed=0)


def test_every_clip_has_a_fair_share_of_places() -> None:
    (part,) = plan(FIXED, [[f"sentence {i}"] for i in range(300)], seed=0, repeats=1)
    counts = np.bincount(part.pools[:, 1:].flatten(), minlength=300)
    assert counts.min() > 5 and counts.max() < 70 and counts.mean() == 31
    orders = [tuple(pool) for pool in part.pools[:, 1:5].tolist()]
    assert all(a != b for a, b in combinations(orders[:50], 2))


# Published protocols


def test_a_kept_tail_is_a_smaller_pool_in_which_chance_is_higher() -> None:
    chosen = protocols.SNAPMOGEN
    (part,) = plan(chosen, captions(130), seed=0, repeats=1)
    assert part.pools.shape == (2, 100) and len(part.counted) == 130
    assert (part.pools[1, 30:] == -1).all() and sorted(part.pools[part.pools >= 0].tolist()) == list(range(130))
    assert (part.prompts == part.counted[:100]).all()
    text, motion = drawn(130, 8, seed=1), drawn(130, 8, seed=2)
    item = Embedded(text, Space(motion, motion), Space(motion, motion))
    found = evaluate(chosen, (part,), (item,), seed=0, cosine=True).rows["generated"]["top3"].mean
    unit = lambda rows: rows / rows.norm(dim=1, keepdim=True)  # noqa: E731
    hits = []
    for pool in (part.counted[:100], part.counted[100:]):
        costs = -(unit(text[pool].double()) @ unit(motion[pool].double()).T)
        hits += [int((row < row[i]).sum()) < 3 for i, row in enumerate(costs)]
    assert found == pytest.approx(np.mean(hits), abs=1e-9)
    dropped = plan(chosen.but(tail="dropped"), captions(130), seed=0, repeats=1)[0]
    assert dropped.pools.shape == (1, 100) and (dropped.pools >= 0).all()


def test_windows_are_whole_units_within_their_clips() -> None:
    lengths = [40, 41, 43, 60, 97, 150, 196, 197, 199] * 40
    parts = plan(FIELD, captions(len(lengths)), seed=3, repeats=2, lengths=lengths)
    assert parts[0].windows.shape == (360, 2) and (parts[0].windows != parts[1].windows).any()
    start, taken = parts[0].windows.T
    whole = np.minimum(np.array(lengths), 196) // 4 * 4
    assert set((whole - taken).tolist()) == {0, 4} and (start >= 0).all() and (start + taken <= lengths).all()
    assert 0.25 < (whole > taken).mean() < 0.42
    assert {0, 1, 2, 3} <= set(start[np.array(lengths) == 199].tolist())
    snap = plan(protocols.SNAPMOGEN, captions(360), seed=3, repeats=1, lengths=[137] * 180 + [400] * 180)[0].windows
    assert set(snap[:180, 1].tolist()) == {136} and set(snap[180:, 1].tolist()) == {320}
    assert snap[180:, 0].max() > 60 and plan(FIELD, captions(64), seed=0, repeats=1)[0].windows.shape == (0, 2)
