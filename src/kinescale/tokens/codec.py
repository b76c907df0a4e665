"""The little of a tokenizer that a generator, a sampler or an edit may see."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from kinescale.tokens.layout import TokenLayout


@runtime_checkable
class Codec(Protocol):
    """Tokens to latents, scale by scale. Latent grids are [B, T', P, D]; F is their running sum.

    ``layout(frames)`` is the pyramid for clips of at most that many frames (``None``: the longest).
    """

    @abstractmethod
    def layout(self, frames: int | None = None) -> TokenLayout:
        """The pyramid that holds clips of ``frames`` frames."""
        ...

    @abstractmethod
    def empty(self, layout: TokenLayout, batch: int) -> Float[Tensor, "B T P D"]:
        """F before any scale: zeros."""
        ...

    @abstractmethod
    def contribution(
        self, tokens: Int[Tensor, "B bins groups ..."], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What one scale's tokens add to F (places after a clip's last token, ``PADDING``, hold zeros
        or that token before upsampling, as the tokenizer chooses)."""
        ...

    @abstractmethod
    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latents: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups D"]:
        """F so far, brought to the resolution of ``scale``: what the generator reads before predicting it.

        ``latents``: steps each clip fills, for codecs whose last bins may be filled in part (None: all).
        """
        ...

    @abstractmethod
    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups ..."]:
        """Tokens of one scale from what the coarser ones left (``PADDING`` at positions not filled)."""
        ...
