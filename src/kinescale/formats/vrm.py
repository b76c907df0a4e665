"""VRM: GLB files that say which node is which bone of a person; they are read as ``glb`` reads them, and not written.

VRM 0.x and 1.0 (.vrm), VRM animations (.vrma), by the VRM Consortium. Joints get the roles that the file states.
"""

from __future__ import annotations

from pathlib import Path

from kinescale.formats import glb
from kinescale.motion.motion import Motion

SUFFIXES = (".vrm", ".vrma")
HOLDS_META = glb.HOLDS_META


def read(
    path: str | Path,
    *,
    animation: int | str | None = None,
    fps: float | None = None,
    up: str | None = None,
    unit_m: float | None = None,
) -> Motion:
    """Read one animation of a .vrm or .vrma; options and errors are those of ``glb.read``."""
    return glb.read(path, animation=animation, fps=fps, up=up, unit_m=unit_m)


def animations(path: str | Path) -> tuple[str, ...]:
    """The names of a file's animations, as ``glb.animations`` gives them."""
    return glb.animations(path)
