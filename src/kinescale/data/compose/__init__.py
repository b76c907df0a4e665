"""Compose labelled clips into more, each labelled by what is measured on the result.

From prepared folders: one act after another with a seam whose feet stand, arms of one clip on the walk of another,
repetitions with counts, other paces, bent paths with the feet planted anew, ways and steps from standing to standing.
"""

from kinescale.data.compose.engine import ComposeReport, Settings, compose

__all__ = ["ComposeReport", "Settings", "compose"]
