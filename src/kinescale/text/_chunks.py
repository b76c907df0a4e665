"""Encode sentences in chunks of bounded memory, for every encoder that is a network.

Every sentence is padded to the same length, so that it gives the same numbers alone and in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.text.base import check_prompt
from kinescale.tokens.text_features import TextFeatures

CHUNK = 128
"""Sentences encoded at once: bounds the memory of a long caption list."""


def encode_in_chunks(
    sentences: Sequence[str],
    tokenize: Callable[[list[str]], tuple[Int[Tensor, "B N"], Int[Tensor, "B N"]]],
    forward: Callable[[Tensor, Tensor], Float[Tensor, "B M W"]],
) -> TextFeatures:
    """Check, tokenize and encode ``sentences``; masked places come back as zeros.

    ``forward`` may give fewer places than there are tokens: one for a pooled sentence.
    """
    if not sentences:
        raise InputError("there is no sentence to encode; give at least one.")
    clean = [check_prompt(sentence) for sentence in sentences]
    tokens, masks = [], []
    with torch.inference_mode():
        for start in range(0, len(clean), CHUNK):
            ids, mask = tokenize(clean[start : start + CHUNK])
            hidden = forward(ids, mask).float()
            mask = mask[:, : hidden.shape[1]]
            tokens.append(hidden * mask[..., None])
            masks.append(mask.bool())
    # cloned outside inference mode, so that a trainer may use them in a graph
    return TextFeatures(torch.cat(tokens).clone(), torch.cat(masks).clone())
