"""Batches: normalized windows, zero padding as short as the layout allows, captions of the right side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kinescale import recipes
from kinescale.bundle.manifest import Part
from kinescale.core.errors import DataError
from kinescale.data.prepared import open_prepared, share_of
from kinescale.features import Normalizer
from kinescale.training.config import DrawConfig, StageConfig
from kinescale.training.data import Batch, Batches
from kinescale.training.feature_cache import open_store
from kinescale.training.parts import build_feature, build_tokenizer
from kinescale.training.text_cache import open_text_cache
from toy_training import toy_prepared

WIDTH = 272
TEXT = Part(name="hashed", config={"width": 8, "max_tokens": 6})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_prepared(tmp_path_factory.mktemp("data"), 40)


@pytest.fixture(scope="module")
def batches(data: Path) -> Batches:
    store = open_store(data, Part(name="rotations"), mirrored=True, dtype="float32", spare=data)
    normalizer = Normalizer(torch.arange(float(WIDTH)), torch.full((WIDTH,), 2.0))
    tokenizer = build_tokenizer(recipes.get("moscale.debug").tokenizer, build_feature(Part(name="rotations")), 0)
    config = StageConfig(batch_size=5, draw=DrawConfig(min_frames=16))
    return Batches(open_prepared(data).clips, store, normalizer, tokenizer.layout, config, seed=0, with_text=True)


def test_rows_are_normalized_windows_and_zeros(batches: Batches) -> None:
    for step in (0, 7):
        batch, windows = batches.train(step), batches.draws.windows(step, 5)
        assert len(batch) == 5 and batch.features.shape[1] == batches.layout(int(batch.lengths.max())).max_frames
        for row, window in enumerate(windows):
            stored = batches.store.read(window.clip, window.mirrored, window.start, window.length)
            expected = (np.asarray(stored) - np.arange(WIDTH)) / 2
            assert np.allclose(batch.features[row, : window.length], expected, atol=1e-5)
            assert not batch.features[row, window.length :].any()


@pytest.mark.parametrize("world", [2, 4])
def test_the_rows_of_all_processes_are_the_batch_of_one(data: Path, batches: Batches, world: int) -> None:
    def rows(rank: int, world: int, step: int) -> Batch:
        config = batches.config.but(batch_size=8)
        given = (open_prepared(data).clips, batches.store, batches.normalizer, batches.layout, config)
        return Batches(*given, seed=0, with_text=True, shard=(rank, world)).train(step)

    for step in (0, 40):
        whole, parts = rows(0, 1, step), [rows(rank, world, step) for rank in range(world)]
        assert torch.equal(whole.features, torch.cat([part.features for part in parts]))
        assert torch.equal(whole.lengths, torch.cat([part.lengths for part in parts]))
        assert whole.captions == tuple(caption for part in parts for caption in part.captions)


def test_captions_belong_to_the_clip_and_its_side(batches: Batches) -> None:
    seen = set()
    for step in range(20):
        batch = batches.train(step)
        for caption, window in zip(batch.captions, batches.draws.windows(step, 5), strict=True):
            clip = batches.clips[window.clip]
            assert caption in (clip.captions_mirrored if window.mirrored else clip.captions)
            assert clip.split == "train"
            seen.add((window.mirrored, caption))
    assert {side for side, _ in seen} == {True, False} and len(seen) > 6


def test_validation_is_fixed_and_ends(batches: Batches) -> None:
    first, again = batches.validation(0), batches.validation(0)
    assert first is not None and again is not None
    assert torch.equal(first.features, again.features) and first.captions == again.captions
    assert batches.validation(1000) is None


def test_cached_text_is_the_encoders(batches: Batches, tmp_path: Path) -> None:
    from kinescale.training.text_cache import build_text_encoder

    sentences = batches.captions()
    cache = open_text_cache(TEXT, sentences, tmp_path)
    file = next(tmp_path.iterdir())
    stamp = file.stat().st_mtime_ns
    again = open_text_cache(TEXT, sentences[::-1], tmp_path)
    assert file.stat().st_mtime_ns == stamp and len(again) == len(sentences)
    wanted = sentences[3:7]
    plain = build_text_encoder(TEXT).encode(wanted)
    for found in (cache.look_up(wanted), again.look_up(wanted)):
        assert torch.equal(found.mask, plain.mask)
        assert torch.allclose(found.tokens, plain.tokens * plain.mask[..., None], atol=2e-3)
    file.write_bytes(file.read_bytes()[:40])
    assert len(open_text_cache(TEXT, sentences, tmp_path)) == len(sentences)
    with pytest.raises(DataError, match="does not hold"):
        cache.look_up(["never said"])


def test_pairs_that_are_held_out_are_seen_by_neither_training_nor_validation(data: Path, batches: Batches) -> None:
    clips = batches.clips
    shares = {clip.label: share_of(f"pair {clip.corpus}/{clip.label}") for clip in clips}
    low, share = sorted(shares.values())[:2]
    kept = {label for label, value in shares.items() if value >= share}
    assert low < share and 0 < len(kept) < len(shares)
    assert {clip.label for clip in clips if not clip.held_out(share)} == kept
    assert not any(clip.held_out(0.0) for clip in clips)
    draw = DrawConfig(min_frames=16, held_out_pairs=share)
    config = StageConfig(batch_size=5, validate_batches=1000, draw=draw)
    fewer = Batches(clips, batches.store, batches.normalizer, batches.layout, config, seed=0, with_text=True)
    seen = {window.clip for step in range(30) for window in fewer.draws.windows(step, 5)}
    every = {window.clip for step in range(30) for window in batches.draws.windows(step, 5)}
    assert {clips[index].label for index in seen} == kept != {clips[index].label for index in every}
    said = {sentence for clip in clips if clip.label in kept for sentence in (*clip.captions, *clip.captions_mirrored)}
    validation = [fewer.validation(index) for index in range(4)]
    assert all(set(batch.captions) <= said for batch in validation if batch is not None)


def test_captions_that_tell_amounts_are_not_used_for_crops(batches: Batches) -> None:
    """The last ``amounts`` captions hold for the whole clip: a crop draws among the others, the whole among all."""
    clips = [replace(clip, amounts=1) for clip in batches.clips]
    draw = DrawConfig(min_frames=16, shorten=0.7)
    config = StageConfig(batch_size=5, draw=draw)
    cutting = Batches(clips, batches.store, batches.normalizer, batches.layout, config, seed=0, with_text=True)
    crops, wholes = set(), set()
    for step in range(30):
        batch, windows = cutting.train(step), cutting.draws.windows(step, 5)
        for caption, window in zip(batch.captions, windows, strict=True):
            clip = clips[window.clip]
            told = clip.captions_mirrored if window.mirrored else clip.captions
            cut = window.length + cutting.draws.stride <= batches.store.frames(window.clip)
            (crops if cut else wholes).add(told.index(caption))
    assert crops == {0} and wholes == {0, 1}
