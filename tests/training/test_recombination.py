"""Any tokenizer goes under any generator whose token kind fits; a pair that cannot be says why in one sentence."""

from __future__ import annotations

import pytest
import torch
from recombination import LENGTHS, Pair, begun_tokenizer, draw, generator_parts, text, tokenizer_parts, try_pair
from torch import nn

from kinescale.generators import Generator
from kinescale.tokenizers import Tokenizer, seen_as
from kinescale.tokens import TextFeatures, TokenMap
from kinescale.tokens.token_map import MASKED, PADDING

TOKENIZERS, GENERATORS = tokenizer_parts(), generator_parts()

BITS = {("scalemogen", name) for name in ("moscale", "mosa", "msq", "momask")}
UNEQUAL = {(name, "momask") for name in ("moscale", "mosa", "msq", "scalemogen (vq)", "scalemogen (fsq)")}

_built: dict[str, Tokenizer] = {}


def tokenizer_of(name: str) -> Tokenizer:
    if name not in _built:
        _built[name] = begun_tokenizer(TOKENIZERS[name])
    return _built[name]


def test_the_pairs_are_all_there_and_nine_are_refused() -> None:
    assert len(TOKENIZERS) * len(GENERATORS) == 35 and len(BITS | UNEQUAL) == 9
    assert {name for name in TOKENIZERS if "(" not in name} == set(GENERATORS)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_pair_learns_draws_and_decodes_or_says_why_not(tokenizer: str, generator: str) -> None:
    codec = tokenizer_of(tokenizer)
    found = try_pair(codec, GENERATORS[generator])
    if (tokenizer, generator) in BITS | UNEQUAL:
        why = "predicts codes, but the tokenizer makes tokens of 6 bits" if tokenizer == "scalemogen" else "of one size"
        assert why in found.refused and found.refused.endswith(".") and "\n" not in found.refused
        return
    assert not found.refused and found.loss > 0 and found.generator is not None
    # all parameters but those that stand for no text, for padding that no clip has, or for a path of no size yet
    assert found.gradients >= len(list(found.generator.parameters())) - 2
    _is_whole(found, codec)
    _is_the_same_alone(found.generator, codec)


def _is_whole(found: Pair, tokenizer: Tokenizer) -> None:
    """Every position holds a token of its scale's book, and the features are finite."""
    assert found.tokens is not None and found.features is not None
    layout = found.tokens.layout
    for scale, row in enumerate(found.tokens.scales):
        valid = found.tokens.valid(scale)
        most = 2 if row.ndim == 4 else tokenizer.vocabularies[scale]
        assert int(row[valid].min()) >= 0 and int(row[valid].max()) < most and not bool((row == MASKED).any())
        assert bool((row[~valid] == PADDING).all())
    assert found.features.shape == (len(LENGTHS), layout.max_frames, tokenizer.feature_width)
    assert bool(found.features.isfinite().all())


def _is_the_same_alone(generator: Generator, tokenizer: Tokenizer) -> None:
    """The shortest clip of a batch is drawn as by itself, in a layout as small as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for parameter in generator.parameters():
            nn.init.normal_(parameter, std=0.2)
    codec = seen_as(tokenizer, generator.token_kind)
    clip = min(range(len(LENGTHS)), key=lambda i: LENGTHS[i])
    together: TokenMap = draw(generator, codec, torch.tensor(LENGTHS), text(3), (0, 1, 2))
    said = text(3)
    own = TextFeatures(said.tokens[clip : clip + 1], said.mask[clip : clip + 1])
    alone: TokenMap = draw(generator, codec, torch.tensor([LENGTHS[clip]]), own, (clip,))
    for scale, row in enumerate(alone.scales):
        here = together.scales[scale][clip][together.valid(scale)[clip]]
        assert torch.equal(row[0][alone.valid(scale)[0]], here)
