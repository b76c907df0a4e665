"""Plain operations that the twins are written in: loops over clips, steps and taps in float64, no shared code with the
library. A twin follows the method notes word by word and is slow; the library is compared with it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Weights(dict[str, Tensor]):
    """A state dict under the authors' key names that grows as a network asks for its tensors.

    Numbers are drawn in float32 (what is stored and imported) and used in float64.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.rng = torch.Generator().manual_seed(seed)

    def __call__(self, name: str, *shape: int, around: float = 0.0, spread: float | None = None) -> Tensor:
        if name not in self:
            fan = math.prod(shape[1:]) if len(shape) > 1 else 100
            size = fan**-0.5 if spread is None else spread
            self[name] = around + size * torch.randn(shape, generator=self.rng)
        assert tuple(self[name].shape) == shape, f"{name} is {tuple(self[name].shape)}; expected {shape}"
        return self[name].double()

    def constant(self, name: str, value: Tensor) -> None:
        self[name] = value


def linear(w: Weights, name: str, x: Tensor, out: int, bias: bool = True) -> Tensor:
    y = x @ w(f"{name}.weight", out, x.shape[-1]).T
    return y + w(f"{name}.bias", out) if bias else y


def conv(x: Tensor, weight: Tensor, bias: Tensor, left: int, right: int, stride: int = 1, dilation: int = 1) -> Tensor:
    """One clip [C, T]; a sum over the taps."""
    out, channels, taps = weight.shape
    padded = torch.cat([x.new_zeros(channels, left), x, x.new_zeros(channels, right)], 1)
    steps = (padded.shape[1] - dilation * (taps - 1) - 1) // stride + 1
    y = bias[:, None].expand(out, steps).clone()
    for tap in range(taps):
        first = tap * dilation
        y = y + weight[:, :, tap] @ padded[:, first : first + stride * (steps - 1) + 1 : stride]
    return y


def conv_of(w: Weights, name: str, x: Tensor, out: int, taps: int, left: int, right: int, **how: int) -> Tensor:
    return conv(x, w(f"{name}.weight", out, x.shape[0], taps), w(f"{name}.bias", out), left, right, **how)


def area(x: Tensor, bins: int) -> Tensor:
    """[T, ...] to [bins, ...]: bin i is the mean of the steps floor(i T / n) to ceil((i + 1) T / n) - 1."""
    steps = len(x)
    return torch.stack([x[i * steps // bins : -(-(i + 1) * steps // bins)].mean(0) for i in range(bins)])


def linear_to(x: Tensor, steps: int) -> Tensor:
    """[n, ...] to [steps, ...], corners not aligned, ends held."""
    bins, rows = len(x), []
    for t in range(steps):
        place = max(0.0, (t + 0.5) * bins / steps - 0.5)
        low = min(int(place), bins - 1)
        share = place - low
        rows.append(x[low] * (1 - share) + x[min(low + 1, bins - 1)] * share)
    return torch.stack(rows)


def softmax(x: Tensor) -> Tensor:
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


def log_softmax(x: Tensor) -> Tensor:
    top = x.amax(-1, keepdim=True)
    return x - top - (x - top).exp().sum(-1, keepdim=True).log()


def silu(x: Tensor) -> Tensor:
    return x / (1 + (-x).exp())


def gelu(x: Tensor, curve: str) -> Tensor:
    if curve == "tanh":
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def layer_norm(x: Tensor, eps: float) -> Tensor:
    centered = x - x.mean(-1, keepdim=True)
    return centered / (centered.square().mean(-1, keepdim=True) + eps).sqrt()


def rms(x: Tensor, eps: float) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt()


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """Neighboring channels (2i, 2i + 1) of [L, heads, width] turned by ``angles`` [L, width / 2]."""
    y = x.clone()
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    y[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    y[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return y


def attend(q: Tensor, k: Tensor, v: Tensor, scale: float, seen: Tensor | None = None) -> Tensor:
    """[L, heads, width] queries over [N, heads, width] keys, head by head; ``seen`` [L, N]."""
    rows = []
    for head in range(q.shape[1]):
        scores = q[:, head] @ k[:, head].T * scale
        if seen is not None:
            scores = scores.masked_fill(~seen, float("-inf"))
        rows.append(softmax(scores) @ v[:, head])
    return torch.stack(rows, 1)


def even_round(x: float) -> int:
    return round(x)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return -log_softmax(logits).gather(-1, labels[..., None])[..., 0]


def noisy_walk(seed: int, frames: int, width: int) -> Tensor:
    """Smooth random features [frames, width], float32 values in float64."""
    rng = torch.Generator().manual_seed(seed)
    steps = torch.randn(frames, width, generator=rng)
    return (0.5 * steps + 0.2 * steps.cumsum(0)).double()
