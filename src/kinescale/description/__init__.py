"""Captions measured from kinematics alone: what a motion does, as data and in words.

``describe(motion)`` measures; ``sentence(description, detail)`` says it in English at three levels of detail.
"""

from kinescale.description.describe import describe
from kinescale.description.records import Description, Event, Path
from kinescale.description.sentences import DETAILS, Detail, caption, sentence

__all__ = ["DETAILS", "Description", "Detail", "Event", "Path", "caption", "describe", "sentence"]
