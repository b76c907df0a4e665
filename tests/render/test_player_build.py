"""The player: built from its sources byte for byte, small, licensed, and locked by its own policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "web"
FORBIDDEN = (
    *("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("),
    *("fetch(", "XMLHttpRequest", "WebSocket", "http:", "https:", "localStorage"),
)


@pytest.fixture(scope="module")
def page() -> str:
    return files("kinescale.render").joinpath("player.html").read_text(encoding="utf-8")


def inner(page: str, tag: str) -> str:
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_it_is_what_its_sources_build(page: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (SOURCES / "node_modules" / "esbuild").is_dir():
        pytest.skip("building the player needs node and `npm ci` in web")
    out = tmp_path / "player.html"
    done = subprocess.run([node, "build.mjs", str(out)], cwd=SOURCES, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == page.encode("utf-8"), "web changed: npm run build there and keep what it writes"


def test_it_is_small_and_has_one_place_each_for_title_and_data(page: str) -> None:
    assert len(page.encode("utf-8")) < 900_000
    assert page.count("{{title}}") == page.count("{{data}}") == 1
    assert page.isascii() or page.encode("utf-8").decode("utf-8") == page
    wanted = "play back forward scrub speed loop follow trail overlay home scale ghost"
    assert set(wanted.split()) <= set(re.findall(r'id="([\w-]+)"', page))


def test_only_its_own_script_and_style_may_run_and_nothing_is_fetched(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.group(1).split("; "))
    assert rules.pop("default-src") == rules.pop("base-uri") == rules.pop("form-action") == "'none'"
    for tag in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(inner(page, tag).encode("utf-8")).digest()).decode("ascii")
        assert rules.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert not rules
    markup = page.split("<script>")[0]
    assert not re.search(r"<(link|iframe|img|object|embed|base)\b|\s(src|href|action|on\w+|style)=", markup)


def test_its_sources_set_text_never_markup_and_reach_for_nothing() -> None:
    sources = sorted(file for part in ("player", "shared") for file in (SOURCES / part).glob("*.js"))
    if not sources:
        pytest.skip("the player's sources are not beside the tests")
    assert len(sources) >= 7
    for file in sources:
        text = file.read_text(encoding="utf-8")
        for word in FORBIDDEN:
            assert word not in text, f"{file.name}: {word}"


def test_three_keeps_its_license_and_its_pinned_version(page: str) -> None:
    lock = SOURCES / "package-lock.json"
    if not lock.exists():
        pytest.skip("the player's sources are not beside the tests")
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    version = packages["node_modules/three"]["version"]
    third = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    assert f"three.js {version}" in third and f"Includes three.js {version}." in page
    license = re.search(r"```text\n(.*?)\n```", third, re.DOTALL)
    assert license is not None and "The MIT License" in license.group(1) and license.group(1) in page
    for name, package in packages.items():
        assert not name or {"integrity", "resolved"} & set(package) == {"integrity"}, f"{name}: pin it by content alone"
