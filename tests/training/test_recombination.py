"""Any tokenizer goes under any generator whose token kind fits; a pair that cannot be says why in one sentence."""

from __future__ import annotations

import pytest
import torch

from kinescale import generators, tokenizers
from kinescale.generators import Generator
from kinescale.tokenizers import Tokenizer
from kinescale.tokens import TextFeatures, TokenMap
from kinescale.tokens.token_map import MASKED, PADDING
from recombination import (
    LENGTHS,
    PAGE,
    Pair,
    begun_tokenizer,
    draw,
    generator_parts,
    table,
    text,
    tokenizer_parts,
    told,
    try_pair,
)

TOKENIZERS, GENERATORS = tokenizer_parts(), generator_parts()

BITS = {("scalemogen", name) for name in ("moscale", "mosa", "msq", "momask")}
NOT_ONE_SIZE = ("moscale", "mosa", "msq", "grouped", "scalemogen (vq)", "scalemogen (fsq)")
UNEQUAL = {(name, "momask") for name in NOT_ONE_SIZE}

SPARED = {"no_text", "padding_vector"}
"""What two steps may leave alone: no sentence was silent, or no position was padding."""

_built: dict[str, Tokenizer] = {}
_tried: dict[tuple[str, str], Pair] = {}


def tokenizer_of(name: str) -> Tokenizer:
    if name not in _built:
        _built[name] = begun_tokenizer(TOKENIZERS[name])
    return _built[name]


def pair_of(tokenizer: str, generator: str) -> Pair:
    if (tokenizer, generator) not in _tried:
        _tried[tokenizer, generator] = try_pair(tokenizer_of(tokenizer), GENERATORS[generator])
    return _tried[tokenizer, generator]


def test_every_tokenizer_and_generator_there_is_takes_part() -> None:
    assert {name for name in TOKENIZERS if "(" not in name} == set(tokenizers.FAMILY.names())
    assert set(GENERATORS) == set(generators.FAMILY.names())
    assert len(BITS | UNEQUAL) < len(TOKENIZERS) * len(GENERATORS) / 2


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_pair_learns_draws_and_decodes_or_says_why_not(tokenizer: str, generator: str) -> None:
    codec = tokenizer_of(tokenizer)
    found = pair_of(tokenizer, generator)
    if (tokenizer, generator) in BITS | UNEQUAL:
        why = "predicts codes, but the tokenizer makes tokens of 6 bits" if tokenizer == "scalemogen" else "of one size"
        assert why in found.refused and found.refused.endswith(".") and "\n" not in found.refused
        return
    assert not found.refused and found.generator is not None and found.seen
    assert len(found.losses) == 2 and all(0 < loss < float("inf") for loss in found.losses)
    assert set(found.unmoved) <= SPARED
    _is_whole(found, codec)
    assert found.tokens is not None
    _is_the_same_alone(found.tokens, found.generator, codec)


def test_the_page_tells_what_came_of_each_pair() -> None:
    pairs = {(name, other): pair_of(name, other) for name in TOKENIZERS for other in GENERATORS}
    assert told(PAGE.read_text(encoding="utf-8")) == table(pairs), "run: python docs/pairs.py"


def _is_whole(found: Pair, tokenizer: Tokenizer) -> None:
    """Every position holds a token of its scale's book, and the features are finite."""
    assert found.tokens is not None and found.features is not None
    layout = found.tokens.layout
    for scale, row in enumerate(found.tokens.scales):
        valid = found.tokens.valid(scale)
        most = 2 if row.ndim == 4 else tokenizer.codec.vocabularies[scale]
        assert int(row[valid].min()) >= 0 and int(row[valid].max()) < most and not bool((row == MASKED).any())
        assert bool((row[~valid] == PADDING).all())
    assert found.features.shape == (len(LENGTHS), layout.max_frames, tokenizer.feature_width)
    assert bool(found.features.isfinite().all())


def _is_the_same_alone(together: TokenMap, generator: Generator, tokenizer: Tokenizer) -> None:
    """The shortest clip of a batch is drawn as by itself, in a layout as small as it is."""
    codec = tokenizer.codec.view(generator.token_kind)
    clip = min(range(len(LENGTHS)), key=lambda i: LENGTHS[i])
    said = text(3)
    own = TextFeatures(said.tokens[clip : clip + 1], said.mask[clip : clip + 1])
    alone = codec.to_native(draw(generator, codec, torch.tensor([LENGTHS[clip]]), own, (clip,)))
    for scale, row in enumerate(alone.scales):
        here = together.scales[scale][clip][together.valid(scale)[clip]]
        assert torch.equal(row[0][alone.valid(scale)[0]], here)
