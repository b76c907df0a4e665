"""Every command and every Python block of README and the documentation runs, or stands in a list with the reason.

The pages are followed as a reader does: one empty folder per page, its commands in order, with the files that the page
says the reader has. A command that does not run here is still parsed, so that its options exist.
"""

from __future__ import annotations

import ast
import fnmatch
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pages import Command, blocks, commands, name, pages, python_blocks

from authors_files import published_folder
from kinescale.cli.base.options import parse
from kinescale.cli.main import FAMILY, main
from kinescale.core.errors import KinescaleError
from kinescale.core.records import write_json
from kinescale.formats import write_motion
from kinescale.pipelines import TextToMotion

NOT_RUN = {
    "make *": "runs the tests themselves, or what the Makefile's targets do by other commands",
    "pip install *": "installs; tests/newcomer does it on a wheel",
    "python3 -m venv *": "makes an environment; tests/newcomer does it",
    ". .venv/bin/activate": "a shell's own",
    "git *": "about a checkout",
    "ruff *": "what tests/house and make lint run",
    "python -m pytest *": "runs the tests themselves",
    "python docs/tree.py": "tests/house runs it with --check",
    "python benchmarks/*": "takes minutes to hours and prepared data; tests/house imports none of it",
    "kinescale doctor": "depends on the machine; tests/cli/test_cli_doctor.py runs it",
    "kinescale prepare bandai_namco *": "takes the published corpus; tests/data prepares small ones",
    "kinescale prepare CORPUS *": "a pattern, not a command",
    "for c in *": "takes four published corpora",
    "kinescale prepare --compose *": "minutes; tests/data/compose composes a few clips",
    "kinescale train moscale.cpu *": "an hour; moscale.debug runs in its place",
    "kinescale prepare amass *": "takes AMASS; tests/data prepares made bodies",
    "kinescale reproduce *": "minutes, and prepared data; tests/evaluation runs one and make slow all of them",
    "kinescale evaluate *": "minutes, and most need prepared corpora; tests/cli/test_cli_evaluate.py runs it",
    'kinescale generate "a person runs" --bundle runs/mine *': "uses the hour's training",
    "kinescale generate --prompts *": "takes a file of prompts; tests/pipelines/test_bulk.py makes motions of several",
    "kinescale train moscale.small *": "takes an accelerator; tests/training/test_worlds.py trains moscale.debug so",
    "kinescale serve*": "serves until it is interrupted; tests/server runs the application",
    "kinescale export *": "a minute of tracing; tests/export makes and runs exports",
    "kinescale generate * --runtime onnx *": "takes an export; tests/export makes and runs them",
    "kinescale studio*": "serves until it is interrupted, and opens a browser; tests/cli/test_serve_command.py runs it",
    "kinescale control *": "minutes of optimization; tests/cli/test_control_command.py runs it",
}
"""Commands that are not run, as patterns of their text without comments, and why."""

NOT_EXECUTED = {
    "docs/control.md": "minutes of optimization; tests/control runs it",
    "docs/howto/onnx.md": "takes an export; tests/export makes and runs them",
    "docs/evaluation.md": "takes a trained run and prepared data; tests/evaluation runs it",
}
"""Pages of which only the imports are executed, and why."""

PUBLISHED = "docs/howto/use_the_authors_weights.md"
SLOW = {
    PUBLISHED: "imports and samples; its files are made by tests/authors_files.py",
    "docs/tutorial.md": "draws much",
}
"""Pages whose commands `make slow` runs, and why."""

SLOW_PYTHON = ("docs/howto/use_from_python.md", "docs/editing.md")
"""Pages whose Python `make slow` runs: they draw much."""

GIVEN = {
    "docs/editing.md": ("walk.bvh",),
    "docs/describe.md": ("clip.bvh",),
    "docs/inbetween.md": ("clip.bvh",),
    "docs/howto/train_on_your_folder.md": ("mine/",),
    "docs/data.md": ("mine/",),
}
"""Files and folders that a page says the reader has."""


def text(command: Command) -> str:
    return command.text.split("  #")[0].strip()


def reason(command: Command) -> str | None:
    return next((why for pattern, why in NOT_RUN.items() if fnmatch.fnmatch(text(command), pattern)), None)


@pytest.fixture(scope="module")
def walk():
    """A walk of the included model, which stands for the reader's own files."""
    return TextToMotion.from_pretrained()("a person walks forward", seconds=6.0, seed=7).motions[0]


@pytest.fixture
def room(tmp_path, monkeypatch, walk, request):
    """An empty folder with what the page's reader has."""

    def enter(page: Path) -> Path:
        for given in GIVEN.get(name(page), ()):
            if given.endswith("/"):
                _folder(tmp_path / given, walk)
            else:
                write_motion(walk, tmp_path / given)
        if name(page) == PUBLISHED:
            published_folder(tmp_path)
        _texts(page, tmp_path)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return enter


def _folder(place: Path, walk) -> None:
    """The layout of docs/data.md: a few captioned clips, one of each split, short enough for moscale.debug."""
    (place / "walks").mkdir(parents=True)
    walk = walk.replace(root=walk.root[:60], rotations=walk.rotations[:60])
    for clip in ("slow", "fast", "held"):
        write_motion(walk, place / "walks" / f"{clip}.bvh")
        (place / "walks" / f"{clip}.txt").write_text("a person walks slowly\n")
    for split, clip in (("train", "slow"), ("val", "fast"), ("test", "held")):
        (place / f"{split}.txt").write_text(f"walks/{clip}\n")
    write_json(place / "license.json", {"name": "CC0", "url": "", "attribution": "made", "commercial_use": True})


def _texts(page: Path, place: Path) -> None:
    """Timelines that a page shows: blocks whose lines are segments."""
    for _, _, lines in blocks(page):
        if lines and all(" # " in line for line in lines if line):
            (place / "story.txt").write_text("\n".join(lines) + "\n")


def _marked() -> list:
    return [_page(page, name(page) in SLOW) for page in pages()]


def _page(page: Path, slow: bool) -> Any:
    return pytest.param(page, marks=pytest.mark.slow if slow else (), id=name(page))


@pytest.mark.parametrize("page", _marked())
def test_the_commands_of_a_page_run_in_order(page, room, capsys):
    listed = [c for c in commands(page) if c.words[0] == "kinescale" and reason(c) is None]
    if not listed:
        pytest.skip("no command of this page is run")
    room(page)
    for command in listed:
        capsys.readouterr()
        code = main(command.words[1:])
        said = capsys.readouterr()
        assert code == 0, f"{command.page}:{command.line}: {command.text}\n{said.err}"
        assert "earlier form" not in said.err, f"{command.page}:{command.line}: {said.err}"


def _everything() -> list[Command]:
    return [command for page in pages() for command in commands(page)]


@pytest.mark.parametrize("command", _everything(), ids=lambda c: f"{c.page}:{c.line}")
def test_the_options_of_a_command_exist(command, monkeypatch):
    """Also of commands that are not run; patterns in capitals stand for values."""
    if command.words[0] != "kinescale":
        assert reason(command), f"{command.page}:{command.line}: {command.text} neither runs nor stands in NOT_RUN"
        return
    first, *rest = command.words[1:]
    if first in ("help", "doctor"):
        return
    module = FAMILY.load(first)
    options = getattr(module, "Options", None)
    assert options is not None
    if first == "train":
        rest, _ = module.split_overrides(rest)
    if first == "prepare" and "--compose" in rest:
        from kinescale.cli.prepare import compose

        options, rest = compose.Options, [word for word in rest if word != compose.FLAG]
    parse(options, rest, first)


def test_every_reason_is_about_a_command():
    said = [text(command) for command in _everything()]
    stale = [pattern for pattern in NOT_RUN if not fnmatch.filter(said, pattern)]
    assert not stale, f"NOT_RUN names commands that no page has: {stale}"
    shown = {name(page) for page in pages() if python_blocks(page)}
    assert set(NOT_EXECUTED) <= shown


def test_a_wrong_option_is_noticed():
    wrong = replace(_everything()[0], text="kinescale describe a.bvh --no-such-option")
    with pytest.raises(KinescaleError):
        test_the_options_of_a_command_exist(wrong, None)


WITH_PYTHON = [page for page in pages() if python_blocks(page)]


@pytest.mark.parametrize("page", [_page(page, name(page) in SLOW_PYTHON) for page in WITH_PYTHON])
def test_the_python_of_a_page_runs_in_order(page, room):
    room(page)
    known: dict[str, object] = {}
    for line, code in python_blocks(page):
        tree = ast.parse(code)
        if name(page) in NOT_EXECUTED:
            tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(tree, f"{page}:{line}", "exec"), known)
