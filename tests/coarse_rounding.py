"""Rounding made visible: every product and sum is off by an amount that depends on its shape, place and threads.

Real kernels do the same in the last bits, where a law of batches holds or breaks by luck. In here it breaks on any
processor, unless no shape, no place in a batch and no number of threads depends on what else is computed.
"""

from __future__ import annotations

import zlib
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

OFF = 3e-3
"""Share by which results are off, at most."""

ROUNDED = {
    function.__name__
    for function in (
        functional.linear,
        functional.conv1d,
        functional.conv2d,
        functional.conv_transpose1d,
        functional.layer_norm,
        functional.rms_norm,
        functional.group_norm,
        functional.interpolate,
        functional.softmax,
        functional.scaled_dot_product_attention,
        torch.matmul,
        torch.bmm,
        torch.einsum,
        torch.softmax,
        torch.sum,
        torch.mean,
        torch.cumsum,
        torch.cdist,
    )
} | {"__matmul__", "__rmatmul__"}


class CoarseRounding(TorchFunctionMode):
    """Inside the block, results of the functions in ``ROUNDED`` are off; ``calls`` counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") not in ROUNDED or not isinstance(out, Tensor) or not out.is_floating_point():
            return out
        self.calls += 1
        shapes = [tuple(arg.shape) for arg in args if isinstance(arg, Tensor)]
        key = f"{func.__name__} {shapes} {torch.get_num_threads()}"
        rng = torch.Generator().manual_seed(zlib.crc32(key.encode()))
        return out * (1 + OFF * torch.rand(out.shape, generator=rng).to(out))
