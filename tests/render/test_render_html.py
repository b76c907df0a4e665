"""The page: self-contained, harmless whatever the title says, and true to the motion."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from kinescale.motion import Motion
from kinescale.render import html as page
from kinescale.render._scene import scene
from kinescale.render.base import Options

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "</title><img src=x onerror=alert(1)>",
    "{{data}} {{title}} $& \\u003c ${x}",
    "\"'`&lt;/script&gt;\\",
    "]]></SCRIPT\t>",
]


class Outline(HTMLParser):
    """Tags, attributes, and what the data element and the title hold."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.held: dict[str, str] = {}
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        self.held[self.inside] = self.held.get(self.inside, "") + data


def made(*motions: Motion, titles: list[str] | None = None) -> tuple[str, list[dict[str, Any]], Outline]:
    scenes = [scene(m, titles[i] if titles else None) for i, m in enumerate(motions)]
    text = page.encode(scenes, Options()).decode("utf-8")
    outline = Outline(text)
    return text, json.loads(outline.held["data"]), outline


def test_nothing_is_fetched(walk: Motion) -> None:
    text, _, outline = made(walk)
    for reference in (
        "http://",
        "https://",
        "//cdn",
        "@import",
        "url(",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "eval(",
    ):
        assert reference not in text, reference
    for tag, attributes in outline.tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base"), tag
        assert not {"src", "href", "action", "srcset"} & set(attributes), tag
    policy = next(a["content"] for t, a in outline.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None and policy.startswith("default-src 'none'")


@pytest.mark.parametrize("title", HOSTILE)
def test_titles_are_text_never_markup(walk: Motion, title: str) -> None:
    _, _, plain = made(walk, titles=["a walk"])
    _, data, outline = made(walk.with_meta(licence=title, seed=title), titles=[title])
    assert outline.tags == plain.tags, "a title adds no element and no attribute"
    assert data[0]["title"] == " ".join(title.split()) == outline.held["title"]
    assert " ".join(title.split()) in data[0]["notes"]


def test_the_page_has_what_it_promises_and_its_own_code_is_small() -> None:
    template = files("kinescale.render").joinpath("player.html").read_text(encoding="utf-8")
    assert template.isascii() or template.encode("utf-8").decode("utf-8") == template
    assert len(template.encode("utf-8")) < 30_000
    assert template.count("{{title}}") == template.count("{{data}}") == 1
    assert {"play", "scrub", "speed", "loop", "follow", "trail", "home"} <= set(re.findall(r'id="(\w+)"', template))
    assert "innerHTML" not in template and "document.write" not in template and "insertAdjacent" not in template


def test_positions_and_facing_come_back(walk: Motion) -> None:
    _, data, _ = made(walk, walk)
    assert len(data) == 2
    made_scene, packed = scene(walk), data[0]
    raw = np.frombuffer(base64.b64decode(packed["positions"]), dtype="<i2").reshape(
        packed["frames"], packed["points"], 3
    )
    assert np.abs(np.array(packed["centre"]) + packed["unit"] * raw - made_scene.points).max() < 1e-4
    turned = np.frombuffer(base64.b64decode(packed["facing"]), dtype="<i2") / 32767 * np.pi
    assert np.allclose(turned, made_scene.facing, atol=1e-4)
    assert packed["fps"] == 30.0 and {bone[2] for bone in packed["bones"]} == {"left", "right", "middle"}


def test_long_motions_lose_frames_not_length(walk: Motion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_VALUES", 2000)
    _, data, _ = made(walk)
    values = scene(walk).points.size
    assert data[0]["frames"] * data[0]["points"] * 3 <= 2000 + data[0]["points"] * 3 < values
    assert (data[0]["frames"] - 1) / data[0]["fps"] == pytest.approx(scene(walk).last_s, abs=1 / data[0]["fps"])
    assert "one frame in" in data[0]["notes"]
