"""What of a text encoder is exported to other runtimes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

TOKENIZER_FILE = "tokenizer.json"
"""Name of the tokenizer's file in an export."""


@dataclass(frozen=True)
class ExportedEncoder:
    """``forward``: token ids and mask [B, N] to features [B, N, W]; ``tokenizer``: content of a ``tokenizer.json``, as
    the ``tokenizers`` library reads it."""

    forward: Callable[[Tensor, Tensor], Tensor]
    tokenizer: bytes
