"""Every tokenizer under every generator at debug size: what a pair does, or the sentence that refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kinescale import recipes, samplers
from kinescale.bundle.bundle import variant_of
from kinescale.bundle.manifest import Part
from kinescale.core.errors import ConfigError, InputError
from kinescale.generators import FAMILY, Generator
from kinescale.tokenizers import Tokenizer, seen_as
from kinescale.tokens import BitView, TextFeatures, TokenMap
from kinescale.training.parts import build_generator, build_tokenizer

WIDTH, TEXT_WIDTH, TEXT_TOKENS = 272, 16, 16
LENGTHS = (64, 37, 22)

SYSTEMS = ("moscale", "mosa", "scalemogen", "msq", "momask")


def tokenizer_parts() -> dict[str, Part]:
    """Those of the debug recipes, ScaleMoGen's also with each quantiser of codes."""
    found = {name: recipes.get(f"{name}.debug").tokenizer for name in SYSTEMS}
    bits = found["scalemogen"].config
    for kind, size in (("vq", {"codes": 16}), ("fsq", {"levels": [5, 3]})):
        config = {**bits, "quantizer": kind, "code_dim": 6, **size}
        found[f"scalemogen ({kind})"] = Part(name="scalemogen", config=config)
    return found


def generator_parts() -> dict[str, Part]:
    """Those of the debug recipes."""
    parts = {name: recipes.get(f"{name}.debug").generator for name in SYSTEMS}
    return {name: part for name, part in parts.items() if part is not None}


def begun_tokenizer(part: Part) -> Tokenizer:
    """A tokenizer whose books have seen one training batch."""
    tokenizer = build_tokenizer(part, WIDTH, 0)
    tokenizer.train().training_loss(clips(), torch.tensor(LENGTHS), torch.Generator().manual_seed(1))
    return tokenizer.eval().requires_grad_(False)


def clips() -> Tensor:
    """Smooth random features, zero past each clip's length."""
    rng = torch.Generator().manual_seed(5)
    made = torch.randn(len(LENGTHS), max(LENGTHS), WIDTH, generator=rng).cumsum(1) * 0.3
    inside = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return made * inside[:, :, None]


def text(count: int) -> TextFeatures:
    """Sentences of one to four tokens."""
    rng = torch.Generator().manual_seed(6)
    lengths = torch.arange(count) % 4 + 1
    return TextFeatures(torch.randn(count, 4, TEXT_WIDTH, generator=rng), torch.arange(4)[None] < lengths[:, None])


@dataclass(frozen=True, eq=False)
class Pair:
    """What came of a tokenizer under a generator; ``refused``: why nothing did."""

    refused: str = ""
    generator: Generator | None = None
    loss: float = 0.0
    gradients: int = 0
    tokens: TokenMap | None = None
    features: Tensor | None = None
    seen: str = ""


def try_pair(tokenizer: Tokenizer, part: Part) -> Pair:
    """One training step, a draw of the three clips and their features."""
    try:
        generator = build_generator(part, tokenizer, TEXT_WIDTH, TEXT_TOKENS, 0)
    except (ConfigError, InputError) as problem:
        return Pair(refused=str(problem))
    codec = seen_as(tokenizer, generator.token_kind)
    lengths = torch.tensor(LENGTHS)
    latent = tokenizer.encode(clips(), lengths).latent
    rng = torch.Generator().manual_seed(2)
    step = generator.train().training_loss(codec, latent, lengths, text(len(lengths)), rng)
    step.loss.backward()
    gradients = sum(p.grad is not None and bool(p.grad.any()) for p in generator.parameters())
    tokens = draw(generator.eval(), codec, lengths, text(len(lengths)), (0, 1, 2))
    plain = codec.plain(tokens) if isinstance(codec, BitView) else tokens
    kind = "codes as bits" if isinstance(codec, BitView) else tokenizer.token_kind
    return Pair("", generator, float(step.loss.detach()), gradients, plain, tokenizer.decode(plain), kind)


def draw(
    generator: Generator, codec: Any, lengths: Tensor, sentences: TextFeatures, seeds: tuple[int, ...]
) -> TokenMap:
    """Tokens by the sampler that the generator names, a seed a clip."""
    module = samplers.FAMILY.load(FAMILY.get(variant_of(generator), "SAMPLER"))
    fields = module.Config.model_fields
    config = module.Config.parse({"steps": [2]} if "steps" in fields else {})
    layout = codec.layout(int(lengths.max()))
    latents = layout.latents(lengths)
    rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
    with torch.no_grad():
        return module.sample(generator, codec, sentences, None, layout, latents, config=config, rngs=rngs).tokens
