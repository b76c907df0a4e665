"""Motion: the one record every reader returns and every writer takes, and what is done to it."""

from kinescale.motion.canonicalize import canonicalise, facing_yaw
from kinescale.motion.mirror import mirror
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample
from kinescale.motion.retarget import retarget

__all__ = ["Motion", "canonicalise", "facing_yaw", "mirror", "resample", "retarget"]
