"""The exception tree. Every message says what was got, what was expected, and what to do.

The command line turns any ``KinescaleError`` into one sentence and exit code 2.
"""

from __future__ import annotations

from pathlib import Path


class KinescaleError(Exception):
    """Base of every error that Kinescale raises on purpose.

    Example
    -------
    >>> import kinescale
    >>> try:
    ...     kinescale.read_motion("missing.bvh")
    ... except kinescale.KinescaleError as problem:
    ...     print(type(problem).__name__)
    InputError
    """


class FormatError(KinescaleError):
    """A file's content is not what its format promises.

    ``path`` and ``line`` (1-based, where the format has lines) lead the message.
    """

    def __init__(self, message: str, *, path: str | Path | None = None, line: int | None = None):
        where = "" if path is None else f"{path}: " if line is None else f"{path}, line {line}: "
        super().__init__(where + message)
        self.path = path
        self.line = line


class InputError(KinescaleError, ValueError):
    """A value the caller gave is outside what the function or command takes."""


class MotionError(InputError):
    """Numbers that make no motion: not finite, too far away, quaternions without a length, no frames."""


class SkeletonError(KinescaleError):
    """A skeleton lacks a joint, a role or a rest pose that the operation needs."""


class DataError(KinescaleError):
    """A corpus or a prepared folder is missing, incomplete or inconsistent."""


class ConfigError(KinescaleError):
    """A configuration names an unknown field or holds a value out of range."""


class BundleError(KinescaleError):
    """A bundle or checkpoint cannot be read, or is not of the kind expected."""


class UnknownNameError(KinescaleError, LookupError):
    """A family has no variant of that name; the message lists those it has."""


class MissingDependencyError(KinescaleError, ImportError):
    """An optional library is absent; the message says which extra installs it."""
