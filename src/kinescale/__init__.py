"""Kinescale: text to human motion with multi-scale tokens. Public names are loaded on first use.

``import kinescale`` imports nothing heavy; torch arrives with the first name that needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "Motion": "kinescale.motion",
    "Skeleton": "kinescale.skeletons",
    "KinescaleError": "kinescale.core.errors",
    "read_motion": "kinescale.formats",
    "write_motion": "kinescale.formats",
    "Bundle": "kinescale.bundle",
    "Controller": "kinescale.pipelines",
    "Editor": "kinescale.pipelines",
    "TextToMotion": "kinescale.pipelines",
    "Timeline": "kinescale.pipelines",
}

if TYPE_CHECKING:
    from kinescale.bundle import Bundle as Bundle
    from kinescale.core.errors import KinescaleError as KinescaleError
    from kinescale.formats import read_motion as read_motion
    from kinescale.formats import write_motion as write_motion
    from kinescale.motion import Motion as Motion
    from kinescale.pipelines import Controller as Controller
    from kinescale.pipelines import Editor as Editor
    from kinescale.pipelines import TextToMotion as TextToMotion
    from kinescale.pipelines import Timeline as Timeline
    from kinescale.skeletons import Skeleton as Skeleton

__all__ = sorted([*_PUBLIC, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'kinescale' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
