"""MoSa's padding slots: learned frames after a clip's end, so that every clip is as long as the longest.

MoSa (arXiv 2511.01200), section 1 of its method notes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from kinescale.nn import global_batch
from kinescale.nn.steps import valid_steps
from kinescale.quantizers.base import processes

FIRST_NOISE = 0.01
"""Spread (over sqrt(F)) of the noise on the slots' first frames."""


class PaddingSlots(nn.Module):
    """``groups`` stretches of ``frames`` frames; each moves by ``decay`` towards clips that need no padding.

    Until a batch holds such a clip the slots are zero and not trained.
    """

    initialized: Tensor

    def __init__(self, groups: int, frames: int, width: int, decay: float):
        super().__init__()
        self.decay = decay
        self.frames = nn.Parameter(torch.zeros(groups, frames, width))
        self.register_buffer("initialized", torch.tensor(False))

    def fill(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], group: int = 0
    ) -> Float[Tensor, "B capacity F"]:
        """The clips at full length, the slot's frames where a clip has none of its own."""
        slot = self.frames[group] if bool(self.initialized) else self.frames[group].detach()
        longer = nn.functional.pad(features, (0, 0, 0, len(slot) - features.shape[1]))
        own = valid_steps(lengths, len(slot))[:, :, None]
        return torch.where(own, longer, slot.to(longer.dtype))

    @torch.no_grad()
    def follow(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator) -> None:
        """Take the first full-length clips for slots, later move towards one drawn for each group."""
        groups, frames, width = self.frames.shape
        longest = lengths == frames
        full = features[longest].reshape(int(longest.sum()), frames * width).float()
        total = int(global_batch.count(len(full), full))
        if total == 0:
            return
        # of the pass that comes first, where a batch takes several
        first = float(global_batch.count(int(not bool(self.initialized)), full)) > 0
        order = torch.arange(groups) % total if first else torch.randint(total, (groups,), generator=rng)
        noise = torch.randn(self.frames.shape, generator=rng) if first else None
        if global_batch.replaying():
            return
        held = processes.counts(full)
        clips = processes.take(full, held, processes.agreed(order.to(full.device))).view(groups, frames, width)
        if noise is not None:
            self.frames.copy_(clips + processes.agreed(noise.to(clips) * (FIRST_NOISE / width**0.5)))
            self.initialized.fill_(True)
        else:
            self.frames.lerp_(clips.to(self.frames), 1.0 - self.decay)
