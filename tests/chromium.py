"""A Chromium for tests of pages: Debian's or the one that KINESCALE_CHROMIUM names; WebGL runs in software."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("KINESCALE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--no-first-run", "--disable-quic", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
PATIENCE_MS = 120_000
"""Drawing in software on a busy machine is slow, not broken."""


@contextmanager
def started() -> Iterator[Any]:
    """The browser, closed at the end; the test is skipped where playwright or Chromium is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="tests in a browser need playwright")
    if not CHROMIUM or not Path(CHROMIUM).exists():
        pytest.skip("no Chromium here; install Debian's or name one with KINESCALE_CHROMIUM")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()
