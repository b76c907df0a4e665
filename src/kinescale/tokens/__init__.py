"""The token pyramid's vocabulary: layouts, token maps, the codec protocol, and what a generator sees of a sentence."""

from kinescale.tokens.bit_view import BitView
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

__all__ = ["BitView", "Codec", "Scale", "TextFeatures", "TokenLayout", "TokenMap"]
