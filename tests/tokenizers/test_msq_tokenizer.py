"""MSQ's tokenizer: token counts, laws of padding, batches, prefixes, splices and swaps, training, bad input."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from kinescale.core.errors import ConfigError, InputError
from kinescale.pyramid.interpolation import interpolate
from kinescale.pyramid.streams import pool
from kinescale.quantizers import vq
from kinescale.tokenizers.msq import Config, Tokenizer
from kinescale.tokenizers.msq.parts import LEFT_ARM, RIGHT_ARM, TORSO
from kinescale.tokens import Codec, TokenMap
from kinescale.tokens.token_map import PADDING
from msq_parts import KINDS, clips, rng, small_tokenizer


@pytest.mark.parametrize(("preset", "positions"), [("pyramid", 528), ("grid", 819), ("limbs", 546)])
def test_token_counts_at_196_frames(preset: str, positions: int) -> None:
    with torch.device("meta"):
        built = Tokenizer(Config(preset=preset))
    layout = built.layout()
    assert (layout.capacity, layout.positions) == (49, positions)
    if preset == "pyramid":
        assert [(s.bins, s.groups) for s in layout.scales] == [(6, 1), (12, 1), (12, 2), (24, 2), (24, 6), (49, 6)]
    assert layout.scales[-1].members[-1] == (built.codec.latent_parts - 1,)
    short = built.layout(8)
    assert [s.bins for s in short.scales] == [max(1, 2 // s.factor) for s in layout.scales]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_goes_both_ways(kind: dict) -> None:
    tokenizer = small_tokenizer(**kind)
    assert isinstance(tokenizer.codec, Codec)
    lengths = torch.tensor([100, 4, 37])
    features = clips(tokenizer, lengths.tolist(), 100)
    before = features.clone(), lengths.clone()
    encoded = tokenizer.encode(features, lengths)
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    running = tokenizer.codec.empty(layout, 3)
    assert running.shape == encoded.latent.shape == (3, 25, tokenizer.codec.latent_parts, tokenizer.codec.latent_width)
    for k, row in enumerate(encoded.tokens.scales):
        assert torch.equal(row != PADDING, encoded.tokens.valid(k))
        assert bool((row != PADDING).flatten(1).any(1).all()), "every clip fills a bin of every scale"
        assert torch.equal(tokenizer.codec.quantize_scale(encoded.latent - running, k, layout, latents), row)
        added = tokenizer.codec.contribution(row, k, layout)
        others = [p for p in range(tokenizer.codec.latent_parts) if p not in tokenizer.stages[k].members]
        assert not bool(added[:, :, others].any()), "a scale adds to its own streams alone"
        running = running + added
        inputs = tokenizer.codec.scale_input(running, k, layout)
        assert inputs.shape == (3, layout.scales[k].bins, layout.scales[k].groups, tokenizer.codec.latent_width)
    torch.testing.assert_close(running, encoded.quantized)
    for count in range(1, len(layout.scales) + 1):
        decoded = tokenizer.decode(encoded.tokens.first(count))
        assert decoded.shape == (3, 100, 272) and bool(decoded.isfinite().all())
    assert torch.equal(features, before[0]) and torch.equal(lengths, before[1])


PLAIN: dict = {}
SPREADS = [{"spread": "cubic", "blend": 0.4}, {"spread": "nearest", "share_scales": True}]


@torch.no_grad()
@pytest.mark.parametrize(
    ("kind", "extra"),
    [*((kind, PLAIN) for kind in KINDS), *zip(KINDS[:2], SPREADS, strict=True), (KINDS[3], SPREADS[0])],
)
def test_padding_and_batch_do_not_matter(kind: dict, extra: dict) -> None:
    tokenizer = small_tokenizer(**kind, **extra)
    lengths = [96, 36, 6]
    features = clips(tokenizer, lengths, 96)
    features[1, 36:] = 7.0  # past the end nothing is read
    together = tokenizer.encode(features, torch.tensor(lengths)).tokens
    decoded = tokenizer.decode(together)
    for i, length in enumerate(lengths):
        alone = tokenizer.encode(features[i : i + 1, :length], torch.tensor([length])).tokens
        assert alone.layout.positions <= together.layout.positions
        for k, row in enumerate(alone.scales):
            mine = together.scales[k][i][together.valid(k)[i]]
            assert torch.equal(row[0][alone.valid(k)[0]], mine)
        whole = length // 4 * 4
        torch.testing.assert_close(tokenizer.decode(alone)[0, :whole], decoded[i, :whole], atol=1e-4, rtol=1e-4)


def test_short_clips_have_short_pyramids() -> None:
    tokenizer = small_tokenizer(max_frames=256)
    assert tokenizer.layout(60).positions < 0.25 * tokenizer.layout(256).positions


def test_bins_are_means_of_whole_latents_from_the_start() -> None:
    rows = torch.randn(2, 21, 3, 4, generator=rng(0))
    found = pool(rows, 2, 8, torch.tensor([21, 5]))
    torch.testing.assert_close(found[0, 1], rows[0, 8:16].mean(0))
    torch.testing.assert_close(found[1, 0], rows[1, :5].mean(0))


@pytest.mark.parametrize(("kind", "mode"), [("linear", "linear"), ("nearest", "nearest"), ("cubic", "bicubic")])
def test_spreading_is_torchs_interpolation(kind: str, mode: str) -> None:
    rows = torch.randn(1, 3, 1, 6, generator=rng(2))
    mine = interpolate(rows[:, :, 0].transpose(1, 2)[:, :, None], 4, 24, kind)[:, :, 0].transpose(1, 2)[:, :, None]  # type: ignore[arg-type]
    if mode == "bicubic":
        wanted = functional.interpolate(rows, size=(1, 24), mode=mode)
    else:
        wanted = functional.interpolate(rows[:, :, 0], size=24, mode=mode)[:, :, None]
    torch.testing.assert_close(mine, wanted)


SEAM = 52
"""Frames a token is felt on either side: half a coarse bin's interpolation (16) and the decoder's convolutions."""


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_splicing_tokens_is_splicing_motions(kind: dict) -> None:
    """At multiples of the coarsest bin (8 latents) concatenated tokens decode to both clips but for the seam."""
    tokenizer = small_tokenizer(**kind, max_frames=256)
    tokens = tokenizer.encode(clips(tokenizer, [96, 96], 96), torch.tensor([96, 96])).tokens
    joined = tuple(torch.cat([row[:1], row[1:]], 1) for row in tokens.scales)
    both = TokenMap(tokenizer.layout(192), torch.tensor([48]), joined)
    decoded, parts = tokenizer.decode(both)[0], tokenizer.decode(tokens)
    torch.testing.assert_close(decoded[: 96 - SEAM], parts[0, : 96 - SEAM], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(decoded[96 + SEAM :], parts[1, SEAM:], atol=1e-4, rtol=1e-3)
    assert float((decoded[:96] - parts[0]).abs().max()) > 1e-3, "the seam is blended"


@torch.no_grad()
@pytest.mark.parametrize("residual", [True, False])
def test_swapping_a_limbs_tokens_changes_that_limbs_stream_alone(residual: bool) -> None:
    """Tokens of one part are swapped exactly; the decoder's convolutions are all that lets other parts feel it."""
    tokenizer = small_tokenizer(preset="limbs", residual=residual)
    lengths = torch.tensor([96, 96])
    tokens = tokenizer.encode(clips(tokenizer, [96, 96], 96), lengths).tokens
    swapped = [row[:1].clone() for row in tokens.scales]
    for row, source in zip(swapped, tokens.scales, strict=True):
        row[:, :, LEFT_ARM] = source[1:, :, LEFT_ARM]
    mixed = TokenMap(tokens.layout, tokens.latent_lengths[:1], tuple(swapped))
    layout = tokens.layout

    def summed(maps: tuple) -> torch.Tensor:
        return torch.stack([tokenizer.codec.contribution(row, k, layout) for k, row in enumerate(maps)]).sum(0)

    own, found = summed(tokens.scales), summed(mixed.scales)
    for stage in tokenizer.stages:
        for group, member in enumerate(stage.members):
            source = 1 if group == LEFT_ARM else 0
            torch.testing.assert_close(found[0, :, member], own[source, :, member])
    assert not torch.equal(tokenizer.decode(mixed)[0], tokenizer.decode(tokens)[0])


@pytest.mark.slow
@pytest.mark.parametrize("residual", [True, False])
def test_a_trained_decoder_lets_other_parts_feel_little_of_a_swap(residual: bool) -> None:
    """After a short training of an almost linear task the swapped arm moves much more than what was not swapped."""
    tokenizer = small_tokenizer(
        preset="limbs", residual=residual, dropout=0.0, decoder_width=48, widths=(8, 8, 16),
        code_dims=(8, 8, 12), blocks=1, levels=(8, 8, 8, 8), cross_mix=0.3, drop_finer=0.0, max_frames=64,
    ).train()  # fmt: skip
    optimizer = torch.optim.Adam(tokenizer.parameters(), 4e-3)
    basis = torch.randn(6, 272, generator=rng(50)) * 0.3
    mask = torch.zeros(6, 272)
    for part, columns in enumerate(tokenizer.columns):
        mask[part, list(columns)] = 1.0
    basis = basis * mask

    def batch(seed: int) -> torch.Tensor:
        time = torch.arange(32)[None, :, None] / 32
        phase = torch.rand(8, 1, 6, generator=rng(seed)) * 6.28
        return torch.sin(6.28 * time + phase) @ basis

    lengths = torch.full((8,), 32)
    for step in range(90):
        loss = tokenizer.training_loss(batch(step), lengths, rng(step)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tokenizer.eval().requires_grad_(False)
    tokens = tokenizer.encode(batch(999), lengths).tokens
    rows = []
    for row in tokens.scales:
        swapped = row.clone()
        swapped[:, :, [LEFT_ARM]] = row.roll(1, 0)[:, :, [LEFT_ARM]]
        rows.append(swapped)
    plain = tokenizer.decode(tokens)
    moved = (tokenizer.decode(TokenMap(tokens.layout, tokens.latent_lengths, tuple(rows))) - plain).square()
    arm = float(moved[..., list(tokenizer.columns[LEFT_ARM])].mean())
    rest = float(moved[..., [c for p in (TORSO, RIGHT_ARM) for c in tokenizer.columns[p]]].mean())
    assert rest < 0.2 * arm, (rest, arm)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[3]])
def test_training_follows_its_generator_alone_and_learns(kind: dict) -> None:
    lengths = torch.tensor([32, 30, 21])
    losses = []
    for run in range(2):
        tokenizer = small_tokenizer(**kind, dropout=0.1, cross_mix=0.3, velocity_weight=0.1).train()
        features = clips(tokenizer, lengths.tolist(), 32)
        optimizer = torch.optim.Adam(tokenizer.parameters(), 1e-2)
        source, trail = rng(7), []
        for _ in range(8):
            torch.rand(run)  # the global state must not matter
            step = tokenizer.training_loss(features, lengths, source)
            optimizer.zero_grad()
            step.loss.backward()
            optimizer.step()
            trail.append(step.logs["loss"])
        losses.append(trail)
    assert losses[0] == losses[1]
    assert min(losses[0][-5:]) < 0.9 * losses[0][0]
    assert all(p.grad is not None for p in tokenizer.parameters())


def test_gains_begin_with_the_size_of_what_is_asked() -> None:
    tokenizer = small_tokenizer().train()
    features = clips(tokenizer, [64, 64], 64)
    layout = tokenizer.layout(64)
    latent = tokenizer.encode(features, torch.tensor([64, 64])).latent
    tokenizer.pyramid(latent, layout, torch.tensor([16, 16]), rng(0))
    asked = tokenizer.pyramid.pool(latent, 0, layout, torch.tensor([16, 16]))
    wanted = asked.square().mean((0, 1, 3)).sqrt()
    torch.testing.assert_close(tokenizer.pyramid.log_gains[0].exp().detach(), wanted.detach())
    kept = [gain.clone() for gain in tokenizer.pyramid.log_gains]
    tokenizer.pyramid(latent * 3, layout, torch.tensor([16, 16]), rng(0))
    assert all(torch.equal(a, b) for a, b in zip(kept, tokenizer.pyramid.log_gains, strict=True))


def test_the_loss_does_not_feel_padding_and_evaluation_changes_nothing() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([40, 17])
    state = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    short = tokenizer.training_loss(clips(tokenizer, [40, 17], 40), lengths, rng(1)).loss
    long = tokenizer.training_loss(clips(tokenizer, [40, 17], 128), lengths, rng(2)).loss
    torch.testing.assert_close(short, long)
    assert all(torch.equal(value, state[name]) for name, value in tokenizer.state_dict().items())


@pytest.mark.parametrize("quantizer", ["fsq", "vq"])
def test_the_loss_is_the_formula(quantizer: str) -> None:
    tokenizer = small_tokenizer(quantizer=quantizer, velocity_weight=0.1)
    lengths = torch.tensor([32, 20])
    features = clips(tokenizer, [32, 20], 32)
    encoded = tokenizer.encode(features, lengths)
    decoded = tokenizer.decode(encoded.tokens)
    inside = torch.arange(32)[None] < lengths[:, None]
    wanted = functional.smooth_l1_loss(decoded[inside], features[inside])
    wanted = wanted + 0.5 * functional.smooth_l1_loss(decoded[inside][:, 4:202], features[inside][:, 4:202])
    moves = [x[i, 1:n] - x[i, : n - 1] for x in (decoded, features) for i, n in enumerate(lengths.tolist())]
    wanted = wanted + 0.1 * functional.smooth_l1_loss(torch.cat(moves[:2]), torch.cat(moves[2:]))
    if quantizer == "vq":
        kept = torch.arange(8)[None] < encoded.tokens.latent_lengths[:, None]
        running, terms = tokenizer.codec.empty(encoded.tokens.layout, 2), []
        for k, row in enumerate(encoded.tokens.scales):
            running = running + tokenizer.codec.contribution(row, k, encoded.tokens.layout)
            here, there = (tokenizer.pyramid.streams(x, k)[kept] for x in (running, encoded.latent))
            terms.append(functional.mse_loss(here, there))
        wanted = wanted + 0.02 * sum(terms) / len(terms)
    torch.testing.assert_close(tokenizer.training_loss(features, lengths, rng(0)).loss, wanted)


def test_the_vq_codebooks_learn_from_valid_vectors() -> None:
    tokenizer = small_tokenizer(quantizer="vq", share_scales=True).train()
    books = [module for module in tokenizer.modules() if isinstance(module, vq.Quantizer)]
    assert len(books) == 9
    tokenizer.training_loss(clips(tokenizer, [64, 30], 64), torch.tensor([64, 30]), rng(0))
    assert all(bool(book.initialized) for book in books)
    assert len([m for m in small_tokenizer(quantizer="vq").modules() if isinstance(m, vq.Quantizer)]) == 18


def test_bad_batches_are_refused_in_one_sentence() -> None:
    tokenizer = small_tokenizer()
    good, lengths = clips(tokenizer, [40], 64), torch.tensor([40])
    nan = good.clone()
    nan[0, 3, 3] = float("nan")
    none = torch.zeros(0, dtype=torch.int64)
    cases = [
        (good[..., :263], lengths, "263 features per frame; this tokenizer takes 272"),
        (good, torch.tensor([65]), "65 frames"),
        (good[:, :38], lengths, "40 frames"),
        (good, torch.tensor([3]), "expected 4"),
        (good[:0], none, "empty"),
        (nan, lengths, "NaN"),
        (torch.zeros(1, 132, 272), lengths, "132 frames"),
    ]
    for features, given, message in cases:
        for call in (tokenizer.encode, lambda f, n: tokenizer.training_loss(f, n, rng(0))):
            with pytest.raises(InputError, match=message):
                call(features, given)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"preset": "fingers"}, "preset"),
        ({"quantizer": "lfq"}, "quantizer"),
        ({"max_frames": 130}, "max_frames"),
        ({"feature_width": 272}, "feature_width"),
        ({"feature_config": {"variant": "kit"}}, "251"),
        ({"explicit_slice": (4, 300)}, "block .explicit. is columns 4 to 300"),
        ({"downs": 0}, "downs"),
        ({"widths": (1, 0, 1)}, "widths"),
    ],
)
def test_inconsistent_configs_are_refused(changes: dict, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Config.parse(changes)
