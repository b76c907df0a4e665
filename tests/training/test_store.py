"""The feature store equals the features, whoever computes it; statistics equal naive ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinescale.bundle.manifest import Part
from kinescale.datasets.prepared import open_prepared
from kinescale.motion.mirror import mirror
from kinescale.training import store as stores
from kinescale.training.store import FeatureStore, build_feature, measure, open_store
from kinescale.training.watch import Watch
from toy_training import toy_prepared

PART = Part(name="rotations")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_prepared(tmp_path_factory.mktemp("data"), 10)


@pytest.fixture(scope="module")
def store(data: Path) -> FeatureStore:
    return open_store(data, PART, mirrored=True, dtype="float32", spare=data / "spare")


def test_it_holds_the_features_of_clips_and_mirror_images(data: Path, store: FeatureStore) -> None:
    prepared, feature = open_prepared(data), build_feature(PART)
    for clip in range(len(prepared.clips)):
        motion = prepared.motion(clip)
        frames = store.frames(clip)
        assert frames == prepared.clips[clip].frames and store.has_mirror(clip)
        assert np.array_equal(store.read(clip, False, 0, frames), feature.from_motion(motion).numpy())
        assert np.array_equal(store.read(clip, True, 3, 9), feature.from_motion(mirror(motion)).numpy()[3:12])


def test_it_is_computed_once_and_again_when_damaged(data: Path, store: FeatureStore) -> None:
    class Count(Watch):
        begun = 0

        def begin(self, task: str, start: int, total: int) -> None:
            self.begun += 1

    watch = Count()
    options = {"mirrored": True, "dtype": "float32", "spare": data / "spare", "watch": watch}
    assert open_store(data, PART, **options).key == store.key and watch.begun == 0
    file = next((data / ".features").glob(f"{store.key[:16]}.bin"))
    whole = file.read_bytes()
    # a new file, since the old one is mapped by other tests
    file.unlink()
    file.write_bytes(whole[:-4])
    again = open_store(data, PART, **options)
    assert watch.begun == 1 and np.array_equal(again.values, np.frombuffer(whole, "<f4").reshape(again.values.shape))


def test_workers_do_not_change_it(
    data: Path, store: FeatureStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stores, "CHUNK", 4)
    monkeypatch.setattr(stores, "_writable", lambda folder, spare: tmp_path)
    other = open_store(data, PART, mirrored=True, dtype="float32", spare=tmp_path, workers=2)
    assert np.array_equal(other.rows, store.rows) and np.array_equal(other.values, store.values)


@pytest.mark.parametrize("mirrored", [True, False])
def test_statistics_are_the_naive_ones(store: FeatureStore, mirrored: bool) -> None:
    blocks = dict(build_feature(PART).blocks)
    clips = [0, 2, 5]
    sides = (False, True) if mirrored else (False,)
    rows = np.concatenate([store.read(c, s, 0, store.frames(c)) for c in clips for s in sides]).astype(np.float64)
    plain = measure(store, clips, blocks, mirrored=mirrored, block_std=False, floor=1e-3)
    assert np.allclose(plain.mean, rows.mean(0), atol=1e-5)
    assert np.allclose(plain.std, np.maximum(rows.std(0), 1e-3), rtol=1e-4, atol=1e-6)
    blocked = measure(store, clips, blocks, mirrored=mirrored, block_std=True, floor=1e-3)
    for part in blocks.values():
        assert np.allclose(blocked.std[part], max(rows[:, part].std(0).mean(), 1e-3), rtol=1e-4)


def test_half_precision_is_near(data: Path, store: FeatureStore) -> None:
    half = open_store(data, PART, mirrored=False, dtype="float16", spare=data / "spare")
    assert half.values.dtype == np.float16 and not half.has_mirror(0)
    frames = half.frames(4)
    assert np.allclose(half.read(4, False, 0, frames), store.read(4, False, 0, frames), atol=5e-3)
