"""Rigging: which joint plays which role, the T-pose and the body's axes of any skeleton; a user's override of them."""

from kinescale.rigging.override import Override, override, read_override
from kinescale.rigging.recognize import Reading, examine, recognize, recognize_in_pose, rest_up, stature

__all__ = [
    "Override",
    "Reading",
    "examine",
    "override",
    "read_override",
    "recognize",
    "recognize_in_pose",
    "rest_up",
    "stature",
]
