"""A whole system with random weights, small enough to build in a test: only its sizes are not real."""

from __future__ import annotations

import torch

from kinescale import features, generators, tokenizers
from kinescale.bundle import Bundle, License, Part, Provenance
from kinescale.features import Normalizer

MAX_FRAMES = 64
STRIDE = 4

LICENSES = (
    License(source="corpus one", name="CC BY-NC 4.0", url="https://example.org/by-nc", non_commercial=True),
    License(source="corpus two", name="free for all uses", attribution="Made by the people of corpus two."),
)


def tiny_bundle(seed: int = 0, *, generator: bool = True, text: str = "hashed") -> Bundle:
    """MoScale on rotation features with ``hashed`` text; equal seeds give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        feature = features.FAMILY.get("rotations", "build")(features.FAMILY.get("rotations", "Config")())
        tokenizer = _tokenizer(feature.width)
        made = _generator(384 if text == "minilm" else 16) if generator else None
        spread = torch.rand(feature.width) + 0.5
        mean = torch.zeros(feature.width)
        mean[feature.blocks["root_height"]] = 0.9
    return Bundle(
        feature=feature,
        normalizer=Normalizer(mean, 0.1 * spread),
        tokenizer=tokenizer.eval().requires_grad_(False),
        generator=None if made is None else made.eval().requires_grad_(False),
        text=Part(name=text, config={} if text == "minilm" else {"width": 16, "max_tokens": 8}) if generator else None,
        licenses=LICENSES,
        provenance=Provenance(recipe="moscale.tiny", steps={"tokenizer": 1}, limits=["It has learned nothing."]),
        title="Tiny test bundle",
    )


def _tokenizer(width: int) -> tokenizers.Tokenizer:
    module = tokenizers.FAMILY.load("moscale")
    sizes = {"width": 16, "code_dim": 16, "codes": 32, "blocks": 1, "heads": 2, "scales": (4, 2, 1)}
    return module.Tokenizer(module.Config(feature_width=width, max_frames=MAX_FRAMES, mask_padding=True, **sizes))


def _generator(text_width: int) -> generators.Generator:
    module = generators.FAMILY.load("moscale")
    sizes = {"latent_dim": 16, "head_latent_dim": 32, "heads": 2, "layers": 2, "prefix_pool_heads": 1}
    codes = {"vocabulary": 32, "code_dim": 16, "scales": (4, 2, 1), "capacity": MAX_FRAMES // STRIDE}
    made = module.Generator(module.Config(text_width=text_width, text_tokens=32, **sizes, **codes))
    # untrained heads start near zero; louder ones make the text and the seed matter
    made.head.weight.data.mul_(100)
    return made
