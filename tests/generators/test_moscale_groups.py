"""MoScale's generator over pyramids of parts, uneven bins and books of different size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from kinescale.core.errors import ConfigError
from kinescale.generators import moscale
from kinescale.generators.base.masking import Masking, mask_tokens
from kinescale.generators.moscale.network import LACKING
from kinescale.generators.moscale.training import corruptor
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.token_map import MASKED, PADDING
from moscale_parts import rng, small_text

BINS, GROUPS, CODES = (1, 3, 6, 10), (1, 2, 2, 3), (4, 9, 9, 12)


def layout_of(rounding: str = "up") -> TokenLayout:
    scales = tuple(Scale(b, g, 10 // b if 10 % b == 0 else 0) for b, g in zip(BINS, GROUPS, strict=True))
    return TokenLayout(scales, 10, 4, rounding)  # type: ignore[arg-type]


def generator_of(**changes) -> moscale.Generator:
    layout = layout_of()
    sizes = {
        "vocabulary": max(CODES), "vocabularies": CODES, "code_dim": 5, "scales": [s.factor for s in layout.scales],
        "bins": BINS, "groups": GROUPS, "capacity": 10, "latent_dim": 12, "head_latent_dim": 16, "heads": 2,
        "layers": 2, "mlp_ratio": 2, "text_width": 7, "text_tokens": 9, "prefix_pool_heads": 2,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12)
        built = moscale.Generator(moscale.Config.parse({**sizes, **changes})).eval()
        for parameter in built.parameters():
            nn.init.normal_(parameter, std=0.4)
    return built


def tokens_of(layout: TokenLayout, latents: torch.Tensor) -> list[torch.Tensor]:
    rows = []
    for scale, spec in enumerate(layout.scales):
        row = torch.randint(CODES[scale], (len(latents), spec.bins, spec.groups), generator=rng(scale))
        rows.append(row.masked_fill(~layout.valid(latents, scale), PADDING))
    return rows


@pytest.mark.parametrize("rounding", ["up", "all", "down"])
def test_scale_by_scale_gives_the_logits_of_one_pass(rounding: str) -> None:
    generator, layout = generator_of(), layout_of(rounding)
    latents = torch.tensor([10, 7])
    inputs = [torch.randn(2, s.bins, s.groups, 5, generator=rng(20 + k)) for k, s in enumerate(layout.scales)]
    tokens, text = tokens_of(layout, latents), small_text(2)
    flat = torch.cat([row.flatten(1) for row in tokens], 1)
    with torch.no_grad():
        logits = generator(generator.read(text), inputs[1:], flat, layout, latents)
        whole = logits.split([spec.size for spec in layout.scales], 1)
        state = generator.begin(text, layout, latents)
        for scale, row in enumerate(tokens):
            # a first pass over hidden tokens leaves nothing behind
            generator.step(state, scale, inputs[scale], torch.full_like(row, MASKED))
            logits, state = generator.step(state, scale, inputs[scale], row)
            valid = layout.valid(latents, scale).flatten(1)
            torch.testing.assert_close(logits[valid], whole[scale][valid], atol=1e-4, rtol=1e-4)
            assert bool((logits[..., CODES[scale] :] == LACKING).all())
            assert bool((logits[..., : CODES[scale]] != LACKING).all())
            state = generator.commit(state, scale, inputs[scale], row)


def test_groups_of_a_bin_share_its_place_and_are_told_apart() -> None:
    generator, layout = generator_of(), layout_of()
    places = generator.rotary_phases(layout)
    first = layout.starts[3]
    assert torch.equal(places[:, first], places[:, first + 2])
    assert not torch.equal(places[:, first], places[:, first + 3])
    rows = generator._position_embeddings(layout)
    assert torch.equal(rows[first], rows[first + 3]) and not torch.equal(rows[first], rows[first + 1])
    assert generator.group_table is not None and generator.group_table.num_embeddings == sum(GROUPS)


def test_one_group_a_scale_adds_no_parameter() -> None:
    alone = moscale.Config.parse({"scales": [8, 4, 2, 1], "capacity": 49, "layers": 1})
    told = alone.but(bins=(6, 12, 24, 49), groups=(1, 1, 1, 1), vocabularies=(512,) * 4)
    with torch.device("meta"):
        built = [moscale.Generator(config) for config in (alone, told)]
    first, second = ({k: v.shape for k, v in b.state_dict().items()} for b in built)
    assert first == second and built[0].group_table is None


def test_mistakes_stay_within_each_scales_book() -> None:
    layout, latents = layout_of(), torch.tensor([10, 10, 6])
    corrupt = corruptor(1.0, CODES, layout, latents, rng(3))
    for scale, row in enumerate(tokens_of(layout, latents)):
        wrong = corrupt(row, scale)
        valid = layout.valid(latents, scale)
        assert int(wrong[valid].max()) < CODES[scale] and int(wrong[valid].min()) >= 0
    labels = torch.cat([row.flatten(1) for row in tokens_of(layout, latents)], 1)
    codes = torch.tensor(CODES)[layout.scale_of_position()]
    rates = Masking(max(CODES), 0.0, 1.0, 1.0, codes=codes)
    for seed in range(20):
        shown, _ = mask_tokens(labels, layout.valid_flat(latents), rates, rng(seed))
        assert bool((shown < codes).all())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bins": (1, 3)}, "as many of each"),
        ({"groups": (1, 2, 0, 3)}, "1 or more"),
        ({"vocabularies": (4, 9, 9, 13)}, "2 to 12 codes"),
        ({"bins": ()}, "factors from 1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        generator_of(**changes)
