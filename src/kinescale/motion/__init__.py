"""Motion clips: the ``Motion`` record, resampling, canonicalization, mirroring, retargeting and clean-up."""

from kinescale.motion.canonicalize import canonical_transform, canonicalize, facing_yaw, transform
from kinescale.motion.mirror import mirror
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample, resample_cubic
from kinescale.motion.retarget import retarget

__all__ = [
    "Motion", "canonical_transform", "canonicalize", "facing_yaw", "mirror", "resample", "resample_cubic", "retarget",
    "transform",
]  # fmt: skip
