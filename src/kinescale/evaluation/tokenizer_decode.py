"""Features encoded to tokens and decoded again, in batches of windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.features import Normalizer
from kinescale.tokenizers import Tokenizer


@torch.no_grad()
def decoded(
    tokenizer: Tokenizer,
    normalizer: Normalizer,
    features: Sequence[Float[Tensor, "_ F"]],
    scales: int | None = None,
    batch: int = 8,
) -> list[Float[Tensor, "_ F"]]:
    """Features of clips through the tokens and back, in their own units, on the CPU.

    Clips longer than the tokenizer's capacity go through window by window. Windows of like length share a batch.
    """
    layout = tokenizer.layout()
    windows = [(clip, window) for clip, whole in enumerate(features) for window in whole.split(layout.max_frames)]
    parts: list[Tensor | None] = [None] * len(windows)
    order = sorted(range(len(windows)), key=lambda at: len(windows[at][1]))
    device = next(tokenizer.parameters()).device
    for first in range(0, len(order), batch):
        some = order[first : first + batch]
        rows, lengths = _padded([windows[at][1] for at in some], normalizer, layout.stride, device)
        tokens = tokenizer.encode(rows, lengths).tokens
        made = tokenizer.decode(tokens if scales is None else tokens.first(scales)).float().cpu()
        for at, row in zip(some, made, strict=True):
            parts[at] = normalizer.undo(row[: len(windows[at][1])])
    joined: dict[int, list[Tensor]] = defaultdict(list)
    for (clip, _), part in zip(windows, parts, strict=True):
        assert part is not None
        joined[clip].append(part)
    return [torch.cat(joined[clip]) for clip in range(len(features))]


def _padded(
    windows: Sequence[Tensor], normalizer: Normalizer, stride: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Normalized windows in one tensor, the last frame of each held to fill a whole latent step."""
    lengths = [-(-len(window) // stride) * stride for window in windows]
    rows = torch.zeros(len(windows), max(lengths), windows[0].shape[1], device=device)
    for row, window, length in zip(rows, windows, lengths, strict=True):
        normal = normalizer.apply(window).to(device)
        row[:length] = torch.cat([normal, normal[-1:].expand(length - len(window), -1)])
    return rows, torch.tensor(lengths, device=device)
