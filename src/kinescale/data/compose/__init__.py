"""Composition of new training clips from prepared ones, each captioned by measurements of the result.

Acts in sequence with transitions that keep planted feet in place, the arms of one clip on the walk of another, counted
repetitions, changed speed, bent paths with replanted feet, distances and steps from standing to standing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinescale.core.lazy import lazy

if TYPE_CHECKING:
    from kinescale.data.compose.corpus import ComposeReport, Settings, compose

__all__ = ["ComposeReport", "Settings", "compose"]

# Loaded on first use: generation joins clips with ``track`` and ``transition`` alone.
__getattr__, __dir__ = lazy(__name__, {"kinescale.data.compose.corpus": "ComposeReport Settings compose"})
