"""Published editing rules: a family; how the authors of a system edit a clip with it, as their papers and code have it.

They are for comparison: what they return is decoded anew from the first frame to the last, so nothing outside the
region is kept exactly. The edit tasks (``pipelines.editing.tasks``) are our own, and the default.

Contract: ``SAMPLER``, the sampler whose bundles the rule is for; ``GREEDY``, settings of it that always choose the
likeliest; and ``apply(asked: Asked) -> Ruled`` (``base``).
``kinescale edit --rule NAME`` names one.
"""

from __future__ import annotations

from kinescale.core.family import Family

FAMILY = Family(__name__, "editing rule")
EXACT = "exact"
"""Stands for our own editing, where a rule is named."""
