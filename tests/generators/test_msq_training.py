"""Masking: the right share of each clip's tokens by each pattern, the right things shown in their places."""

from __future__ import annotations

import math

import pytest
import torch

from kinescale.core.errors import ConfigError
from kinescale.generators.msq.training import Masking, choose, covers, labels_of, show, stream_ids
from kinescale.tokens.token_map import MASKED, PADDING
from msq_parts import KINDS, clips, rng, small_tokenizer

ONLY = {
    name: Masking(**{**dict.fromkeys(("tokens", "streams", "scales", "spans"), 0.0), name: 1.0})
    for name in ("tokens", "streams", "scales", "spans")
}


def many(count: int = 300, pattern: str = "tokens", seed: int = 0):
    layout = small_tokenizer().layout()
    latents = torch.randint(1, layout.capacity + 1, (count,), generator=rng(9))
    return layout, latents, choose(layout, latents, ONLY[pattern], rng(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_the_tokens(kind: dict) -> None:
    tokenizer = small_tokenizer(**kind)
    encoded = tokenizer.encode(clips(tokenizer, [128, 50], 128), torch.tensor([128, 50]))
    labels = labels_of(tokenizer.codec, encoded.latent, encoded.tokens.layout, encoded.tokens.latent_lengths)
    assert torch.equal(labels, encoded.tokens.flatten())


@pytest.mark.parametrize("pattern", sorted(ONLY))
def test_a_cosine_share_of_the_valid_positions_is_asked_for(pattern: str) -> None:
    layout, latents, chosen = many(600, pattern)
    valid = layout.valid_flat(latents)
    assert not bool((chosen & ~valid).any()) and bool(chosen.any(1).all())
    share = (chosen.sum(1) / valid.sum(1)).mean()
    assert float(share) == pytest.approx(2 / math.pi, abs=0.05)


def test_the_patterns_have_their_shares() -> None:
    layout = small_tokenizer().layout()
    latents = torch.full((4000,), layout.capacity)
    found = {name: choose(layout, latents, masking, rng(4)).float().std(0).mean() for name, masking in ONLY.items()}
    assert all(math.isfinite(float(x)) for x in found.values())
    mixed = choose(layout, latents, Masking(), rng(5))
    first, last = mixed[:, 0].float().mean(), mixed[:, -1].float().mean()
    # Coarse scales are asked for less: the third pattern takes the finest first.
    assert float(last) > float(first)


def test_streams_are_taken_whole_but_for_the_last() -> None:
    layout, latents, chosen = many(pattern="streams")
    valid = layout.valid_flat(latents)
    stream = torch.cat(
        [
            torch.arange(s.groups).repeat(s.bins) + first
            for s, first in zip(layout.scales, stream_ids([s.groups for s in layout.scales]), strict=True)
        ]
    )
    for one, ok in zip(chosen, valid, strict=True):
        counts = [(int(one[(stream == s) & ok].sum()), int((ok & (stream == s)).sum())) for s in range(9)]
        assert sum(0 < got < whole for got, whole in counts) <= 1


def test_scales_are_taken_whole_finest_first() -> None:
    layout, latents, chosen = many(pattern="scales")
    for one, ok in zip(chosen, layout.valid_flat(latents), strict=True):
        shares = [
            float(one[a:b][ok[a:b]].float().mean()) for a, b in zip(layout.starts, layout.starts[1:], strict=False)
        ]
        assert shares == sorted(shares) and sum(0 < share < 1 for share in shares) <= 1


def test_spans_are_one_stretch_of_time_in_every_stream() -> None:
    layout, latents, chosen = many(pattern="spans")
    cover = covers(layout)
    for one, length in zip(chosen, latents.tolist(), strict=True):
        if int(one.sum()) < 12:
            continue
        low, high = float(cover[one, 0].min()), float(cover[one, 1].max())
        inside = (cover[:, 0] >= low + 4) & (cover[:, 1] <= high - 4) & (cover[:, 1] <= length)
        assert bool(one[inside].all())
        for start, spec in zip(layout.starts, layout.scales, strict=False):
            row = one[start : start + spec.size].view(spec.bins, spec.groups)
            assert bool((row == row[:, :1]).all()), "all groups alike"


def test_what_is_shown_has_the_right_rates() -> None:
    labels = torch.full((400, 60), 3)
    labels[:, 50:] = PADDING
    chosen = (torch.rand(400, 60, generator=rng(1)) < 0.5) & (labels >= 0)
    before = labels.clone()
    shown = show(labels, chosen, torch.full((60,), 1000), Masking(), rng(2))
    assert torch.equal(labels, before) and bool((shown[labels < 0] == PADDING).all())
    assert float((shown[chosen] == MASKED).float().mean()) == pytest.approx(0.88, abs=0.01)
    assert float((shown[chosen] == 3).float().mean()) == pytest.approx(0.02, abs=0.01)
    rest = shown[~chosen & (labels >= 0)]
    assert float((rest != 3).float().mean()) == pytest.approx(0.10, abs=0.01) and int(rest.min()) >= 0
    assert int(shown.max()) < 1000
    narrow = show(labels, chosen, torch.full((60,), 4), Masking(noise=1.0), rng(3))
    assert int(narrow.max()) == 3


def test_streams_are_those_of_scales_with_as_many_groups() -> None:
    assert stream_ids((1, 1, 2, 2, 6, 6)) == (0, 0, 1, 1, 3, 3)
    assert stream_ids((6, 6)) == (0, 0) and stream_ids((1, 2, 6, 1)) == (0, 1, 3, 0)


@pytest.mark.parametrize("changes", [{"tokens": 0.9}, {"masked": 0.95}, {"noise": 2.0}])
def test_shares_that_do_not_add_up_are_refused(changes: dict) -> None:
    with pytest.raises(ConfigError):
        Masking.parse(changes)
