"""matching: mean Euclidean distance of each text's embedding to its own motion's ("MM-Dist"), in embedding units.

Guo et al. 2022, section 5.1 ("multimodal distance").
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from kinescale.metrics.base import Better, EmbeddedClips, Input, Rows, Value, paired

INPUT: Input = "embeddings"
TITLE = "matching"
UNIT = ""
BETTER: Better = "lower"


def pair_distances(text: Rows, motion: Rows) -> Float[Tensor, "N"]:
    """Distance of each pair."""
    one, two = paired(text, motion, "text and motion embeddings")
    return (one - two).norm(dim=1)


def matching(text: Rows, motion: Rows) -> float:
    """Mean over the pairs of [N, D] and [N, D]."""
    return float(pair_distances(text, motion).mean())


def measure(clips: EmbeddedClips) -> Value:
    """Mean over the clips that count."""
    return Value.mean_of(pair_distances(clips.text[clips.counted], clips.motion[clips.counted]))
