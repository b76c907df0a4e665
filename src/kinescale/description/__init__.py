"""Measured description of a motion from kinematics alone, as data and as English sentences; claims about it.

``describe(motion)`` measures; ``sentence(description, detail)`` writes it at three levels of detail.
"""

from kinescale.description.describe import describe
from kinescale.description.records import Description, Event, Path
from kinescale.description.sentences import DETAILS, Detail, caption, sentence

__all__ = ["DETAILS", "Description", "Detail", "Event", "Path", "caption", "describe", "sentence"]
