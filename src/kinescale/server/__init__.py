"""HTTP server: motions by MMCP (Motion Model Context Protocol) and by an interface of its own under ``/v1``.

``create_app`` builds the application, ``run`` serves it. See ``docs/server.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinescale.core.lazy import lazy

if TYPE_CHECKING:
    from kinescale.server.app import create_app
    from kinescale.server.serving import run
    from kinescale.server.settings import Settings

__all__ = ["Settings", "create_app", "run"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "kinescale.server.app": "create_app",
        "kinescale.server.serving": "run",
        "kinescale.server.settings": "Settings",
    },
)
