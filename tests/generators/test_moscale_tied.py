"""MoScale's generator with tables of its own for each scale and group, scale weights and stretches of time."""

from __future__ import annotations

import pytest
import torch

from kinescale.generators import moscale
from kinescale.samplers import next_scale
from kinescale.samplers.base import SampleRequest
from kinescale.tokenizers import grouped
from moscale_parts import rng, small_text


def parts(groups: int = 1, **changes: object) -> tuple[grouped.Tokenizer, moscale.Generator]:
    torch.manual_seed(3)
    tokenizer = grouped.Tokenizer(
        grouped.Config(
            feature_width=10, width=12, frame_width=8, code_dim=6, codes=16, groups=groups, scales=(4, 2, 1, 1),
            encoder_blocks=1, decoder_blocks=1, max_frames=128,
        )
    ).eval()  # fmt: skip
    layout = tokenizer.layout()
    config = moscale.Config(
        vocabulary=16, code_dim=6, scales=(4, 2, 1, 1), capacity=layout.capacity, latent_dim=12, head_latent_dim=16,
        bins=tuple(s.bins for s in layout.scales), groups=(groups,) * 4, heads=2, layers=2, mlp_ratio=2, text_width=7,
        text_tokens=9, prefix_pool_heads=2, **{"tied": True, **changes},
    )  # fmt: skip
    generator = moscale.Generator(config).eval()
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return tokenizer, generator


@pytest.mark.parametrize("groups", [1, 3])
def test_stepping_gives_the_numbers_of_one_pass(groups: int) -> None:
    tokenizer, generator = parts(groups)
    lengths = torch.tensor([100, 36])
    features = torch.randn(2, 100, 10, generator=rng(0))
    encoded = tokenizer.encode(features, lengths)
    layout, latents, text = encoded.tokens.layout, encoded.tokens.latent_lengths, small_text(2)
    running, inputs = tokenizer.codec.empty(layout, 2), []
    for k, row in enumerate(encoded.tokens.scales):
        inputs.append(tokenizer.codec.scale_input(running, k, layout, latents))
        running = running + tokenizer.codec.contribution(row, k, layout)
    whole = generator(generator.read(text), inputs[1:], encoded.tokens.flatten(), layout, latents)
    state = generator.begin(text, layout, latents)
    for k, row in enumerate(encoded.tokens.scales):
        logits, state = generator.step(state, k, inputs[k], row)
        start, stop = layout.starts[k : k + 2]
        valid = layout.valid(latents, k).flatten(1)
        torch.testing.assert_close(logits[valid], whole[:, start:stop][valid], atol=1e-4, rtol=1e-4)
        state = generator.commit(state, k, inputs[k], row)


@pytest.mark.parametrize("groups", [1, 2])
def test_adopted_tables_hold_each_codebook_at_unit_size(groups: int) -> None:
    tokenizer, generator = parts(groups)
    generator.adopt(tokenizer.codec)
    place = 0
    for scale in range(4):
        for group in range(groups):
            book = tokenizer.pyramid.quantizer(scale).codebooks[group].codebook
            mine = generator.token_table[place].detach()
            assert float(mine.square().mean().sqrt()) == pytest.approx(1.0, rel=1e-4)
            torch.testing.assert_close(mine / mine[0].norm(), book / book[0].norm(), atol=1e-4, rtol=1e-3)
            place += 1


def test_stretches_of_time_are_asked_in_one_piece() -> None:
    tokenizer, generator = parts(span_share=1.0)
    layout, latents = tokenizer.layout(128), torch.tensor([32] * 200 + [9] * 200)
    inside = generator._inside_spans(layout, latents, rng(1)) & layout.valid_flat(latents)
    assert bool(inside.any(1).all())
    finest = inside[:, layout.starts[3] : layout.starts[4]]
    edges = finest.long().diff(dim=1).clamp(min=0).sum(1) + finest[:, 0].long()
    assert bool((edges == 1).all())
    shares = finest.sum(1) / latents
    assert float(shares.min()) < 0.15 and float(shares.max()) > 0.9
    for scale in range(3):
        coarse = inside[:, layout.starts[scale] : layout.starts[scale + 1]]
        spread = coarse.repeat_interleave(layout.scales[scale].factor, dim=1)[:, : finest.shape[1]]
        assert bool((spread | ~finest).all())  # a bin is asked for where any of its steps is


def test_it_learns_and_samples() -> None:
    tokenizer, generator = parts(span_share=0.5, scale_balance=0.5, text_dropout=0.0, corruption=0.0)
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    generator.adopt(tokenizer.codec)
    lengths, text = torch.tensor([64] * 6), small_text(6)
    latent = tokenizer.encode(torch.randn(6, 64, 10, generator=rng(2)), lengths).latent
    optimizer, losses = torch.optim.Adam(generator.parameters(), lr=1e-2), []
    for step in range(40):
        optimizer.zero_grad()
        outcome = generator.train().training_loss(tokenizer.codec, latent, lengths, text, rng(step))
        outcome.loss.backward()
        optimizer.step()
        losses.append(float(outcome.loss.detach()))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    layout = tokenizer.layout(64)
    drawn = next_scale.sample(
        SampleRequest(
            generator=generator.eval(),
            codec=tokenizer.codec,
            text=text,
            layout=layout,
            latent_lengths=layout.latents(lengths),
            rngs=[rng(i) for i in range(6)],
        ),
        next_scale.Config(steps=(1, 2)),
    )
    assert all(int(row.max()) < 16 for row in drawn.tokens.scales)
