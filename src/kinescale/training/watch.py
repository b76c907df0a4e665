"""Watch: how a run tells whoever started it what happens. Training itself prints nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Watch:
    """Does nothing; the command line's draws a progress bar. Override what is of interest."""

    def begin(self, task: str, start: int, total: int) -> None:
        """Work called ``task`` begins at ``start`` of ``total``."""

    def advance(self, task: str, done: int) -> None:
        """``done`` of the total is done."""

    def entry(self, task: str, entry: Mapping[str, Any]) -> None:
        """A line was added to the log."""

    def note(self, text: str) -> None:
        """Something worth one line."""

    def end(self, task: str) -> None:
        """The work ended, for whatever reason."""
