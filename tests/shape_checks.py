"""Shape and type checks of every function of the package, made when a function is first called, once per kind of call.

``jaxtyping`` compiles two checked stand-ins of each decorated function and runs both at every call: seconds in every
process for functions that are never called, and a third of the suite's processor time for calls like those before.
Here a function is decorated at its first call, and a call is checked when its *kind* is new: the classes of arguments
and result, of arrays the dtype and shape, of strings the value, of containers all that of their first items (a check
looks at one of them, drawn at random). No check looks further into an object than its class.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Hashable
from itertools import islice
from types import FunctionType
from typing import Any

import jaxtyping
import numpy as np
import torch
from beartype import beartype
from torch import Tensor

MOST_ITEMS, MOST_LEVELS, MOST_CHARACTERS = 8, 2, 32
"""Items of a container, containers in one another, and characters of a string that belong to a kind."""

_jaxtyped = jaxtyping.jaxtyped


def install(package: str) -> None:
    """Check every function of ``package`` that is imported from now on."""
    jaxtyping.jaxtyped = jaxtyped
    jaxtyping.install_import_hook(package, f"{__name__}.lazily")


def lazily(function: Any) -> Any:
    """``beartype`` on the first call; of a function that checks a result, for the result alone.

    By the time the result is checked the parameters have been, and have bound the letters of the shapes.
    """
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


def jaxtyped(function: Any = None, *, typechecker: Any = None) -> Any:
    """What the import hook decorates functions and classes with, instead of ``jaxtyping.jaxtyped``."""
    if function is None:
        return functools.partial(jaxtyped, typechecker=typechecker)
    if typechecker is not lazily:
        return _jaxtyped(function, typechecker=typechecker)
    if inspect.isclass(function):
        # one that is inherited or written out is decorated already
        if dataclasses.is_dataclass(function) and not hasattr(function.__init__, "__wrapped__"):
            function.__init__ = checked_once_per_kind(function.__init__)
        return function
    if isinstance(function, classmethod | staticmethod):
        return type(function)(checked_once_per_kind(function.__func__))
    if isinstance(function, property):
        return property(*(part and checked_once_per_kind(part) for part in (function.fget, function.fset)))
    return checked_once_per_kind(function)


def checked_once_per_kind(function: Any) -> Any:
    """The function, whose parameters and result are checked unless a call of the same kind has passed."""
    seen: set[Hashable] = set()
    checked: list[Any] = []

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return function(*args, **kwargs)
        asked = (*map(kind, args), *((name, kind(value)) for name, value in kwargs.items()))
        if asked not in seen:
            if not checked:
                checked.append(_jaxtyped(function, typechecker=lazily))
            result = checked[0](*args, **kwargs)
            seen.update([asked, (asked, kind(result))])
            return result
        result = function(*args, **kwargs)
        whole = (asked, kind(result))
        if whole not in seen:
            _jaxtyped(_returning(function, result), typechecker=lazily)(*args, **kwargs)
            seen.add(whole)
        return result

    return call


def kind(value: Any, levels: int = MOST_LEVELS) -> Hashable:
    """What a check can depend on."""
    if isinstance(value, Tensor | np.ndarray):
        return type(value), value.dtype, value.shape
    if isinstance(value, str):
        return value if len(value) <= MOST_CHARACTERS else str
    if not levels or not isinstance(value, list | tuple | set | frozenset | dict):
        return type(value)
    items = value.items() if isinstance(value, dict) else value
    return type(value), len(value), *(kind(item, levels - 1) for item in islice(items, MOST_ITEMS))


def _returning(function: Any, result: Any) -> Any:
    """A function of the same signature, in the same module, that returns ``result``."""

    def stand_in(*_: Any, **__: Any) -> Any:
        return result

    made = FunctionType(stand_in.__code__, function.__globals__, function.__name__, None, stand_in.__closure__)
    return functools.update_wrapper(made, function)
