"""What ScaleMoGen's pyramid asks of its quantizer, and three that answer: sign bits, a codebook, rounded numbers.

Bits are the published choice (ScaleMoGen, arXiv 2605.11704, section 2.2 of its method notes). The two of codes are
ours: they put the skeletal-temporal pyramid under generators of codes. One book serves all scales.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from kinescale.quantizers import base, bsq, fsq, vq

SMALLEST_GAIN = 1e-4


class Book(ABC):
    """Vectors of one scale to tokens and back; a plain object around the quantizer, which is the pyramid's module."""

    @abstractmethod
    def quantize(self, asked: Float[Tensor, "*b D"], scale: int) -> Int[Tensor, "..."]:
        """Tokens: an index each, or bits."""

    @abstractmethod
    def dequantize(self, tokens: Int[Tensor, "..."], scale: int) -> Float[Tensor, "... D"]:
        """Vectors of tokens; zero at ``PADDING``."""

    @abstractmethod
    def through(
        self, asked: Float[Tensor, "B bins groups D"], valid: Bool[Tensor, "B bins groups"], scale: int
    ) -> tuple[Float[Tensor, "B bins groups D"], Float[Tensor, ""]]:
        """What the vectors become, with a gradient to them, and the loss over the ``valid`` ones."""

    @property
    def ready(self) -> bool:
        """Whether there is nothing (more) for ``begin`` to set up."""
        return True

    def begin(self, asked: Sequence[Tensor], rng: torch.Generator) -> None:
        """Set up statistics from what each scale is asked for in the first training batch [N, D]; once."""
        return

    def observe(self, asked: Sequence[Tensor], taken: Sequence[Tensor], rng: torch.Generator) -> None:
        """Learn from a training batch's vectors and tokens, a pair a scale."""
        return


class SignBits(Book):
    """Signs of the channels; the published quantizer."""

    def __init__(self, quantizer: bsq.Quantizer):
        self.quantizer = quantizer

    def quantize(self, asked: Float[Tensor, "*b K"], scale: int) -> Int[Tensor, "*b K"]:
        """Bits."""
        return self.quantizer.quantize(asked)

    def dequantize(self, tokens: Int[Tensor, "*b K"], scale: int) -> Float[Tensor, "*b K"]:
        """Corners on the unit sphere."""
        return self.quantizer.dequantize(tokens)

    def through(
        self, asked: Float[Tensor, "B bins groups K"], valid: Bool[Tensor, "B bins groups"], scale: int
    ) -> tuple[Float[Tensor, "B bins groups K"], Float[Tensor, ""]]:
        """Corners; commitment and entropy."""
        sphere, codes = self.quantizer.through(asked)
        return codes, self.quantizer.loss(sphere, valid)


class Codes(Book):
    """One learned codebook, moved by averages of what all scales asked for."""

    def __init__(self, quantizer: vq.Quantizer):
        self.quantizer = quantizer

    def quantize(self, asked: Float[Tensor, "*b D"], scale: int) -> Int[Tensor, "*b"]:
        """Nearest codes."""
        return self.quantizer.quantize(asked)

    def dequantize(self, tokens: Int[Tensor, "*b"], scale: int) -> Float[Tensor, "*b D"]:
        """Codes by index."""
        return self.quantizer.dequantize(tokens)

    def through(
        self, asked: Float[Tensor, "B bins groups D"], valid: Bool[Tensor, "B bins groups"], scale: int
    ) -> tuple[Float[Tensor, "B bins groups D"], Float[Tensor, ""]]:
        """Nearest codes, straight through; mean squared distance to them."""
        codes = self.quantizer.dequantize(self.quantizer.quantize(asked.detach()))
        return asked + (codes - asked).detach(), (asked - codes.detach())[valid].square().mean()

    @property
    def ready(self) -> bool:
        """Whether the book has been filled."""
        return bool(self.quantizer.initialized)

    def begin(self, asked: Sequence[Tensor], rng: torch.Generator) -> None:
        """The book takes vectors of all scales."""
        self.quantizer.begin(torch.cat(list(asked)), rng)

    def observe(self, asked: Sequence[Tensor], taken: Sequence[Tensor], rng: torch.Generator) -> None:
        """One step of the averages for all scales together."""
        self.quantizer.observe(torch.cat(list(asked)), torch.cat(list(taken)), rng)


class Numbers(Book):
    """Rounded numbers (FSQ), at a learned gain a scale since finer scales are asked for ever smaller vectors."""

    def __init__(self, quantizer: fsq.Quantizer, log_gains: nn.Parameter, begun: Tensor):
        self.quantizer, self.log_gains, self.begun = quantizer, log_gains, begun

    def quantize(self, asked: Float[Tensor, "*b D"], scale: int) -> Int[Tensor, "*b"]:
        """Nearest grid points."""
        return self.quantizer.quantize(asked * (-self.log_gains[scale]).exp())

    def dequantize(self, tokens: Int[Tensor, "*b"], scale: int) -> Float[Tensor, "*b D"]:
        """Grid points by index."""
        return self.quantizer.dequantize(tokens) * self.log_gains[scale].exp()

    def through(
        self, asked: Float[Tensor, "B bins groups D"], valid: Bool[Tensor, "B bins groups"], scale: int
    ) -> tuple[Float[Tensor, "B bins groups D"], Float[Tensor, ""]]:
        """Grid points, straight through the rounding; nothing to lose, since there is no book to stay near."""
        rows, _ = self.quantizer.through(asked * (-self.log_gains[scale]).exp())
        return rows * self.log_gains[scale].exp(), asked.new_zeros(())

    @property
    def ready(self) -> bool:
        """Whether the gains have been set."""
        return bool(self.begun)

    @torch.no_grad()
    def begin(self, asked: Sequence[Tensor], rng: torch.Generator) -> None:
        """Gains are the root mean squares of what the scales are asked for."""
        sizes = torch.stack([fsq.size(rows) for rows in asked])
        self.log_gains.copy_(sizes.clamp(min=SMALLEST_GAIN).log())
        self.begun.fill_(True)


def build_quantizer(kind: str, bits: int, codes: int, levels: Sequence[int], width: int, decay: float):
    """The quantizer of a tokenizer's config: "bsq", "vq" or "fsq"."""
    makers = {
        "bsq": lambda: bsq.Quantizer(bsq.Config.parse({"bits": bits})),
        "vq": lambda: vq.Quantizer(vq.Config(codes=codes, width=width, decay=decay, temperature=None)),
        "fsq": lambda: fsq.Quantizer(fsq.Config(levels=tuple(levels), width=width)),
    }
    return makers[kind]()


def book_of(quantizer: base.Quantizer, log_gains: nn.Parameter | None, begun: Tensor | None) -> Book:
    """The book around a quantizer."""
    if isinstance(quantizer, bsq.Quantizer):
        return SignBits(quantizer)
    if isinstance(quantizer, fsq.Quantizer):
        assert log_gains is not None and begun is not None
        return Numbers(quantizer, log_gains, begun)
    assert isinstance(quantizer, vq.Quantizer)
    return Codes(quantizer)
