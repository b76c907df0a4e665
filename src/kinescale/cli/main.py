"""The command line's front door: lists the commands, hands over to one, and turns errors into a sentence."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from kinescale.cli.base.messages import in_options_words
from kinescale.cli.base.notes import forget, note, tell
from kinescale.core.errors import KinescaleError, UnknownNameError
from kinescale.core.family import Family
from kinescale.core.renamed import RenamedWarning

FAMILY = Family("kinescale.cli", "command")

OK, FAILED, BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141
"""Exit codes; the last two are what a shell reports for a program ended by SIGINT and SIGPIPE."""

SHOWN_NAME, SHOWN_MESSAGE = 120, 2000
"""Letters of a name and of a whole message that are shown."""

DEBUG_VARIABLE = "KINESCALE_DEBUG"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Nothing but its own output is printed.

    With the environment variable ``KINESCALE_DEBUG`` set, errors are raised with their traceback instead.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = bool(os.environ.get(DEBUG_VARIABLE))
    forget()
    _plain_streams()
    try:
        with _renamed_options_noted():
            code = _dispatch(arguments)
        sys.stdout.flush()
        tell()
        return code
    except KinescaleError as problem:
        if debug:
            raise
        return _fail(in_options_words(str(problem)), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted.", INTERRUPTED)
    except BrokenPipeError:
        # the reader has gone: the interpreter must not try to flush to it again on the way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except MemoryError:
        if debug:
            raise
        return _fail("there is not enough memory for this; make it shorter, or close other programs.", BAD_INPUT)
    except OSError as problem:
        if debug:
            raise
        return _fail(_refused(problem), BAD_INPUT)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else OK if leaving.code is None else FAILED
    except Exception as problem:
        if debug:
            raise
        if _is_out_of_memory(problem):
            return _fail("there is not enough memory for this; make it shorter, or take fewer at once.", BAD_INPUT)
        what = f"{type(problem).__name__}: {problem}".rstrip(".: ")
        hint = f"this is a fault in Kinescale; set {DEBUG_VARIABLE}=1 to see where it arose."
        return _fail(f"{what}; {hint}", FAILED)
    finally:
        forget()


@contextlib.contextmanager
def _renamed_options_noted() -> Iterator[None]:
    """Former names of options become notes on stderr; other warnings are shown as they are."""
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        if issubclass(category, RenamedWarning):
            note(f"note: {message}")
        else:
            shown(message, category, *rest, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("always", RenamedWarning)
        warnings.showwarning = show
        yield


def _refused(problem: OSError) -> str:
    """What the system would not do, in a sentence: a full disk, a name that is too long, a place that is not ours."""
    reason = problem.strerror or " ".join(str(problem).split()) or type(problem).__name__
    name = str(problem.filename or "")
    shown = name if len(name) <= SHOWN_NAME else f"{name[:SHOWN_NAME]}..."
    what = f"{shown}: " if shown else ""
    full = problem.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    advice = "make room or name another place" if full else "check the name and who may use it"
    return f"{what}{reason[:1].lower()}{reason[1:200]}; {advice}."


def _is_out_of_memory(problem: Exception) -> bool:
    """Whether torch or a device had no room: told by its words, since torch may not be imported."""
    words = str(problem).lower()
    return isinstance(problem, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)


def _plain_streams() -> None:
    """What a terminal's encoding lacks (a prompt's letters, a file's odd name) is shown escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        if len(arguments) > 1 and arguments[0] == "help":
            return FAMILY.get(arguments[1], "run")(["--help"])
        print(overview())
        return OK
    first, *rest = arguments
    if first in ("-V", "--version"):
        import kinescale

        print(f"kinescale {kinescale.__version__}")
        return OK
    if first.startswith("-"):
        raise UnknownNameError(f"'{first}' is no option here; name a command: {', '.join(FAMILY.names())}.")
    return FAMILY.get(first, "run")(rest)


def overview() -> str:
    """The commands with their first docstring lines, read without importing them."""
    names = FAMILY.names()
    width = max(map(len, names), default=0)
    listed = "\n".join(f"  {name:<{width}}  {FAMILY.summary(name)}" for name in names)
    return (
        "usage: kinescale COMMAND ...\n\n"
        "Text to human motion with multi-scale tokens.\n\n"
        f"commands:\n{listed}\n\n"
        "kinescale help COMMAND explains one, with examples; kinescale --version prints the version."
    )


def _fail(message: str, code: int) -> int:
    # a file's bytes may stand in the message: they must not steer the terminal
    line = " ".join(message[:SHOWN_MESSAGE].split())
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    print(f"kinescale: {shown}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
