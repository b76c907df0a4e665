"""Tokenizers: motion features to a token pyramid and back; one file a system."""

from kinescale.core.family import Family
from kinescale.tokenizers.base import Encoded, Tokenizer, seen_as

FAMILY = Family(__name__, "tokenizer")

__all__ = ["FAMILY", "Encoded", "Tokenizer", "seen_as"]
