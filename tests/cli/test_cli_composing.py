"""kinescale extend, loop, compose and timeline: what they write and print; bad input is one sentence."""

from __future__ import annotations

import json

import pytest
import torch
from command_line import accepted, refused

from edit_bundles import debug_bundle, made_clip
from kinescale.formats import read_motion, write_motion


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Two clips, a story of each spelling, and a bundle."""
    folder = tmp_path_factory.mktemp("compose")
    write_motion(made_clip(60), folder / "a.npz")
    write_motion(made_clip(90), folder / "b.bvh")
    (folder / "story.txt").write_text("a person walks # 0 # 1\na person waves # 0.2 # 0.8 # right arm\n")
    (folder / "story.json").write_text(json.dumps([{"text": "a person walks", "seconds": 1.5}]))
    (folder / "bad.txt").write_text("a person walks\n")
    debug_bundle("msq").save_pretrained(folder / "bundle")
    return folder


def arguments(room, command: str, *more: str, out: str = "out.npz") -> list[str]:
    files = [str(room / word) if (room / word).is_file() else word for word in more]
    return [command, *files, "--bundle", str(room / "bundle"), "-o", str(room / out), "--force"]


def test_extend(room, capsys):
    said = accepted(capsys, *arguments(room, "extend", "a.npz", "--seconds", "0.5", "--prompt", "a person sits"))
    assert "resampled: frames 60:75" in said
    clip, made = read_motion(room / "a.npz"), read_motion(room / "out.npz")
    assert len(made) == 75 and torch.equal(made.rotations[:60], clip.rotations)
    said = json.loads(accepted(capsys, *arguments(room, "extend", "a.npz", "--seconds", "1", "--before", "--json")))
    assert said["task"] == "extend" and said["frames"] == [[0, 30]]


def test_loop(room, capsys):
    said = accepted(capsys, *arguments(room, "loop", "b.bvh", "--cut", "--rounds", "2"))
    assert "a round of" in said and "the cycle is frames" in said
    said = json.loads(accepted(capsys, *arguments(room, "loop", "a.npz", "--in-place", "--json")))
    assert said["rounds"] == [{"turn_deg": 0.0, "shift_m": [0.0, 0.0]}] and 69 <= said["meta"]["loop_frames"] <= 83


def test_compose(room, capsys):
    accepted(capsys, *arguments(room, "compose", "a.npz", "b.bvh", "--parts", "upper-body"))
    clip, made = read_motion(room / "a.npz"), read_motion(room / "out.npz")
    wrist = clip.skeleton.role("left_wrist")
    assert torch.equal(made.rotations[:, wrist], clip.rotations[:, wrist])
    said = json.loads(accepted(capsys, *arguments(room, "compose", "a.npz", "b.bvh", "--coarse", "2", "--json")))
    assert said["task"] == "coarse" and said["meta"]["edit_keep_scales"] == 2
    drawn = ("--parts", "legs", "--tokens", "drawn", "--samples", "2")
    accepted(capsys, *arguments(room, "compose", "a.npz", "b.bvh", *drawn))
    assert (room / "out-1.npz").is_file()
    accepted(capsys, *arguments(room, "compose", "a.npz", "b.bvh", "--then", "--seconds", "0.6"))
    assert 150 - 2 * 18 <= len(read_motion(room / "out.npz")) < 150


def test_timeline(room, capsys):
    said = accepted(capsys, *arguments(room, "timeline", "story.txt"))
    assert "0.20 to 0.80 s (right_arm): a person waves" in said and len(read_motion(room / "out.npz")) == 30
    said = json.loads(accepted(capsys, *arguments(room, "timeline", "story.json", "--json", "--samples", "2")))
    assert said["seconds"] == 1.5 and len(said["files"]) == 2
    first, second = (read_motion(room / f"out-{i}.npz") for i in (0, 1))
    assert not torch.equal(first.rotations, second.rotations)
    assert second.meta["sample"] == 1 and second.meta["source"] == "story.json"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("extend", "a.npz", "--seconds", "0"), "--seconds is 0"),
        (("extend", "a.npz"), "--seconds"),
        (("extend", "a.npz", "--seconds", "1e9"), "seconds to sample"),
        (("extend", "--seconds", "1"), "0 motion files"),
        (("extend", "a.npz", "--seconds", "1", "--prompt", "one", "--prompt", "two"), "2 prompts"),
        (("loop", "a.npz", "--rounds", "0"), "--rounds is 0"),
        (("loop", "a.npz", "--anchor-end"), "no meaning for a loop"),
        (("loop", "missing.npz"), "no such file"),
        (("compose", "a.npz", "--parts", "legs"), "1 motion files; name two"),
        (("compose", "a.npz", "b.bvh"), "name one of --parts, --coarse and --then"),
        (("compose", "a.npz", "b.bvh", "--then", "--coarse", "2"), "--coarse and --then given"),
        (("compose", "a.npz", "b.bvh", "--coarse", "99"), "coarse scales"),
        (("compose", "a.npz", "b.bvh", "--parts", "wings"), "no part 'wings'"),
        (("compose", "a.npz", "b.bvh", "--parts", "body"), "none or all"),
        (("compose", "a.npz", "b.bvh", "--parts", "legs", "--seed", "3"), "name --tokens"),
        (("compose", "a.npz", "b.bvh", "--parts", "legs", "--prompt", "a walk"), "nothing is sampled here"),
        (("compose", "a.npz", "b.bvh", "--coarse", "2", "--tokens", "drawn"), "--tokens has no meaning"),
        (("compose", "a.npz", "b.bvh", "--parts", "legs", "--seconds", "2"), "--seconds has no meaning"),
        (("compose", "a.npz", "b.bvh", "--then", "--seconds", "9"), "take all of"),
        (("compose", "a.npz", "b.bvh", "--parts", "legs", "--tokens", "some"), "--tokens"),
        (("timeline", "bad.txt"), "line 1"),
        (("timeline", "missing.txt"), "no such file"),
        (("timeline", "a.npz"), "no kind of timeline"),
        (("timeline", "story.txt", "--samples", "0"), "--samples is 0"),
    ],
)
def test_bad_input_writes_nothing(room, capsys, words, told):
    said = refused(capsys, *arguments(room, *words, out="bad.npz"))
    assert told in said and not list(room.glob("bad*.npz"))
