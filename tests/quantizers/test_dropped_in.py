"""A quantizer dropped into the family's path is usable by every tokenizer, from a recipe, with no edit anywhere."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from kinescale import quantizers, recipes, tokenizers
from kinescale.bundle.manifest import Part
from kinescale.tokens import TokenMap
from kinescale.tokens.token_map import PADDING
from kinescale.training.parts import build_tokenizer
from recombination import FEATURE, LENGTHS, clips, generator_parts, try_pair

LFQ = '''
"""Lookup-free quantization (LFQ): the signs of the channels, at a size of their own."""

import torch
from pydantic import Field

from kinescale.core.records import Record
from kinescale.quantizers import base


class Config(Record):
    """``size`` of a channel's code."""

    width: int = Field(default=8, ge=1)
    size: float = 1.0


class Quantizer(base.Quantizer):
    """Bits of the signs."""

    token_kind = "bits"

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.vocabulary = self.width = config.width

    def indices(self, vectors):
        return (vectors > 0).long()

    def dequantize(self, tokens):
        signs = torch.where(tokens > 0, 1.0, -1.0).masked_fill(tokens == -1, 0.0)
        return signs * self.config.size
'''


@pytest.fixture
def lfq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """``lfq.py`` in a temporary folder of the family's path."""
    (tmp_path / "lfq.py").write_text(LFQ, encoding="utf-8")
    package = importlib.import_module(quantizers.__name__)
    assert package.__spec__ is not None
    longer = [*package.__path__, str(tmp_path)]
    monkeypatch.setattr(package, "__path__", longer)
    monkeypatch.setattr(package.__spec__, "submodule_search_locations", longer)
    importlib.invalidate_caches()
    yield
    sys.modules.pop(f"{quantizers.__name__}.lfq", None)
    vars(package).pop("lfq", None)


def with_lfq(name: str) -> Part:
    """The tokenizer of a debug recipe, with the new quantizer."""
    config = recipes.get(f"{name}.debug")
    part = config.tokenizer
    settings = {**part.to_json()["config"], "quantizer": "lfq", "quantizer_config": {"size": 0.25}}
    return config.but(tokenizer=Part(name=part.name, config=settings).to_json()).tokenizer


@pytest.mark.parametrize("name", tokenizers.FAMILY.names())
def test_every_tokenizer_takes_it_from_a_recipe(name: str, lfq: None) -> None:
    tokenizer = build_tokenizer(with_lfq(name), FEATURE, 0)
    assert type(tokenizer.pyramid.quantizer(0)).__module__.endswith(("lfq", "product"))
    assert tokenizer.codec.token_kind == "bits"
    lengths, rng = torch.tensor(LENGTHS), torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(tokenizer.parameters(), 1e-2)
    for _ in range(2):
        loss = tokenizer.train().training_loss(clips(), lengths, rng).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert bool(loss.isfinite()) and all(bool(p.isfinite().all()) for p in tokenizer.parameters())
    encoded = tokenizer.eval().encode(clips(), lengths)
    for k, row in enumerate(encoded.tokens.scales):
        assert row.shape[-1] == tokenizer.codec.vocabularies[k] and set(row.unique().tolist()) <= {PADDING, 0, 1}
        assert torch.equal((row != PADDING).all(-1), encoded.tokens.valid(k))
    torch.testing.assert_close(tokenizer.codec.latent_sum(encoded.tokens), encoded.quantized)
    assert isinstance(encoded.tokens, TokenMap) and bool(tokenizer.decode(encoded.tokens).isfinite().all())


def test_a_generator_of_bits_learns_and_draws_its_tokens(lfq: None) -> None:
    tokenizer = build_tokenizer(with_lfq("moscale"), FEATURE, 0).eval().requires_grad_(False)
    pair = try_pair(tokenizer, generator_parts()["scalemogen"])
    assert not pair.refused and pair.tokens is not None and pair.features is not None
    assert all(set(row.unique().tolist()) <= {PADDING, 0, 1} for row in pair.tokens.scales)
    assert bool(pair.features.isfinite().all())


def test_an_unknown_quantizer_is_refused_with_the_names_there_are() -> None:
    for name in tokenizers.FAMILY.names():
        with pytest.raises(Exception, match=r"no quantizer 'lfq'.*Known: .*vq"):
            tokenizers.FAMILY.get(name, "Config").parse({"quantizer": "lfq"})
