"""Small MoScale parts for tests: a tokenizer with a spread codebook, a generator with ordinary gains, texts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from kinescale.generators import moscale as generators
from kinescale.tokenizers import moscale as tokenizers
from kinescale.tokens.text_features import TextFeatures

SCALE_LISTS = [(8, 4, 2, 1), (16, 8, 4, 2, 1), (4, 1), (1,)]


def small_tokenizer(**changes: Any) -> tokenizers.Tokenizer:
    """In eval mode, weights and codebook from a fixed seed."""
    sizes: dict[str, Any] = {
        "feature_width": 10, "width": 16, "code_dim": 6, "codes": 24, "blocks": 2, "heads": 2, "ffn_ratio": 2,
        "max_frames": 128, "explicit_slice": (2, 5), "mask_padding": True,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        built = tokenizers.Tokenizer(tokenizers.Config(**{**sizes, **changes})).eval()
        built.pyramid.quantizers[0].codebook.normal_()
        for parameter in built.parameters():
            if parameter.ndim == 1:
                nn.init.normal_(parameter, std=0.1)
    return built


def small_generator(tokenizer: tokenizers.Tokenizer, **changes: Any) -> generators.Generator:
    """In eval mode; gates and head get ordinary size, so that every path shows in the logits."""
    codec = tokenizer.codec
    sizes: dict[str, Any] = {
        "vocabulary": codec.vocabulary, "code_dim": codec.latent_width, "scales": tokenizer.config.scales,
        "capacity": tokenizer.config.capacity, "latent_dim": 12, "head_latent_dim": 16, "heads": 2, "layers": 2,
        "mlp_ratio": 2, "text_width": 7, "text_tokens": 9, "prefix_pool_heads": 2,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12)
        built = generators.Generator(generators.Config(**{**sizes, **changes})).eval()
        for parameter in built.parameters():
            nn.init.normal_(parameter, std=0.4)
    return built


def small_text(count: int, width: int = 7, tokens: int = 9) -> TextFeatures:
    """Sentence i has 1 + i % ``tokens`` tokens; the same numbers for any ``count``."""
    rows = [torch.randn(tokens, width, generator=rng(100 + i)) for i in range(count)]
    lengths = torch.tensor([1 + i % tokens for i in range(count)])
    return TextFeatures(torch.stack(rows), torch.arange(tokens)[None] < lengths[:, None])


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clips(tokenizer: tokenizers.Tokenizer, lengths: list[int], frames: int, seed: int = 5) -> Tensor:
    """Smooth random features, zero past each length; clip i is the same whatever ``frames`` is."""
    made = torch.zeros(len(lengths), frames, tokenizer.feature_width)
    for index, length in enumerate(lengths):
        steps = torch.randn(length, tokenizer.feature_width, generator=rng(seed + index))
        made[index, :length] = steps.cumsum(0) * 0.3
    return made
