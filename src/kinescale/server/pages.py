"""The studio's page: static files in the package, found without importing the server."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

PAGE = "server/page"
"""Folder of the page in the package."""


def page_folder() -> Path | None:
    """Folder of the studio's page; ``None`` where the package has none."""
    folder = Path(str(resources.files("kinescale"))) / PAGE
    return folder if (folder / "index.html").is_file() else None
