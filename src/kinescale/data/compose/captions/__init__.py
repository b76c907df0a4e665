"""Captions of composed clips: sentences about several acts in order or at once, every claim checked on the result."""

from kinescale.data.compose.captions.clauses import Clause, Piece, clauses
from kinescale.data.compose.captions.phrases import label_phrases
from kinescale.data.compose.captions.sentences import Told, told
from kinescale.data.compose.captions.statements import Stated, holds

__all__ = ["Clause", "Piece", "Stated", "Told", "clauses", "holds", "label_phrases", "told"]
