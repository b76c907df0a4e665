"""Warning for options that were renamed: the former name works for one release."""

from __future__ import annotations

import warnings


class RenamedWarning(FutureWarning):
    """A former name of an option was used; the message names today's. The command line shows it as a note."""


def warn_renamed(message: str) -> None:
    """Issue a ``RenamedWarning`` of one line."""
    warnings.warn(message, RenamedWarning, stacklevel=3)
