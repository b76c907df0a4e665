"""Small MoSa parts for tests: a tokenizer with spread codebooks, a generator with ordinary gains."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from kinescale.generators import mosa as generators
from kinescale.tokenizers import mosa as tokenizers
from kinescale.tokenizers.base import Tokenizer

PROPORTIONAL = (4, 8, 12, 16)
"""Bins that are whole in every four latents of sixteen."""


def small_tokenizer(**changes: Any) -> tokenizers.Tokenizer:
    """In eval mode, masked unless told otherwise; weights, codebooks and slots from a fixed seed."""
    sizes: dict[str, Any] = {
        "feature_width": 10, "width": 8, "blocks": 1, "code_dim": 6, "bins": PROPORTIONAL, "codes": (10, 14, 19, 24),
        "max_frames": 64, "slot_groups": 3, "explicit_slice": (2, 5), "padding": "masked",
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(21)
        built = tokenizers.Tokenizer(tokenizers.Config(**{**sizes, **changes})).eval()
        for book in built.pyramid.quantizers:
            book.codebook.normal_()
        if built.slots is not None:
            nn.init.normal_(built.slots.frames)
            built.slots.initialized.fill_(True)
        for name, parameter in built.named_parameters():
            if parameter.ndim == 1:
                nn.init.normal_(parameter, mean=float("norm.weight" in name), std=0.1)
    return built


def small_generator(tokenizer: Tokenizer, **changes: Any) -> generators.Generator:
    """In eval mode; every weight of ordinary size, so that every path shows in the logits."""
    codec, layout = tokenizer.codec, tokenizer.layout()
    sizes: dict[str, Any] = {
        "vocabularies": codec.vocabularies, "code_dim": codec.latent_width, "capacity": layout.capacity,
        "bins": tuple(scale.bins for scale in layout.scales), "groups": tuple(scale.groups for scale in layout.scales),
        "width": 16, "heads": 2, "layers": 2, "hidden": 24, "text_width": 7,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(22)
        built = generators.Generator(generators.Config(**{**sizes, **changes})).eval()
        for parameter in built.parameters():
            nn.init.normal_(parameter, std=0.4)
    return built
