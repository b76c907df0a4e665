"""Rendering of motions: pose sheet (png), animation (gif), video (mp4), interactive page (html), chosen by suffix."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kinescale.core.family import Family
from kinescale.render.base.suffix import output_for, suffixes

if TYPE_CHECKING:
    from kinescale.render.base import Options as Options
    from kinescale.render.base import render as render
    from kinescale.render.base.scene import Stages as Stages

FAMILY = Family(__name__, "picture")

__all__ = ["FAMILY", "Options", "Stages", "output_for", "render", "suffixes"]


def __getattr__(name: str) -> Any:
    # ``output_for`` is imported before matplotlib and torch, for cheap checks in commands
    if name in ("Options", "Stages", "render"):
        return getattr(importlib.import_module("kinescale.render.base"), name)
    raise AttributeError(f"module 'kinescale.render' has no attribute '{name}'")
