"""Composition of new training clips from prepared ones, each captioned by measurements of the result.

Acts in sequence with transitions that keep planted feet in place, the arms of one clip on the walk of another, counted
repetitions, changed speed, bent paths with replanted feet, distances and steps from standing to standing.
"""

from kinescale.data.compose.corpus import ComposeReport, Settings, compose

__all__ = ["ComposeReport", "Settings", "compose"]
