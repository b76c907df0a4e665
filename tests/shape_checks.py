"""Shape and type checks of every function of the package, put on when a function is first called.

``jaxtyping`` asks for two checked stand-ins of each function: one for its parameters, one for its parameters and its
result. Making both for all functions takes ten seconds in every process, and most are never called; and by the time
the result is checked the parameters have been, and have bound the letters of the shapes. Nothing is left unchecked.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from beartype import beartype


def lazily(function: Any) -> Any:
    """``beartype`` on the first call; of a function that checks a result, for the result alone."""
    if not isinstance(function, FunctionType):
        return beartype(function)
    checked: list[Any] = []

    def first(*args: Any, **kwargs: Any) -> Any:
        if not checked:
            result = function.__annotations__.get("return", Any)
            if result is not Any:
                function.__annotations__ = {"return": result}
            checked.append(beartype(function))
        return checked[0](*args, **kwargs)

    return first
