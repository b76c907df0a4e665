"""Experiments: a family; each file is a table or figure of a paper that needs only data, with its numbers.

Contract: ``EXPERIMENT``, an ``Experiment`` (``base``): rows with the paper's numbers as far as they are known, what
each row trains and how it samples, and what is measured. ``kinescale reproduce NAME --data DIR`` runs one.
"""

from __future__ import annotations

from kinescale.core.family import Family

FAMILY = Family(__name__, "experiment")
