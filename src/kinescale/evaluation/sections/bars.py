"""Section of the bars of a system worth using."""

from __future__ import annotations

from kinescale.evaluation.record import Evaluation
from kinescale.evaluation.sections.base import Section, number


def bars(found: Evaluation) -> Section | None:
    """Every bar, with what was reached."""
    if not found.bars:
        return None
    rows = tuple((bar.name, number(bar.value), bar.limit, "yes" if bar.held else "NO") for bar in found.bars)
    held = sum(bar.held for bar in found.bars)
    text = f"{held} of {len(rows)} hold. What could not be measured is not held."
    return Section("Bars", text, ("bar", "reached", "asked", "held"), rows)
