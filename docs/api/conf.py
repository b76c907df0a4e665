"""Sphinx settings of the API reference; ``pages.py`` writes the pages from the code before each build."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import kinescale

project = "Kinescale"
release = version = kinescale.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "alabaster"
html_theme_options = {"description": "Text to human motion with multi-scale tokens", "page_width": "1100px"}
html_copy_source = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
python_maximum_signature_line_length = 100
napoleon_google_docstring = False


def escape_shapes(app, what, name, obj, options, lines: list[str]) -> None:
    """Shapes such as [*b, T] are no emphasis."""
    lines[:] = [line.replace("[*", "[\\*") for line in lines]


def setup(app) -> None:
    app.connect("autodoc-process-docstring", escape_shapes, priority=100)
