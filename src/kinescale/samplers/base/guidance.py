"""Classifier-free guidance setting shared by all samplers, and its former name and convention.

``guidance_scale`` s weighs ``uncond + s (cond - uncond)`` (Ho & Salimans 2022): 1 is no guidance, 0 drops the text.
The former name is ``guidance``: samplers that go scale by scale counted it from 0 (``(1 + t) cond - t uncond``), the
masked sampler from 1, as all do now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.core.renamed import warn_renamed

MAX_GUIDANCE_SCALE = 1000.0
FORMER_NAME, NAME = "guidance", "guidance_scale"

GuidanceScale = Annotated[float, Field(ge=0.0, le=MAX_GUIDANCE_SCALE)]


class SamplerConfig(Record):
    """Base of the ``Config`` of every sampler; bundles and settings from before load with their own meaning."""

    FORMER_OFF: ClassVar[float] = 0.0
    """The value of the former ``guidance`` that meant no guidance."""

    @model_validator(mode="before")
    @classmethod
    def _former_name(cls, data: Any) -> Any:
        try:
            return current_names(cls, data) if isinstance(data, Mapping) else data
        except InputError as problem:
            raise ValueError(str(problem).rstrip(".")) from None


def current_names(config: type[Record], settings: Mapping[str, Any], *, warn: bool = False) -> dict[str, Any]:
    """Sampler settings with the former ``guidance`` converted to ``guidance_scale``.

    ``warn``: a ``RenamedWarning`` says so. Raises ``InputError`` where both are given, or for a negative ``guidance``.
    """
    found = dict(settings)
    if FORMER_NAME not in found or not issubclass(config, SamplerConfig) or NAME not in config.model_fields:
        return found
    if NAME in found:
        raise InputError(f"{FORMER_NAME} is the former name of {NAME}; give {NAME} alone.")
    former = found.pop(FORMER_NAME)
    found[NAME] = _converted(former, 1.0 - config.FORMER_OFF)
    if warn:
        was = "1" if config.FORMER_OFF else "0"
        warn_renamed(
            f"guidance (off: {was}) is the former name of guidance_scale (off: 1) and goes with the next release; "
            f"here guidance {_shown(former)} is guidance_scale {_shown(found[NAME])}."
        )
    return found


def _shown(value: Any) -> str:
    numbers = value if isinstance(value, list | tuple) else [value]
    return ",".join(f"{number:g}" if isinstance(number, float) else str(number) for number in numbers)


def _converted(value: Any, shift: float) -> Any:
    if isinstance(value, list | tuple):
        return [_converted(one, shift) for one in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if value < 0.0:
        raise InputError(f"{FORMER_NAME} is {value}; expected a number from 0.")
    return value + shift if shift else value
