"""The page in a real browser: it draws, plays, obeys its slider and keys, fetches nothing and lets no title run.

Needs what ``chromium.py`` says.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from render_cases import coarse_to_fine, make_walk

from chromium import PATIENCE_MS, started
from kinescale.render import render

HOSTILE = (
    "</script><img src=x onerror=window.hit=1><script>window.hit=2</script>{{data}} <b onclick='window.hit=3'>bold"
)
DRAWN = "document.documentElement.dataset.drawn === 'yes'"
SETTLE = """() => new Promise(done => {
  requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)));
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as browser:
        yield browser


class Player:
    """An open page, what it asked for and what it complained about."""

    def __init__(self, page: Any):
        self.page = page
        self.asked: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))

    def open(self, path: Path, wait: str = DRAWN) -> Player:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.goto(path.as_uri())
        self.page.wait_for_function(wait)
        if wait == DRAWN:
            # It plays by itself: how far it has come by now depends on the machine.
            self.press(" ", "Home")
        return self

    def pixels(self) -> np.ndarray:
        """The canvas as drawn, [H, W, 3]."""
        self.page.evaluate(SETTLE)
        return np.asarray(Image.open(io.BytesIO(self.page.locator("#stage").screenshot())).convert("RGB")).astype(int)

    def text(self, name: str) -> str:
        self.page.evaluate(SETTLE)
        return self.page.locator(f"#{name}").inner_text()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture(scope="module")
def opened(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Player]]:
    contexts = []

    def start(*motions: Any, title: str = "a walk", init: str = "", wait: str = DRAWN, **settings: Any) -> Player:
        path = tmp_path_factory.mktemp("player") / "page.html"
        render(list(motions), path, titles=[title] * len(motions))
        size = {"width": 420, "height": 360}
        # Motion is reduced so that the slider takes effect at once; the network is cut.
        context = browser.new_context(**{"viewport": size, "offline": True, "reduced_motion": "reduce", **settings})
        contexts.append(context)
        page = context.new_page()
        if init:
            page.add_init_script(init)
        return Player(page).open(path, wait)

    yield start
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def player(opened: Callable[..., Player]) -> Player:
    """A page with one walk of a second, which several tests share: opening one is what takes time."""
    return opened(make_walk(31))


def changed(before: np.ndarray, after: np.ndarray) -> int:
    """Pixels that differ clearly."""
    return int((np.abs(before - after).max(axis=-1) > 24).sum())


def colored(pixels: np.ndarray, channel: int, other: int) -> int:
    """Pixels in which one channel stands out over another."""
    return int((pixels[..., channel] - pixels[..., other] > 70).sum())


def test_it_draws_a_body_from_a_file_with_the_network_cut(player: Player) -> None:
    player.page.locator("#scrub").fill("8")
    seen = player.pixels()
    assert colored(seen, 0, 2) > 150, "the left limbs are orange"
    assert colored(seen, 2, 0) > 150, "the right limbs are blue"
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) > 100
    assert player.said == [] and len(player.asked) == 1 and player.asked[0].startswith("file:")
    for name in ("scale-row", "overlay-label"):
        assert not player.page.locator(f"#{name}").is_visible(), "one plain motion has nothing to choose"


def test_scrubbing_and_keys_move_time(player: Player) -> None:
    player.press("Home")
    start = player.pixels()
    assert player.text("play") == "Play" and player.text("clock") == "0.00 / 1.00 s"
    player.page.locator("#scrub").fill("15")
    assert player.text("clock") == "0.50 / 1.00 s"
    assert changed(start, player.pixels()) > 200
    player.page.locator("#canvas").focus()
    player.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert player.text("clock").startswith("0.53")
    player.press("End")
    assert player.text("clock").startswith("1.00")
    player.press("Home")
    assert changed(start, player.pixels()) == 0
    player.press(".", ".", ",")
    assert player.page.locator("#speed").input_value() == "1.5"
    player.press(" ")
    assert player.text("play") == "Pause"
    player.page.wait_for_function("parseFloat(document.getElementById('clock').textContent) > 0")
    # A key does what the element it is pressed on does with it, once.
    player.page.locator("#play").focus()
    player.press(" ")
    assert player.text("play") == "Play"


def test_the_slider_shows_coarse_become_fine(opened: Callable[..., Player]) -> None:
    stages = coarse_to_fine(31)
    player = opened(stages)
    player.press("Home")
    fine = player.pixels()
    assert player.text("scale-name") == "scale 3 of 3"
    player.page.locator("#scale").fill("0")
    coarse = player.pixels()
    assert player.text("scale-name") == "scale 1 of 3" and changed(fine, coarse) > 100
    player.page.locator("#canvas").focus()
    player.press("g")
    assert changed(coarse, player.pixels()) > 50, "the finished motion shows behind"
    player.press("g", "]", "]", "]")
    assert player.text("scale-name") == "scale 3 of 3" and changed(fine, player.pixels()) == 0


def test_a_hostile_title_is_text_and_the_page_runs_nothing_else(opened: Callable[..., Player]) -> None:
    player = opened(make_walk(5, license=HOSTILE), title=HOSTILE)
    assert player.page.evaluate("window.hit") is None
    assert player.page.locator("figcaption b").inner_text() == HOSTILE and player.page.title() == HOSTILE
    assert player.page.locator("img, b[onclick]").count() == 0
    assert player.said == [] and len(player.asked) == 1
    slipped_in = """async () => {
      const script = document.createElement('script');
      script.textContent = 'window.hit = 4';
      document.body.append(script);
      document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.hit = 5">');
      const fetched = await fetch(location.href).then(() => 'fetched', () => 'refused');
      return [window.hit ?? null, fetched];
    }"""
    assert player.page.evaluate(slipped_in) == [None, "refused"]


@pytest.mark.slow
def test_the_view_turns_and_comes_closer(player: Player) -> None:
    player.press("Home", "r")
    first = player.pixels()
    mouse = player.page.mouse
    mouse.move(200, 100), mouse.down(), mouse.move(260, 110), mouse.up()
    turned = player.pixels()
    assert changed(first, turned) > 300
    mouse.wheel(0, -300)
    closer = player.pixels()
    assert colored(closer, 2, 0) > 1.2 * colored(turned, 2, 0)
    player.press("r")
    assert changed(first, player.pixels()) < 20
    player.page.locator("#canvas").focus()
    player.press("a", "a")
    assert changed(first, player.pixels()) > 300


@pytest.mark.slow
def test_several_motions_stand_side_by_side_or_in_one_view(opened: Callable[..., Player]) -> None:
    player = opened(make_walk(20), make_walk(10, turn=-1.0))
    player.press("Home")
    apart = player.pixels()
    half = apart.shape[1] // 2
    assert min(colored(apart[:, :half], 2, 0), colored(apart[:, half:], 2, 0)) > 50
    assert player.page.locator("figure").count() == 2
    player.page.locator("#overlay").check()
    assert player.page.locator("figure").count() == 1 and player.page.locator("figcaption b").count() == 2
    assert changed(apart, player.pixels()) > 300
    assert player.page.locator("#bar.laid").count() == 1, "hues stand for motions, so the key of the sides is gone"


@pytest.mark.slow
def test_a_phone_in_the_dark(opened: Callable[..., Player]) -> None:
    phone = {"width": 320, "height": 560}
    player = opened(make_walk(5), viewport=phone, color_scheme="dark", device_scale_factor=2, has_touch=True)
    assert player.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert player.page.evaluate("document.getElementById('canvas').width") == 640
    for name in ("play", "scrub", "speed"):
        box = player.page.locator(f"#{name}").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 320 and box["y"] + box["height"] <= 560
        assert box["height"] >= 40
    seen = player.pixels()
    assert seen[2, -2].max() < 60 and colored(seen, 2, 0) > 150


def test_without_webgl_it_says_so(opened: Callable[..., Player]) -> None:
    blind = "HTMLCanvasElement.prototype.getContext = () => null"
    wait = "!document.getElementById('trouble').hidden"
    player = opened(make_walk(5), init=blind, wait=wait)
    assert "no WebGL 2" in player.text("trouble") and not player.page.locator("#bar").is_visible()
    assert player.page.locator("figcaption b").inner_text() == "a walk"
