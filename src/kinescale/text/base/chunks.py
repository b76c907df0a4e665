"""Run sentences through an encoder's network: each by itself, or many at once.

By itself a sentence gives the same numbers whatever else is asked for: products of other shapes round differently.
Many at once is for preparing a training set, where rounding does not matter. Padding costs nothing in either: a
sentence is cut to its own tokens, those of one length share a pass.
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

Tokenize = Callable[[list[str]], tuple[Int[Tensor, "B N"], Int[Tensor, "B N"]]]
Forward = Callable[[Tensor, Tensor], Float[Tensor, "B M W"]]


def encode_each(
    sentences: Sequence[str], tokenize: Tokenize, forward: Forward, *, together: bool = False
) -> TextFeatures:
    """Check, tokenize and encode ``sentences``; masked places come back as zeros.

    ``tokenize`` pads to a fixed length; ``forward`` may give fewer places than there are tokens: one for a pooled
    sentence. ``together``: sentences of one length share a pass.
    """
    if not sentences:
        raise InputError("there is no sentence to encode; give at least one.")
    ids, mask = tokenize([check_prompt(sentence) for sentence in sentences])
    lengths = mask.sum(1)
    found: list[Tensor] = [torch.empty(0)] * len(ids)
    with torch.inference_mode():
        for length in lengths.unique().tolist():
            for rows in (lengths == length).nonzero()[:, 0].split(CHUNK if together else 1):
                hidden = forward(ids[rows, :length], mask[rows, :length]).float()
                for row, each in zip(rows.tolist(), hidden, strict=True):
                    found[row] = each
    most = 1 if len(found[0]) == 1 and int(lengths[0]) > 1 else ids.shape[1]
    tokens = torch.zeros(len(found), most, found[0].shape[1])
    valid = torch.zeros(len(found), most, dtype=torch.bool)
    for row, each in enumerate(found):
        # cloned outside inference mode, so that a trainer may use them in a graph
        tokens[row, : len(each)] = each.clone()
        valid[row, : len(each)] = True
    return TextFeatures(tokens, valid)
