"""The feature store equals the features, whoever computes it; statistics equal naive ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kinescale import text
from kinescale.bundle.manifest import Part
from kinescale.core.errors import DataError
from kinescale.core.files import atomic_path, sweep_temporaries
from kinescale.data.prepared import open_prepared
from kinescale.motion.mirror import mirror
from kinescale.training import feature_cache as stores
from kinescale.training.feature_cache import FeatureStore, measure, open_store
from kinescale.training.parts import build_feature
from kinescale.training.text_cache import open_text_cache
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


@pytest.mark.slow  # two processes that load torch; tests/data/datasets/test_prepare.py has some in every run
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


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_flipped_bit_is_noticed_when_the_clip_is_first_read(data: Path, tmp_path: Path, mirrored: bool) -> None:
    options = {"mirrored": mirrored, "dtype": "float32", "spare": tmp_path}
    store = open_store(data, PART, **options)
    whole = store.path.read_bytes()
    width = store.values.shape[1] * 4
    for stretch in range(2 * 10):
        first, last = int(store.rows[stretch]), int(store.rows[stretch + 1])
        if first == last:
            continue
        changed = bytearray(whole)
        changed[(first + last) // 2 * width + 13] ^= 1 << (stretch % 8)
        # a new file, since the old one is mapped by other tests
        store.path.unlink()
        store.path.write_bytes(bytes(changed))
        again = open_store(data, PART, **options)
        with pytest.raises(DataError, match="do not match their digest"):
            again.read(stretch // 2, bool(stretch % 2), 0, 1)
        blocks = dict(build_feature(PART).blocks)
        with pytest.raises(DataError, match="do not match"):
            measure(again, list(range(10)), blocks, mirrored=mirrored, block_std=False, floor=1e-3)
        other = (stretch // 2 + 1) % 10
        assert len(again.read(other, False, 0, 5)) == 5
    store.path.unlink()
    store.path.write_bytes(whole)


@pytest.mark.parametrize("broken", ["", "{", "[]", "{}", '{"rows": [1e999]}', '{"key": 3, "sha256": "", "rows": []}'])
def test_a_damaged_index_is_made_again(data: Path, store: FeatureStore, broken: str) -> None:
    index = store.path.with_suffix(".json")
    whole = index.read_text()
    index.write_text(broken)
    again = open_store(data, PART, mirrored=True, dtype="float32", spare=data / "spare")
    assert np.array_equal(again.rows, store.rows) and index.read_text() == whole
    changed = whole.replace('"rows": [\n    0,\n    2', '"rows": [\n    0,\n    3')
    assert changed != whole
    index.write_text(changed)
    assert np.array_equal(open_store(data, PART, mirrored=True, dtype="float32", spare=data).rows, store.rows)


def test_what_a_killed_run_left_is_removed(data: Path, store: FeatureStore) -> None:
    left = store.path.with_name(f".{store.path.stem}.abc123.bin")
    left.write_bytes(bytes(1000))
    other = store.path.with_name(".other.abc123.bin")
    other.write_bytes(bytes(10))
    with atomic_path(store.path.with_name(f"{store.path.stem}.bin")) as held:
        sweep_temporaries(store.path)
        assert not left.exists() and held.exists() and other.exists()
        held.write_bytes(store.path.read_bytes())


def test_a_changed_text_cache_is_made_again(tmp_path: Path) -> None:
    part = Part(name="hashed", config={"width": 8, "max_tokens": 6})
    sentences = ["a person walks", "someone jumps", "a dog"]
    first = open_text_cache(part, sentences, tmp_path)
    path = next(tmp_path.glob("text-*.safetensors"))
    whole = path.read_bytes()
    for at in range(len(whole) - 1, len(whole) - 100, -7):
        changed = bytearray(whole)
        changed[at] ^= 32
        path.write_bytes(bytes(changed))
        again = open_text_cache(part, sentences, tmp_path)
        assert torch.equal(again.values, first.values) and torch.equal(again.starts, first.starts)
        assert path.read_bytes() != bytes(changed)


def test_other_weights_have_another_text_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part(name="hashed", config={"width": 8, "max_tokens": 6})
    open_text_cache(part, ["a person walks"], tmp_path)
    encoder = text.FAMILY.get("hashed", "TextEncoder")
    monkeypatch.setattr(encoder, "weights_digest", lambda self: "other")
    open_text_cache(part, ["a person walks"], tmp_path)
    assert len(list(tmp_path.glob("text-*.safetensors"))) == 2


def test_sentences_of_another_cache_are_not_encoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part(name="hashed", config={"width": 8, "max_tokens": 6})
    old = open_text_cache(part, ["a person walks", "someone waves twice"], tmp_path)
    asked: list[str] = []
    encoder = text.FAMILY.get("hashed", "TextEncoder")
    encode = encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda self, some: asked.extend(some) or encode(self, some))
    new = open_text_cache(part, ["jump", "someone waves twice", "a person walks"], tmp_path)
    assert asked == ["jump"]
    for sentence in ("a person walks", "someone waves twice"):
        assert torch.equal(new.look_up([sentence]).tokens, old.look_up([sentence]).tokens)
