"""The contract of a render output, ``SUFFIXES`` and ``encode(scenes, options)``, and the code that outputs share.

An output is a file of this package with

* ``SUFFIXES``: a literal tuple of the suffixes it writes, such as ``(".png",)``;
* ``encode(scenes, options) -> bytes``: the whole file. Equal scenes and options give equal bytes;
* ``SHOWS_STAGES = True`` where it draws a scene's stages itself; others get one scene per stage;
* ``check(scenes, options)``, optional: raises for what it cannot draw, before anything is drawn.

Importing this package loads neither torch nor matplotlib, so that commands can check a suffix first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinescale.core.lazy import lazy
from kinescale.render.base.options import FPS_RANGE, MAX_MOTIONS, Options

if TYPE_CHECKING:
    from kinescale.render.base.rendering import render
    from kinescale.render.base.scene import Stages

__all__ = ["FPS_RANGE", "MAX_MOTIONS", "Options", "Stages", "render"]

__getattr__, __dir__ = lazy(
    __name__, {"kinescale.render.base.rendering": "render", "kinescale.render.base.scene": "Stages"}
)
