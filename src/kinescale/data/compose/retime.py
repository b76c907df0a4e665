"""Time warp by a constant factor: the same poses at another speed."""

from __future__ import annotations

import torch

from kinescale.data.compose.track import Track
from kinescale.kinematics.rotations import quat_continuous, quat_slerp

SLOWEST, FASTEST = 0.75, 1.3
"""Range of factors within which human motion still looks natural."""


def retime(track: Track, factor: float) -> Track:
    """The clip ``factor`` times as fast, at the same frame rate."""
    last = len(track) - 1
    count = max(2, round(last / factor) + 1)
    at = torch.linspace(0, last, count, dtype=torch.float64)
    low = at.floor().long().clamp(max=max(last - 1, 0))
    high = (low + 1).clamp(max=last)
    share = at - low
    smooth = quat_continuous(track.rotations)
    rotations = quat_slerp(smooth[low], smooth[high], share[:, None].expand(-1, smooth.shape[1]))
    return track.but(root=torch.lerp(track.root[low], track.root[high], share[:, None]), rotations=rotations)
