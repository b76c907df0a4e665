"""Group norm over channels and time, with statistics over the valid steps alone where a sequence is padded.

Wu & He 2018. Ordinary group norm lets padding into its mean and variance, so that a clip would come out different in
another batch.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn


class GroupNorm(nn.GroupNorm):
    """As torch's, on [B, C, T]; with ``valid`` what stands at other steps is not looked at."""

    def forward(self, input: Float[Tensor, "B C T"], valid: Bool[Tensor, "B T"] | None = None) -> Tensor:
        """Same shape; steps that are not ``valid`` hold numbers without meaning. Each clip needs a valid step."""
        if valid is None:
            return super().forward(input)
        groups = input.float().unflatten(1, (self.num_groups, -1))
        inside = valid[:, None, None, :].to(groups.dtype)
        count = inside.sum(-1, keepdim=True) * groups.shape[2]
        mean = (groups * inside).sum((2, 3), keepdim=True) / count
        centered = (groups - mean) * inside
        variance = centered.square().sum((2, 3), keepdim=True) / count
        normed = (centered * (variance + self.eps).rsqrt()).flatten(1, 2).to(input.dtype)
        return normed * self.weight[:, None] + self.bias[:, None]
