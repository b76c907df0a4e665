"""Coarse to fine on the command line: generate --watch, and render --scales."""

from __future__ import annotations

import json
import re

import pytest
import torch
from command_line import accepted, refused

from kinescale.bundle import Bundle
from kinescale.cli.base.pictures import Watch, prefix_stages
from kinescale.formats import read_motion
from kinescale.pipelines import TextToMotion
from tiny_bundle import tiny_bundle

PROMPT = "a person walks <b>forward</b>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tiny_bundle().save_pretrained(tmp_path_factory.mktemp("bundles") / "tiny"))


@pytest.fixture
def generate(capsys, folder, tmp_path):
    def run(*arguments: str, refuse: bool = False) -> str:
        fixed = ["generate", PROMPT, "-o", str(tmp_path / "w.npz"), "--bundle", folder, "--seconds", "1"]
        return (refused if refuse else accepted)(capsys, *fixed, *arguments)

    return run


def tracks(page):
    """The labels that each motion of a page's data has for its stages."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    return [[track["label"] for track in clip["tracks"]] for clip in json.loads(found.group(1))]


def test_watching_draws_every_scale_of_every_sample(generate, tmp_path):
    page = tmp_path / "watch.html"
    said = generate("--watch", str(page), "--samples", "2")
    assert f"{page}: coarse to fine" in said
    assert tracks(page) == [["scale 1 of 3", "scale 2 of 3", "scale 3 of 3"]] * 2


def test_watching_changes_nothing_and_ends_where_the_file_ends(generate, folder, tmp_path):
    generate()
    alone = read_motion(tmp_path / "w.npz")
    generate("--watch", str(tmp_path / "w.html"), "--force")
    assert torch.equal(read_motion(tmp_path / "w.npz").rotations, alone.rotations)
    watch = Watch()
    made = TextToMotion(Bundle.from_pretrained(folder))(PROMPT, 1.0, 3, on_scale=watch.on_scale).motions
    for stages, motion in zip(watch.stages(made), made, strict=True):
        assert stages.motion is motion and len(stages.motions) == 3
        # what the last scale showed is the motion itself
        shown = watch.clips[made.index(motion)][-1]
        torch.testing.assert_close(shown.positions(), motion.positions(), atol=1e-4, rtol=0)
        assert not torch.equal(stages.motions[0].rotations, motion.rotations)
    assert [len(stages.motions) for stages in watch.stages(made, 2)] == [2, 2, 2]
    assert watch.stages(made, 2)[0].labels[-1] == "scale 2 of 3"


def test_fewer_scales_and_another_rate(generate, tmp_path):
    page = tmp_path / "watch.html"
    generate("--watch", str(page), "--scales", "2", "--fps", "15")
    assert tracks(page) == [["scale 1 of 3", "scale 2 of 3"]]


def test_slips_are_told_before_anything_is_made(generate, tmp_path):
    assert "no picture to render" in generate("--watch", str(tmp_path / "x.bvh"), refuse=True)
    assert "does not exist" in generate("--watch", str(tmp_path / "no" / "x.html"), refuse=True)
    assert "at most 16" in generate("--watch", str(tmp_path / "x.html"), "--samples", "17", refuse=True)
    (tmp_path / "x.html").write_text("mine")
    assert "--force" in generate("--watch", str(tmp_path / "x.html"), refuse=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.html"]


def test_a_files_scales(capsys, generate, folder, tmp_path):
    generate("--seconds", "2")
    page, sheet = tmp_path / "scales.html", tmp_path / "scales.png"
    accepted(capsys, "render", str(tmp_path / "w.npz"), str(page), "--scales", "--bundle", folder)
    assert tracks(page) == [["scale 1 of 3", "scale 2 of 3", "scale 3 of 3", "the motion itself"]]
    accepted(capsys, "render", str(tmp_path / "w.npz"), str(sheet), "--scales", "--bundle", folder, "--poses", "2")
    assert sheet.read_bytes()[:4] == b"\x89PNG"
    motion = read_motion(tmp_path / "w.npz")
    stages = prefix_stages(Bundle.from_pretrained(folder), motion)
    torch.testing.assert_close(stages.motion.positions(), motion.positions(), atol=1e-4, rtol=0)
    assert {len(stage) for stage in stages.motions} == {len(motion)}
