"""Small MSQ parts for tests: tokenizers of every kind with begun gains and spread books, a generator, smooth clips."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from kinescale.generators import msq as generators
from kinescale.quantizers import vq
from kinescale.tokenizers import msq as tokenizers
from moscale_parts import clips, rng, small_text

__all__ = ["KINDS", "clips", "rng", "small_generator", "small_text", "small_tokenizer"]

KINDS = [
    {"preset": preset, "residual": residual, "quantizer": quantizer}
    for preset, residual, quantizer in (
        ("pyramid", True, "fsq"),
        ("pyramid", False, "vq"),
        ("grid", True, "fsq"),
        ("limbs", True, "vq"),
        ("limbs", False, "fsq"),
    )
]
"""Presets, both ways of summing, both quantizers."""


def small_tokenizer(**changes: Any) -> tokenizers.Tokenizer:
    """For the rotations feature (272 wide), in eval mode, weights from a fixed seed."""
    sizes: dict[str, Any] = {
        "feature_width": 272, "feature": "rotations", "explicit_slice": (4, 202), "max_frames": 128, "blocks": 2,
        "widths": (10, 8, 6), "code_dims": (7, 6, 5), "decoder_width": 12, "levels": (5, 4, 3), "codes": 24,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        built = tokenizers.Tokenizer(tokenizers.Config(**{**sizes, **changes})).eval()
        for parameter in built.parameters():
            if parameter.ndim == 1:
                nn.init.normal_(parameter, std=0.1)
        for module in built.modules():
            if isinstance(module, vq.Quantizer):
                module.codebook.normal_()
    return built


def small_generator(tokenizer: Any, **changes: Any) -> generators.Generator:
    """In eval mode, with weights of ordinary size, so that every path shows in the logits; fits any tokenizer."""
    codec, layout = tokenizer.codec, tokenizer.layout()
    sizes: dict[str, Any] = {
        "vocabularies": codec.vocabularies, "bins": tuple(s.bins for s in layout.scales),
        "groups": tuple(s.groups for s in layout.scales), "capacity": layout.capacity,
        "width": 12, "heads": 2, "layers": 2, "hidden": 24, "text_width": 7, "text_tokens": 9,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12)
        built = generators.Generator(generators.Config(**{**sizes, **changes})).eval()
        for parameter in built.parameters():
            nn.init.normal_(parameter, std=0.4)
    return built
