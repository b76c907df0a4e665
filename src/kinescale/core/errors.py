"""Exceptions of Kinescale. Every message says what was found, what was expected, and what to do.

The command line turns any ``KinescaleError`` into one sentence and exit code 2.
"""

from __future__ import annotations

from pathlib import Path


class KinescaleError(Exception):
    """Base class of all errors that Kinescale raises on purpose."""


class FormatError(KinescaleError):
    """Invalid content of a file.

    ``path`` and ``line`` (1-based, where the format has lines) begin the message.
    """

    def __init__(self, message: str, *, path: str | Path | None = None, line: int | None = None):
        where = "" if path is None else f"{path}: " if line is None else f"{path}, line {line}: "
        super().__init__(where + message)
        self.path = path
        self.line = line


class InputError(KinescaleError, ValueError):
    """An argument is outside the range that the function or command accepts."""


class MotionError(InputError):
    """Invalid motion data: values that are not finite or too large, quaternions of zero length, no frames."""


class SkeletonError(KinescaleError):
    """A skeleton lacks a joint, a role or a rest pose that the operation needs."""


class DataError(KinescaleError):
    """A corpus or a prepared folder is missing, incomplete or inconsistent."""


class ConfigError(KinescaleError):
    """A configuration names an unknown field or holds a value out of range."""


class BundleError(KinescaleError):
    """A bundle or checkpoint cannot be read, or is of another kind than expected."""


class UnknownNameError(KinescaleError, LookupError):
    """A family has no variant of that name; the message lists those it has."""


class MissingDependencyError(KinescaleError, ImportError):
    """An optional dependency is not installed; the message names the extra that installs it."""
