"""Set frames into a clip: everything else to the bit, and quaternions that go on on the side they were."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.motion.motion import Motion


def set_frames(
    motion: Motion, span: tuple[int, int], root: Float[Tensor, "N 3"], rotations: Float[Tensor, "N J 4"]
) -> Motion:
    """The clip with frames ``span[0]`` to ``span[1] - 1`` replaced. Quaternions are normalized."""
    start, stop = span
    whole_root, whole = motion.root.clone(), motion.rotations.clone()
    whole_root[start:stop] = root.to(whole_root)
    rotations = torch.nn.functional.normalize(rotations.to(whole), dim=-1)
    before = whole[max(0, start - 1) : max(0, start - 1) + 1]
    whole[start:stop] = torch.where((rotations * before).sum(-1, keepdim=True) < 0, -rotations, rotations)
    return motion.replace(root=whole_root, rotations=whole)
