"""TextFeatures: what a generator sees of a batch of sentences."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.core.errors import InputError


@dataclass(frozen=True, eq=False)
class TextFeatures:
    """Token features of B sentences.

    Parameters
    ----------
    tokens : float32 [B, N, W]; what stands at masked places is never read.
    mask : [B, N], true at real tokens; each sentence has at least one.
    """

    tokens: Float[Tensor, "B N W"]
    mask: Bool[Tensor, "B N"]

    def __post_init__(self) -> None:
        if self.tokens.shape[:2] != self.mask.shape:
            raise InputError(f"text tokens {tuple(self.tokens.shape)} and mask {tuple(self.mask.shape)} do not fit.")

    def __len__(self) -> int:
        return self.tokens.shape[0]

    @property
    def width(self) -> int:
        """W, features a token."""
        return self.tokens.shape[-1]

    def to(self, device: torch.device | str) -> TextFeatures:
        """The same features on another device."""
        return TextFeatures(self.tokens.to(device), self.mask.to(device))

    def trimmed(self) -> TextFeatures:
        """Without the places past the longest sentence's last token."""
        used = int(self.mask.any(0).nonzero().max()) + 1
        return TextFeatures(self.tokens[:, :used], self.mask[:, :used])

    @staticmethod
    def stack(parts: list[TextFeatures]) -> TextFeatures:
        """Several batches in one, padded to the longest."""
        longest = max(part.tokens.shape[1] for part in parts)
        tokens = [torch.nn.functional.pad(p.tokens, (0, 0, 0, longest - p.tokens.shape[1])) for p in parts]
        mask = [torch.nn.functional.pad(p.mask, (0, longest - p.mask.shape[1])) for p in parts]
        return TextFeatures(torch.cat(tokens), torch.cat(mask))
