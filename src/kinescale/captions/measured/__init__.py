"""Captions measured from kinematics alone: what a motion does, as data and in words.

``describe(motion)`` measures; ``sentence(description, detail)`` says it in English at three levels of detail.
"""

from kinescale.captions.measured.description import describe
from kinescale.captions.measured.records import Description, Event, Path
from kinescale.captions.measured.sentences import DETAILS, Detail, caption, sentence

__all__ = ["DETAILS", "Description", "Detail", "Event", "Path", "caption", "describe", "sentence"]
