"""Tokenizers: motion features to a token pyramid and back; one file or package per system."""

from kinescale.core.family import Family
from kinescale.tokenizers.base import Encoded, Tokenizer

FAMILY = Family(__name__, "tokenizer")


def part_wise() -> tuple[str, ...]:
    """The tokenizers that have tokens for parts of the body."""
    known = [(name, FAMILY.get(name, "Tokenizer")) for name in FAMILY.names()]
    return tuple(name for name, kind in known if kind.latent_roles is not Tokenizer.latent_roles)


__all__ = ["FAMILY", "Encoded", "Tokenizer", "part_wise"]
