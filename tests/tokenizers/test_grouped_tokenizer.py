"""The grouped tokenizer: both ways for any scales, padding and companions without effect, codebooks that learn."""

from __future__ import annotations

import pytest
import torch

from kinescale.core.errors import ConfigError, InputError
from kinescale.tokenizers.grouped import Config, Tokenizer
from kinescale.tokens import Codec
from kinescale.tokens.token_map import PADDING

SMALL = {
    "feature_width": 10, "width": 12, "frame_width": 8, "code_dim": 6, "codes": 16, "encoder_blocks": 2,
    "decoder_blocks": 2, "max_frames": 128,
}  # fmt: skip


def small(seed: int = 0, **changes: object) -> Tokenizer:
    torch.manual_seed(seed)
    return Tokenizer(Config.parse({**SMALL, **changes}, where="test")).eval()


def clips(lengths: list[int], frames: int, seed: int = 1) -> torch.Tensor:
    features = torch.randn(len(lengths), frames, 10, generator=torch.Generator().manual_seed(seed))
    return features * (torch.arange(frames)[None, :, None] < torch.tensor(lengths)[:, None, None])


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("scales", [(1,), (8, 4, 2, 1), (4, 1, 1, 1), (6, 3, 1)])
def test_any_scale_list_goes_both_ways(scales: tuple[int, ...], groups: int) -> None:
    tokenizer = small(scales=scales, groups=groups, max_frames=96 if scales[0] == 6 else 128)
    assert isinstance(tokenizer.codec, Codec)
    lengths = torch.tensor([92, 4, 36])
    encoded = tokenizer.encode(clips(lengths.tolist(), 92), lengths)
    layout = encoded.tokens.layout
    running = tokenizer.codec.empty(layout, 3)
    for k, row in enumerate(encoded.tokens.scales):
        assert torch.equal(row != PADDING, encoded.tokens.valid(k))
        left = encoded.latent - running
        assert torch.equal(tokenizer.codec.quantize_scale(left, k, layout, encoded.tokens.latent_lengths), row)
        running = running + tokenizer.codec.contribution(row, k, layout)
        inputs = tokenizer.codec.scale_input(running, k, layout, encoded.tokens.latent_lengths)
        assert inputs.shape == (3, layout.scales[k].bins, groups, 6)
    torch.testing.assert_close(running, encoded.quantized)
    for count in range(1, len(scales) + 1):
        decoded = tokenizer.decode(encoded.tokens.first(count))
        assert decoded.shape == (3, layout.max_frames, 10) and bool(decoded.isfinite().all())


@pytest.mark.parametrize("length", [4, 20, 60, 64])
@pytest.mark.parametrize("stride", [2, 4])
def test_what_follows_a_clip_does_not_matter(length: int, stride: int) -> None:
    tokenizer = small(seed=length, stride=stride, scales=(4, 2, 1, 1), groups=2)
    alone = clips([length], length)
    among = torch.cat([torch.nn.functional.pad(alone, (0, 0, 0, 128 - length)), torch.randn(1, 128, 10)])
    one = tokenizer.encode(alone, torch.tensor([length]))
    two = tokenizer.encode(among, torch.tensor([length, 128]))
    for k, row in enumerate(one.tokens.scales):
        filled = int(one.tokens.valid(k)[0, :, 0].sum())
        assert torch.equal(row[0, :filled], two.tokens.scales[k][0, :filled])
    torch.testing.assert_close(
        tokenizer.decode(one.tokens)[0, :length], tokenizer.decode(two.tokens)[0, :length], atol=1e-5, rtol=1e-5
    )


def test_deeper_residuals_lose_less_once_codebooks_have_learned() -> None:
    tokenizer = small(scales=(4, 2, 1, 1, 1), groups=2, codes=32).train()
    optimizer = torch.optim.Adam(tokenizer.parameters(), lr=3e-3)
    for step in range(60):
        rng = torch.Generator().manual_seed(step)
        optimizer.zero_grad()
        tokenizer.training_loss(clips([64] * 8, 64, seed=step % 4), torch.tensor([64] * 8), rng).loss.backward()
        optimizer.step()
    assert int(tokenizer.steps_seen) == 60
    lengths = torch.tensor([64] * 8)
    encoded = tokenizer.eval().encode(clips([64] * 8, 64, seed=2), lengths)
    running, left = tokenizer.codec.empty(encoded.tokens.layout, 8), []
    for k, row in enumerate(encoded.tokens.scales):
        running = running + tokenizer.codec.contribution(row, k, encoded.tokens.layout)
        left.append(float((encoded.latent - running).square().mean()))
    assert left == sorted(left, reverse=True)


def test_the_share_of_continuous_clips_falls_to_none() -> None:
    tokenizer = small(scales=(2, 1), groups=2, continuous_steps=10, scale_dropout=0.0).train()
    lengths, rng = torch.tensor([32] * 64), torch.Generator().manual_seed(0)
    grid = torch.randn(64, 8, 2, 6)
    layout = tokenizer.layout(32)
    quantized = tokenizer.pyramid(grid, layout, layout.latents(lengths), rng)
    shares = []
    for step in (0, 5, 10):
        tokenizer.steps_seen.fill_(step)
        through = tokenizer._through(grid, quantized, rng)
        shares.append(float((through == grid).flatten(1).all(1).float().mean()))
    assert shares[0] == 1.0 and 0.2 < shares[1] < 0.8 and shares[2] == 0.0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="scales are"):
        Config.parse({**SMALL, "scales": [4, 3, 1]}, where="test")
    with pytest.raises(ConfigError, match="multiple of 32"):
        Config.parse({**SMALL, "scales": [8, 1], "max_frames": 100}, where="test")
    with pytest.raises(InputError, match="expected 4 to 128"):
        small().layout(129)
