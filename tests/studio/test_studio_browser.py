"""The studio in a real browser against a stand-in server: every scenario of a user, by pointer and by keyboard.

Needs what ``chromium.py`` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_server import ADDRESS, FakeServer, short_walk

from chromium import PATIENCE_MS, started

READY = "document.documentElement.dataset.ready === 'yes'"
IDLE = "!document.body.dataset.working"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as browser:
        yield browser


class Studio:
    """An open studio, its server, and what it complained about."""

    def __init__(self, context: Any, server: FakeServer):
        self.page, self.server = context.new_page(), server
        self.page.set_default_timeout(PATIENCE_MS)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda problem: self.faults.append(str(problem)))
        server.attach(self.page)
        self.page.goto(f"{ADDRESS}/")
        self.until(READY)

    def until(self, expression: str) -> None:
        self.page.wait_for_function(expression)

    def press(self, selector: str) -> None:
        """Press a button and wait until what it started has ended."""
        self.page.click(selector)
        self.until(IDLE)

    def count(self, selector: str) -> int:
        return self.page.locator(selector).count()

    def said(self) -> str:
        return self.page.inner_text("#said")

    def generate(self, prompt: str = "a person walks") -> None:
        self.page.fill("#prompt", prompt)
        before = self.count("#clips li")
        self.press("#generate")
        self.until(f"document.querySelectorAll('#clips li').length > {before}")


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(short_walk())


@pytest.fixture
def studio(browser: Any, server: FakeServer) -> Iterator[Studio]:
    # The page's policy forbids the driver's own evaluated code; another test checks the policy.
    context = browser.new_context(viewport={"width": 1280, "height": 720}, bypass_csp=True)
    opened = Studio(context, server)
    yield opened
    context.close()
    assert opened.faults == []


def test_a_prompt_becomes_a_clip_scale_by_scale_and_every_step_is_undone(studio: Studio) -> None:
    studio.generate("a person waves")
    body = studio.server.bodies("/v1/generate")[-1]
    assert body == {"prompt": "a person waves", "seconds": 4, "seed": 0, "samples": 1, "preview": True}
    assert studio.page.inner_text("#clips .name") == "a person waves"
    assert studio.page.get_attribute("#scale", "max") == "2"  # two coarser scales came as previews
    studio.page.click("#undo")
    assert studio.count("#clips li") == 0
    studio.page.click("#redo")
    assert studio.count("#clips li") == 1


def test_a_selection_is_regenerated_and_the_rest_is_shown_to_be_exact(studio: Studio) -> None:
    studio.generate()
    for field, value in (("#range-start", "0.5"), ("#range-end", "1.0")):
        studio.page.fill(field, value)
        studio.page.press(field, "Enter")
    studio.page.click("#parts-box summary")
    studio.page.check("#parts input[value=right_arm]")
    studio.page.fill("#edit-prompt", "a person waves")
    studio.press("#regenerate")
    body = studio.server.bodies("/v1/edit")[-1]
    assert body["task"] == "edit"
    assert body["options"] == {"frames": [15, 30], "parts": ["right_arm"], "prompt": "a person waves"}
    assert studio.page.inner_text("#exact") == "45 of 60 frames are as they were, number by number."


@pytest.mark.slow
def test_blocks_are_added_dragged_stretched_split_and_removed(studio: Studio) -> None:
    page = studio.page
    block = page.locator("#timeline .block").first
    box = block.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 92, box["y"] + 10, steps=4)
    page.mouse.up()
    assert page.input_value("#block-end") == "3"
    page.locator("#timeline .block").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.input_value("#block-start") == "0.1"
    page.click("#add-block")
    page.fill("#prompt", "a person bows")
    assert studio.count("#timeline .block") == 2
    page.select_option("#add-track", "right_arm")
    page.fill("#prompt", "waves")
    assert studio.count("#timeline .block") == 3
    studio.press("#generate")
    segments = studio.server.bodies("/v1/generate")[-1]["segments"]
    told = [(part["text"], round(part["start"], 2), round(part["end"], 2)) for part in segments]
    assert sorted(told, key=str) == [
        ("a person bows", 3.1, 5.1),
        ("a person walks forward", 0.1, 3.1),
        ("waves", 0, 2),
        (None, 0, 0.1),
    ]
    assert {"right_arm"} == {name for part in segments for name in part.get("parts", [])}
    page.locator("#timeline .block").last.focus()
    page.keyboard.press("Delete")
    assert studio.count("#timeline .block") == 2


@pytest.mark.slow
def test_variants_stand_side_by_side_and_a_locked_one_stays(studio: Studio) -> None:
    studio.page.fill("#samples", "3")
    studio.page.press("#samples", "Enter")
    studio.generate()
    assert studio.count("#clips li") == 3 and studio.count("#captions figure") == 3
    studio.page.click("#clips li:nth-child(2) .name")
    assert studio.count("#captions figure") == 1
    studio.page.click("#clips li:nth-child(2) button[aria-label^=lock]")
    assert studio.page.is_disabled("#clips li:nth-child(2) button[aria-label^=remove]")
    studio.page.click("#clips li:nth-child(1) button[aria-label^=remove]")
    assert studio.count("#clips li") == 2


@pytest.mark.slow
def test_joints_are_pinned_by_keyboard_and_the_error_is_said_in_centimeters(studio: Studio) -> None:
    studio.generate()
    page = studio.page
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert studio.count("#pins li") == 1
    studio.press("#apply")
    constraints = studio.server.bodies("/v1/control")[-1]["constraints"]["constraints"]
    assert constraints[0]["place"] == "world" and len(constraints[0]["pose"]["root"]) == 1
    assert "0.3 cm off" in page.inner_text("#pins")


@pytest.mark.slow
def test_a_path_is_drawn_on_the_ground(studio: Studio) -> None:
    studio.generate()
    page = studio.page
    page.click("#tool-path")
    page.mouse.move(500, 480)
    page.mouse.down()
    page.mouse.move(700, 520, steps=12)
    page.mouse.up()
    studio.press("#apply")
    (constraint,) = studio.server.bodies("/v1/control")[-1]["constraints"]["constraints"]
    assert len(constraint["path"]) > 4 and constraint["facing"] == "along"


@pytest.mark.slow
def test_files_are_dropped_saved_and_opened_and_wrong_ones_are_answered_in_a_sentence(
    studio: Studio, tmp_path: Path
) -> None:
    page = studio.page
    page.set_input_files("#file", {"name": "walk.bvh", "mimeType": "text/plain", "buffer": b"HIERARCHY"})
    studio.until("document.querySelectorAll('#clips li').length === 1")
    assert page.is_visible("#roles") and "left knee" in page.inner_text("#roles-said")
    page.click("#roles-close")
    with page.expect_download() as waiting:
        page.click("#export")
    assert waiting.value.suggested_filename == "walk.glb"
    with page.expect_download() as waiting:
        page.click("#save")
    saved = tmp_path / "project.kinescale"
    waiting.value.save_as(saved)
    assert json.loads(saved.read_text())["clips"][0]["title"] == "walk"
    page.click("#new")
    assert studio.count("#clips li") == 0
    page.set_input_files("#file", saved)
    studio.until("document.querySelectorAll('#clips li').length === 1")
    project = b'{"kind": "kinescale-project", "version": %d, "clips": [{}]}'
    for content in (b"{", b"[]", project % 1, project % 9):
        wrong = {"name": "x.json", "mimeType": "application/json", "buffer": content}
        page.set_input_files("#file", wrong)
        studio.until("!document.querySelector('#trouble').hidden")
        assert studio.count("#clips li") == 1
        page.evaluate("document.querySelector('#trouble').hidden = true")


@pytest.mark.slow
def test_work_is_kept_over_a_reload_and_a_lost_server_is_said_and_found_again(studio: Studio) -> None:
    studio.generate("a person jumps")
    studio.page.wait_for_timeout(800)
    studio.server.lost = True
    studio.page.click("#describe")
    studio.until("document.querySelector('#server').classList.contains('lost')")
    studio.server.lost = False
    studio.until("!document.querySelector('#server').classList.contains('lost')")
    studio.page.reload()
    studio.until(READY)
    assert studio.page.inner_text("#clips .name") == "a person jumps"


@pytest.mark.slow
def test_a_refusal_of_the_server_is_shown_and_loses_nothing(studio: Studio) -> None:
    studio.generate()
    studio.server.fails = "This bundle knows no such action."
    studio.press("#generate")
    assert studio.page.inner_text("#trouble") == "This bundle knows no such action."
    assert studio.count("#clips li") == 1


@pytest.mark.slow
def test_all_controls_have_names_and_the_keyboard_reaches_them(studio: Studio) -> None:
    studio.generate()
    studio.page.click("#pin-pose")  # there is something to apply then
    nameless = studio.page.evaluate(
        """() => [...document.querySelectorAll('button, input:not([type=file]), select, textarea, [tabindex="0"]')]
        .filter(e => e.offsetParent && !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
        .map(e => e.outerHTML)"""
    )
    assert nameless == []
    seen = set()
    for _ in range(80):
        studio.page.keyboard.press("Tab")
        seen.add(studio.page.evaluate("document.activeElement.id"))
    assert {"generate", "prompt", "regenerate", "apply", "export", "play", "canvas"} <= seen


@pytest.mark.slow
def test_the_policy_allows_the_pages_own_script_alone(browser: Any, server: FakeServer) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800})
    server.attach(page)
    page.goto(f"{ADDRESS}/")
    page.wait_for_selector("html[data-ready=yes]", timeout=PATIENCE_MS)
    wide = page.locator("body").bounding_box()["width"]
    assert wide <= 400  # a telephone
    page.close()
