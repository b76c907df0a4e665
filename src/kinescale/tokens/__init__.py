"""Token pyramids: layouts, token maps, codecs, and the features of a sentence that a generator reads."""

from kinescale.tokens.codec import BitView, Codec
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

__all__ = ["BitView", "Codec", "Scale", "TextFeatures", "TokenLayout", "TokenMap"]
