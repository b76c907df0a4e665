"""Text features of a generator: checked against its sizes, and dropped in training for classifier-free guidance."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.tokens.text_features import TextFeatures


def fitted_text(text: TextFeatures, width: int, device: torch.device, max_tokens: int | None = None) -> TextFeatures:
    """The features on ``device``, cut to ``max_tokens``. Raises ``InputError`` where they do not fit."""
    if text.width != width:
        raise InputError(f"text features are {text.width} wide; this generator was built for {width}.")
    if max_tokens is not None and bool(text.mask[:, max_tokens:].any()):
        raise InputError(f"a sentence has over {max_tokens} text tokens; shorten it or its encoder's max_tokens.")
    if len(text) == 0 or not bool(text.mask.any(1).all()):
        raise InputError("a sentence has no text tokens; give one sentence per clip.")
    text = text.to(device)
    return TextFeatures(text.tokens[:, :max_tokens], text.mask[:, :max_tokens])


def drop_text(text: TextFeatures, uncond: TextFeatures, dropped: Bool[Tensor, "B"]) -> TextFeatures:
    """The features with those of ``uncond`` in the rows that are dropped."""
    where = dropped.to(text.tokens.device)[:, None, None]
    return TextFeatures(torch.where(where, uncond.tokens, text.tokens), text.mask)


def check_counts(latent: Tensor, latent_lengths: Tensor, text: TextFeatures) -> None:
    """``InputError`` for a batch that has not one length and one sentence per clip."""
    if len(text) != len(latent) or len(latent_lengths) != len(latent):
        raise InputError(
            f"{len(latent)} clips, {len(latent_lengths)} lengths, {len(text)} sentences; give one of each per clip."
        )
