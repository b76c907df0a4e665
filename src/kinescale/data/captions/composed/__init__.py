"""Captions of composed clips: sentences about several acts in order or at once, every claim checked on the result."""

from kinescale.data.captions.composed.clauses import Clause, Piece, clauses
from kinescale.data.captions.composed.sentences import Told, told
from kinescale.data.captions.composed.stated import Stated, holds
from kinescale.data.captions.composed.words import label_phrases

__all__ = ["Clause", "Piece", "Stated", "Told", "clauses", "holds", "label_phrases", "told"]
