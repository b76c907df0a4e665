"""The page's data: titles are text whatever they say, and positions come back as they were."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from render_cases import coarse_to_fine

from kinescale.motion import Motion
from kinescale.render import Stages
from kinescale.render import html as page
from kinescale.render.base import Options
from kinescale.render.base.scene import Scene, scene

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


def made(*motions: Motion | Stages, titles: list[str] | None = None) -> tuple[list[dict[str, Any]], Outline]:
    scenes = [scene(m, titles[i] if titles else None) for i, m in enumerate(motions)]
    outline = Outline(page.encode(scenes, Options()).decode("utf-8"))
    return json.loads(outline.held["data"]), outline


def unpacked(packed: dict[str, Any], track: dict[str, Any]) -> np.ndarray:
    """Positions as the page computes them."""
    shape = (packed["frames"], packed["points"], 3)
    path = np.frombuffer(base64.b64decode(track["path"]), dtype="<f4").reshape(-1, 2)
    points = np.frombuffer(base64.b64decode(track["positions"]), dtype="<i2").reshape(shape) * track["unit"]
    points[..., [0, 2]] += path[:, None]
    return points


@pytest.mark.parametrize("title", HOSTILE)
def test_titles_are_text_never_markup(walk: Motion, title: str) -> None:
    _, plain = made(walk, titles=["a walk"])
    data, outline = made(walk.with_meta(license=title, seed=title), titles=[title])
    assert outline.tags == plain.tags, "a title adds no element and no attribute"
    assert data[0]["title"] == " ".join(title.split()) == outline.held["title"]
    assert " ".join(title.split()) in data[0]["notes"]


@pytest.mark.parametrize("title", HOSTILE)
def test_labels_of_stages_are_text_too(title: str) -> None:
    stages = coarse_to_fine(4)
    data, outline = made(Stages(stages.motions, [title] * 3))
    _, plain = made(stages)
    assert outline.tags == plain.tags and data[0]["tracks"][0]["label"] == " ".join(title.split())


def test_positions_facing_and_look_come_back(walk: Motion) -> None:
    data, _ = made(walk, walk)
    assert len(data) == 2
    drawn, packed = scene(walk), data[0]
    (track,) = packed["tracks"]
    assert np.abs(unpacked(packed, track) - drawn.points).max() < 1e-4
    turned = np.frombuffer(base64.b64decode(track["facing"]), dtype="<i2") / 32767 * np.pi
    assert np.allclose(turned, drawn.facing, atol=1e-4)
    look = np.frombuffer(base64.b64decode(track["face"]), dtype="<i2").reshape(-1, 3) / 32767
    assert np.allclose(look, drawn.face, atol=1e-4)
    assert packed["fps"] == 30.0 and {bone[2] for bone in packed["bones"]} == {0, 1, 2}


def test_far_walks_are_as_exact_as_near_ones(walk: Motion) -> None:
    far = walk.replace(root=walk.root * 500.0)
    data, _ = made(far)
    assert np.abs(unpacked(data[0], data[0]["tracks"][0]) - scene(far).points).max() < 1e-3


def test_stages_are_tracks_from_coarse_to_fine_in_one_place() -> None:
    stages = coarse_to_fine(20)
    data, _ = made(stages)
    assert [track["label"] for track in data[0]["tracks"]] == ["scale 1 of 3", "scale 2 of 3", "scale 3 of 3"]
    final = scene(stages.motion)
    assert np.abs(unpacked(data[0], data[0]["tracks"][2]) - final.points).max() < 1e-4
    errors = [np.abs(unpacked(data[0], track) - final.points).mean() for track in data[0]["tracks"]]
    assert errors[0] > errors[1] > errors[2]


def test_long_motions_lose_frames_not_length(walk: Motion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_VALUES", 2000)
    data, _ = made(walk)
    values = scene(walk).points.size
    assert data[0]["frames"] * data[0]["points"] * 3 <= 2000 + data[0]["points"] * 3 < values
    assert (data[0]["frames"] - 1) / data[0]["fps"] == pytest.approx(scene(walk).last_s, abs=1 / data[0]["fps"])
    assert "one frame in" in data[0]["notes"]
    prints = data[0]["tracks"][0]["footprints"]
    assert all(mark[4] < data[0]["frames"] for mark in prints)


def test_no_roles_no_facing_no_look(odd_motions: dict[str, Motion]) -> None:
    def track(each: Scene) -> dict[str, Any]:
        return page.pack(each)["tracks"][0]

    bare = track(scene(odd_motions["no names"]))
    assert bare["facing"] is None and bare["face"] is None and bare["footprints"] == []
