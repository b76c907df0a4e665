"""Length estimator: how long the motion of a sentence is, so that a prompt alone is enough.

Guo et al. 2022 (text to length), as MoMask (arXiv 2312.00063) uses it: a small classifier of the pooled sentence, one
class per latent step. MoMask's generator holds one; any other system gets one of its own (``LengthPredictor``).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from kinescale.generators.base.text import fitted_text
from kinescale.nn import global_batch
from kinescale.nn.dropout import Dropout
from kinescale.tokens.text_features import TextFeatures


class LengthEstimator(nn.Module):
    """Length estimator: logits of the motion's length in units of ``stride`` frames."""

    def __init__(self, text_width: int, classes: int):
        super().__init__()
        widths = (text_width, 512, 256, 128)
        stages: list[nn.Module] = []
        for index in range(3):
            stages += [nn.Linear(widths[index], widths[index + 1]), nn.LayerNorm(widths[index + 1])]
            stages += [nn.LeakyReLU(0.2), *([Dropout(0.2)] if index < 2 else [])]
        self.stages = nn.Sequential(*stages, nn.Linear(widths[3], classes))

    def forward(self, sentence: Float[Tensor, "B W"]) -> Float[Tensor, "B classes"]:
        """Class c stands for c latent steps."""
        return self.stages(sentence)


class LengthPredictor(nn.Module):
    """The estimator with the pooling of its sentence: the mean of the token features.

    ``text_width``: features of a text token; ``capacity``: the most latent steps that a motion has.

    Example
    -------
    >>> import torch
    >>> from kinescale.generators.base.length import LengthPredictor
    >>> from kinescale.tokens import TextFeatures
    >>> network = LengthPredictor(text_width=8, capacity=16)
    >>> network.length_logits(TextFeatures(torch.zeros(2, 3, 8), torch.ones(2, 3, dtype=torch.bool))).shape
    torch.Size([2, 17])
    """

    def __init__(self, text_width: int, capacity: int):
        super().__init__()
        self.text_width, self.capacity = text_width, capacity
        self.estimator = LengthEstimator(text_width, capacity + 1)

    def length_logits(self, text: TextFeatures) -> Float[Tensor, "B classes"]:
        """Logits of the motion's length: class c is c latent steps. ``InputError`` for text of another width."""
        text = fitted_text(text, self.text_width, next(self.parameters()).device)
        return self.estimator(pooled(text))

    def training_loss(self, text: TextFeatures, steps: Int[Tensor, "B"]) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the lengths, and how far the median is from them on average; both in latent steps."""
        logits = self.length_logits(text).float()
        steps = steps.to(logits.device)
        error = global_batch.mean((median_steps(logits) - steps).abs().float())
        return global_batch.cross_entropy(logits, steps), error


def pooled(text: TextFeatures) -> Float[Tensor, "B W"]:
    """The mean of each sentence's token features."""
    mask = text.mask[..., None].to(text.tokens.dtype)
    return (text.tokens * mask).sum(1) / mask.sum(1)


@torch.no_grad()
def median_steps(logits: Float[Tensor, "B classes"]) -> Int[Tensor, "B"]:
    """The median length of each sentence, in latent steps, at least 1.

    The authors draw from the distribution; the median errs least in seconds, and is a function of the sentence alone.
    """
    reached = logits.float().softmax(-1).cumsum(-1) >= 0.5
    return reached.float().argmax(-1).clamp(min=1)
