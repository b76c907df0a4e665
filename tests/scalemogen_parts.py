"""Small ScaleMoGen parts for tests: rotation features of 22 joints, ordinary gains everywhere, texts and clips."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from kinescale.generators import scalemogen as generators
from kinescale.tokenizers import scalemogen as tokenizers
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures

WIDTH = 272
FACTORS = (32, 16, 12, 5, 4, 2, 1)
"""On purpose not all multiples of each other."""

SCHEDULES: list[Any] = [
    5,
    3,
    1,
    [[8, [[0, 1, 2, 3, 4, 5, 6]]], [3, [[6, 0, 1], [5, 2, 4, 3]]], [1, [[k] for k in range(7)]]],
]


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_tokenizer(**changes: Any) -> tokenizers.Tokenizer:
    """In eval mode, weights from a fixed seed, large enough that clips get different bits."""
    sizes = {"feature_width": WIDTH, "width": 8, "bits": 5, "blocks": 1, "max_frames": 128, "factors": FACTORS}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        built = tokenizers.Tokenizer(tokenizers.Config.parse({**sizes, **changes})).eval()
        nn.init.normal_(built.project_in.weight, std=1.0)
        nn.init.normal_(built.project_out.weight, std=1.0)
    return built


def small_generator(tokenizer: tokenizers.Tokenizer, **changes: Any) -> generators.Generator:
    """In eval mode; every parameter gets ordinary size, so that every path shows in the logits."""
    codec, layout = tokenizer.codec, tokenizer.layout()
    sizes: dict[str, Any] = {
        "vocabulary": codec.vocabulary, "code_dim": codec.latent_width, "capacity": layout.capacity,
        "scales": [s.factor for s in layout.scales], "bins": [s.bins for s in layout.scales],
        "groups": [s.groups for s in layout.scales], "width": 16, "heads": 2, "layers": 2, "mlp_ratio": 2,
        "text_width": 7, "text_tokens": 9, "faithful": tokenizer.config.faithful,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12)
        built = generators.Generator(generators.Config.parse({**sizes, **changes})).eval()
        for parameter in built.parameters():
            nn.init.normal_(parameter, std=0.4)
    return built


def small_text(count: int, width: int = 7, tokens: int = 9) -> TextFeatures:
    """Sentence i has 1 + i % ``tokens`` tokens; the same numbers for any ``count``."""
    rows = [torch.randn(tokens, width, generator=rng(100 + i)) for i in range(count)]
    lengths = torch.tensor([1 + i % tokens for i in range(count)])
    return TextFeatures(torch.stack(rows), torch.arange(tokens)[None] < lengths[:, None])


def one_of(text: TextFeatures, clip: int) -> TextFeatures:
    return TextFeatures(text.tokens[clip : clip + 1], text.mask[clip : clip + 1])


def clips(lengths: list[int], frames: int, seed: int = 5, width: int = WIDTH) -> Tensor:
    """Smooth random features, zero past each length; clip i is the same whatever ``frames`` is."""
    made = torch.zeros(len(lengths), frames, width)
    for index, length in enumerate(lengths):
        steps = torch.randn(length, width, generator=rng(seed + index))
        made[index, :length] = steps.cumsum(0) * 0.3
    return made


def steps_of(lengths: list[int]) -> Tensor:
    return torch.tensor([-(-length // 4) for length in lengths])


def valid_rows(layout: TokenLayout, latents: Tensor, flat: Tensor, clip: int) -> Tensor:
    """The filled positions of one clip in [B, L, ...]."""
    return flat[clip][layout.valid_flat(latents)[clip]]
