"""Motion: the one record every reader returns and every writer takes, and what is done to it."""

from kinescale.motion.motion import Motion

__all__ = ["Motion"]
