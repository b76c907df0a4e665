"""The studio's files: built from their sources byte for byte, without foreign addresses, text set as text."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "web"
NAMES = ("index.html", "studio.css", "studio.js")


def test_it_is_what_its_sources_build(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (SOURCES / "node_modules" / "esbuild").is_dir():
        pytest.skip("building the studio needs node and `npm ci` in web")
    command = [node, "build.mjs", str(tmp_path / "player.html"), str(tmp_path / "page")]
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        packaged = files("kinescale.server").joinpath("page", name).read_bytes()
        assert (tmp_path / "page" / name).read_bytes() == packaged, "web changed: npm run build there"


def test_its_sources_set_text_and_never_markup() -> None:
    sources = sorted((SOURCES / "studio").glob("*.js"))
    if not sources:
        pytest.skip("the studio's sources are not beside the tests")
    for file in sources:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|https?:", text), file.name


def test_the_page_has_a_policy_and_no_foreign_address() -> None:
    page = files("kinescale.server").joinpath("page", "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'; script-src 'self'" in page
    assert not re.search(r"https?:|\son\w+=|\sstyle=", page)
    ids = re.findall(r'id="([\w-]+)"', page)
    assert len(ids) == len(set(ids))
