"""Messages about a value that was given as an option: in the option's words instead of the config's."""

from __future__ import annotations

import re
from collections.abc import Iterable

_KNOWN: set[str] = set()
_FIELD = re.compile(r"^(?:[^:]*: )?field '([\w.]+)' of \w+: (.*)$", re.DOTALL)
_LACKED = re.compile(r"^this bundle's sampler '(\w+)' has no \w+ \((--[\w-]+)\); .* its own: (.*)\.$")
_BOUNDS = {
    "Input should be less than or equal to ": "at most ",
    "Input should be greater than or equal to ": "at least ",
    "Input should be less than ": "less than ",
    "Input should be greater than ": "more than ",
    "Input should be a valid integer": "a whole number",
    "Input should be a valid number": "a number",
    "Input should be ": "",
}


def remember(flags: Iterable[str]) -> None:
    """Keep the options of the command that runs."""
    _KNOWN.clear()
    _KNOWN.update(flags)


def in_options_words(message: str) -> str:
    """``sampler 'x': field 'top_p' of Config: Input should be ...`` as ``--top-p: expected ...``.

    A message about something that is no option of the command stays as it is.

    >>> remember(["--top-p"])
    >>> in_options_words("sampler 'x': field 'top_p' of Config: Input should be less than or equal to 1.")
    '--top-p: expected at most 1.'
    """
    lacked = _LACKED.match(message)
    if lacked is not None and lacked[2] in _KNOWN:
        taken = [flag for name in lacked[3].split(", ") if (flag := f"--{name.replace('_', '-')}") in _KNOWN]
        listed = f"of this command's options it takes {', '.join(taken) or 'none'}"
        return f"{lacked[2]}: this bundle's sampler {lacked[1]} does not take it; {listed}."
    found = _FIELD.match(message)
    flag = f"--{found[1].split('.')[0].replace('_', '-')}" if found else ""
    if found is None or flag not in _KNOWN:
        return message
    said = found[2]
    for theirs, ours in _BOUNDS.items():
        if said.startswith(theirs):
            return f"{flag}: expected {ours}{said.removeprefix(theirs)}"
    return f"{flag}: {said}"
