"""What is left out and mixed in training: rates, and every mixed column comes from the clip its stream came from."""

from __future__ import annotations

import pytest
import torch

from kinescale.tokenizers.msq.augment import kept_scales, mix_parts
from kinescale.tokenizers.msq.parts import GRANULARITIES, PRESETS, stages_of
from msq_parts import rng


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_something_always_stays_and_the_rates_hold(preset: str) -> None:
    stages = stages_of(preset, True)
    finer = kept_scales(4000, stages, 0.2, 0.0, rng(0))
    assert bool(finer[:, 0].all()), "prefixes are never empty"
    assert bool((finer.long().diff(dim=1) <= 0).all()), "only finer scales are left out"
    cut = (~finer[:, -1]).float().mean()
    assert float(cut) == pytest.approx(0.2 * (1 - 1 / len(stages)), abs=0.02)
    parts = kept_scales(4000, stages, 0.0, 0.1, rng(1))
    assert bool(parts.any(1).all())
    whole = float(parts.all(1).float().mean())
    kinds = len({stage.granularity for stage in stages})
    # all dropped counts as none dropped
    assert whole == pytest.approx(1 - 0.1 * (1 - 2 * 0.5**kinds), abs=0.02)
    assert bool(kept_scales(50, stages, 0.0, 0.0, rng(2)).all())


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("residual", [True, False])
def test_mixed_streams_and_columns_come_from_the_same_clip(preset: str, residual: bool) -> None:
    stages = stages_of(preset, residual)
    parts = 1 + max(stage.members[-1] for stage in stages)
    batch = 40
    latent = torch.arange(1.0, batch + 1)[:, None, None, None].expand(-1, 6, parts, 2)
    target = torch.arange(1.0, batch + 1)[:, None, None].expand(-1, 24, 6)
    columns = [(i,) for i in range(6)]
    latents = torch.arange(batch) % 4 + 3
    mixed = mix_parts(latent, target, latents, stages, columns, 0.5, rng(3))
    seen = set()
    for clip in range(batch):
        own, other = clip + 1.0, (clip - 1) % batch + 1.0
        sources = mixed.target[clip, 0].tolist()
        assert set(sources) <= {own, other} and sources[0] == sources[1] == sources[2]
        changed = other in sources
        seen.add(changed)
        both = min(int(latents[clip]), int(latents[clip - 1]))
        assert int(mixed.latent_lengths[clip]) == (both if changed else int(latents[clip]))
        for stage in stages:
            for member, held in zip(stage.members, GRANULARITIES[stage.granularity], strict=True):
                wanted = {sources[part] for part in held}
                found = float(mixed.latent[clip, 0, member, 0])
                assert found == (wanted.pop() if len(wanted) == 1 else 0.0)
    assert seen == {True, False}
