"""Captions of composed clips: sentences about several acts in order or at once, with every statement checked."""

from kinescale.data.compose.captions.clauses import Clause, Segment, clauses
from kinescale.data.compose.captions.phrases import label_phrases
from kinescale.data.compose.captions.sentences import ComposedCaption, captions_of
from kinescale.data.compose.captions.statements import Statement, holds

__all__ = ["Clause", "ComposedCaption", "Segment", "Statement", "captions_of", "clauses", "holds", "label_phrases"]
