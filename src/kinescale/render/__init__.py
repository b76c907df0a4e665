"""Rendering of motions: pose sheet (png), animation (gif), video (mp4), interactive page (html), chosen by suffix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinescale.core.family import Family
from kinescale.core.lazy import lazy
from kinescale.render.base.options import Options
from kinescale.render.base.suffix import output_for, suffixes

if TYPE_CHECKING:
    from kinescale.render.base.rendering import render
    from kinescale.render.base.scene import Stages

FAMILY = Family(__name__, "picture")

__all__ = ["FAMILY", "Options", "Stages", "output_for", "render", "suffixes"]

# torch and matplotlib are loaded only by these, so that commands can check a suffix first
__getattr__, __dir__ = lazy(
    __name__, {"kinescale.render.base.rendering": "render", "kinescale.render.base.scene": "Stages"}
)
