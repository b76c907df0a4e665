"""clip_score: mean cosine of each text's embedding with its own motion's, from -1 to 1.

Hessel et al. 2021 (CLIPScore), with a text-motion evaluator in CLIP's place, as MARDM (2024) and SnapMoGen (2025) print
it.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from kinescale.metrics.base import Better, EmbeddedClips, Input, Rows, Value, paired, unit

INPUT: Input = "embeddings"
TITLE = "CLIP score"
UNIT = ""
BETTER: Better = "higher"


def pair_cosines(text: Rows, motion: Rows) -> Float[Tensor, "N"]:
    """Cosine of each pair."""
    one, two = paired(text, motion, "text and motion embeddings")
    return (unit(one) * unit(two)).sum(1)


def clip_score(text: Rows, motion: Rows) -> float:
    """Mean over the pairs of [N, D] and [N, D]."""
    return float(pair_cosines(text, motion).mean())


def measure(clips: EmbeddedClips) -> Value:
    """Mean over the clips that count."""
    return Value.mean_of(pair_cosines(clips.text[clips.counted], clips.motion[clips.counted]))
