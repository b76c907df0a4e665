"""Which steps of a padded sequence are filled, and zeroing those that are not."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def valid_steps(lengths: Int[Tensor, "B"], steps: int) -> Bool[Tensor, "B T"]:
    """True at the first ``lengths[b]`` of ``steps`` steps."""
    return torch.arange(steps, device=lengths.device)[None, :] < lengths[:, None]


def zero_after(x: Float[Tensor, "B C T"], valid: Bool[Tensor, "B T"] | None) -> Float[Tensor, "B C T"]:
    """``x`` with the steps that are not valid set to zero; ``x`` itself when ``valid`` is None."""
    return x if valid is None else x * valid[:, None, :].to(x.dtype)
