"""The tokenizer yardstick: nothing is lost by a tokenizer that loses nothing, and what is lost is found."""

from __future__ import annotations

import math

import pytest
import torch

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")

from kinescale.core.errors import DataError
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.evaluation.peak_kinds import peak_kind
from kinescale.evaluation.tokenizer_decode import decoded
from kinescale.evaluation.tokenizer_record import TokenizerReport
from kinescale.evaluation.tokenizer_samples import Sample, samples
from kinescale.evaluation.tokenizer_yardstick import TokenizerYardstick
from kinescale.evaluation.world_error import world_error_mm
from kinescale.pipelines import reconstruct
from motion_strategies import random_motion, walk
from tiny_bundle import tiny_bundle
from toy_training import toy_prepared


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return open_prepared(toy_prepared(tmp_path_factory.mktemp("data"), 30))


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch):
    """Puts a change of the features in the tokenizer's place."""

    def install(change=lambda features: features):
        monkeypatch.setattr(
            "kinescale.evaluation.tokenizer_yardstick.decoded",
            lambda t, n, features, *rest: [change(one) for one in features],
        )

    return install


def yardstick(bundle, *more: Sample) -> TokenizerYardstick:
    made = [
        Sample("a/1", "cmu", "kickLFront1Reps", random_motion(frames=200, seed=1, spread=1.5)),
        Sample("a/2", "cmu", "salsa dance", random_motion(frames=130, seed=2, spread=1.5)),
        Sample("b/1", "hdm05", "walk", walk(seconds=5)),
    ]
    return TokenizerYardstick(bundle.feature, [*made, *more])


def test_a_tokenizer_that_loses_nothing_holds_every_bar_that_is_measured(exact) -> None:
    bundle = tiny_bundle()
    exact()
    report = yardstick(bundle).measure(bundle.tokenizer, bundle.normalizer)
    for row in report.corpora + report.kinds + report.classes:
        assert row.aligned_mm < 0.1 and row.jerk_ratio == pytest.approx(1.0, abs=0.01) and row.facing_deg < 0.1
        assert row.world_mm is None or row.world_mm < 1.0
        assert row.skate == pytest.approx(row.skate_real, abs=1e-3) and row.under == row.under_real
        assert all(peak.median == pytest.approx(1.0, abs=0.01) for peak in row.peaks.values())
    assert all(bar.held for bar in report.bars if bar.value is not None)
    assert {row.name for row in report.kinds} == {"kick", "dance"}
    assert TokenizerReport.parse(report.to_json()) == report


def test_a_root_that_runs_too_slow_shows_in_the_world_error_alone(exact) -> None:
    bundle = tiny_bundle()
    block = bundle.feature.blocks["root_planar_velocity"]

    def slower(features: torch.Tensor) -> torch.Tensor:
        changed = features.clone()
        changed[:, block] += 0.1
        return changed

    exact(slower)
    row = yardstick(bundle).measure(bundle.tokenizer, bundle.normalizer).corpora[1]
    # 0.1 m/s along both axes, for 4 s less half of both ends
    wanted = 1000 * math.hypot(0.1, 0.1) * (4.0 - 0.3)
    assert row.aligned_mm < 0.1 and row.world_mm == pytest.approx(wanted, rel=0.15)


def test_a_still_copy_loses_the_peaks_and_the_jerk(exact) -> None:
    bundle = tiny_bundle()
    turning = bundle.feature.blocks["root_yaw_velocity"]

    def still(features: torch.Tensor) -> torch.Tensor:
        held = features[:1].expand_as(features).clone()
        held[:, turning] = 0
        return held

    exact(still)
    report = yardstick(bundle).measure(bundle.tokenizer, bundle.normalizer)
    lost = {bar.name: bar for bar in report.bars}
    assert not lost["dance: foot speed kept"].held and lost["dance: foot speed kept"].value < 0.2
    assert all(row.jerk_ratio < 0.5 for row in report.corpora)


def test_windows_and_batches_change_nothing() -> None:
    """Clips one by one, through the pipeline's own reconstruction, and many together."""
    bundle = tiny_bundle()
    every = [random_motion(frames=frames, seed=frames).to(torch.float32) for frames in (9, 40, 64, 150)]
    features = [bundle.feature.from_motion(motion) for motion in every]
    many = decoded(bundle.tokenizer, bundle.normalizer, features, batch=3)
    for motion, one, whole in zip(every, many, features, strict=True):
        (alone,) = decoded(bundle.tokenizer, bundle.normalizer, [whole], batch=1)
        assert one.shape == whole.shape and torch.allclose(one, alone, atol=1e-4)
        assert len(reconstruct(bundle, motion)) == len(one)


def test_the_tokenizer_comes_back_in_the_mode_it_was_in() -> None:
    bundle = tiny_bundle()
    stick = yardstick(bundle)
    for mode in (True, False):
        bundle.tokenizer.train(mode)
        stick.measure(bundle.tokenizer, bundle.normalizer)
        assert bundle.tokenizer.training is mode


def test_samples_are_even_over_classes_and_the_same_twice(data: Prepared) -> None:
    one, two = (samples(data, ("train", "val", "test"), 4) for _ in range(2))
    assert [sample.id for sample in one] == [sample.id for sample in two] and len(one) == 12
    fewer = samples(data, ("train", "val", "test"), 2)
    assert {sample.id for sample in fewer} < {sample.id for sample in one}
    with pytest.raises(DataError, match="no clip in the splits nope"):
        samples(data, ("nope",))


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5, 3.1])
def test_the_world_error_knows_nothing_of_where_a_stretch_begins(angle: float) -> None:
    real = random_motion(frames=260, seed=5).positions()
    turn = torch.tensor(
        [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]], dtype=real.dtype
    )
    made = real @ turn.T + torch.tensor([3.0, 0.0, -1.0], dtype=real.dtype)
    assert world_error_mm(real, made, 30.0) == pytest.approx(0.0, abs=1e-6)
    assert world_error_mm(real, made + torch.tensor([0, 0.05, 0.0]), 30.0) == pytest.approx(50.0, abs=1e-6)
    assert world_error_mm(real[:119], made[:119], 30.0) is None


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("kick", "kick"),
        ("kickLFront1Reps", "kick"),
        ("punch/strike", "punch"),
        ("boxing", "punch"),
        ("hopBothLegs3hops", "hop"),
        ("forward jump", "hop"),
        ("jumping; hopscotch", "hop"),
        ("salsa dance", "dance"),
        ("dancing", "dance"),
        ("walk-turn-left", ""),
        ("shopping", ""),
        ("put the box down", ""),
    ],
)
def test_labels_tell_kinds(action: str, kind: str) -> None:
    assert peak_kind(action) == kind
