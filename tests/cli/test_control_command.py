"""kinescale control: what it writes and says; bad input is one sentence, and nothing is written."""

from __future__ import annotations

import json

import pytest
import torch
from command_line import accepted, refused

from edit_bundles import debug_bundle, made_clip
from kinescale.formats import read_motion, write_motion

PIN = {"joint": "right_wrist", "frame": 20, "position": [None, 1.4, None]}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A clip of 40 frames, a bundle, and constraints good and bad."""
    folder = tmp_path_factory.mktemp("control")
    write_motion(made_clip(40), folder / "clip.npz")
    debug_bundle("moscale").save_pretrained(folder / "bundle")
    for name, entries in {
        "pin": [PIN],
        "far": [{**PIN, "frame": 90}],
        "tail": [{**PIN, "joint": "tail"}],
        "none": [],
        "wrong": [{**PIN, "place": 3}],
    }.items():
        (folder / f"{name}.json").write_text(json.dumps({"constraints": entries}))
    (folder / "nan.json").write_text('{"constraints": [{"joint": "head", "frame": 1, "position": [NaN, 0, 0]}]}')
    return folder


def arguments(room, *more: str, wanted: str = "pin", out: str = "out.npz", steps: str = "1") -> list[str]:
    shared = ["--bundle", str(room / "bundle"), "--constraints", str(room / f"{wanted}.json"), "--steps", steps]
    return ["control", *shared, "-o", str(room / out), "--force", *more]


def test_a_clip_is_changed_and_each_constraint_told(room, capsys):
    said = accepted(capsys, *arguments(room, str(room / "clip.npz"), "--frames", "10:31"))
    assert "constraint 1 (right_wrist, frame 20)" in said and "CC BY-NC 4.0 (corpus one)" in said and "cm" in said
    clip, made = read_motion(room / "clip.npz"), read_motion(room / "out.npz")
    assert torch.equal(made.rotations[:10], clip.rotations[:10]) and torch.equal(made.root[:10], clip.root[:10])
    assert not torch.equal(made.rotations[15:25], clip.rotations[15:25])
    assert "right_wrist" in made.meta["control"]


def test_motions_are_drawn_for_a_prompt_and_told_as_json(room, capsys):
    ask = ("--prompt", "a person waves", "--seconds", "0.8", "--samples", "2", "--json")
    said = json.loads(accepted(capsys, *arguments(room, *ask, steps="0")))
    assert [name.rpartition("/")[2] for name in said["files"]] == ["out-0.npz", "out-1.npz"]
    assert len(said["constraints"]) == 2 and said["constraints"][0][0]["name"].startswith("constraint 1")
    assert len(read_motion(room / "out-1.npz")) == 24 and said["meta"]["prompt"] == "a person waves"


DRAW = ("--prompt", "a person waves")


@pytest.mark.parametrize(
    ("wanted", "more", "says"),
    [
        ("pin", (), "neither a motion file nor --prompt"),
        ("pin", ("CLIP", "--seconds", "2"), "--frames"),
        ("pin", (*DRAW, "--frames", "1:5"), "--frames"),
        ("pin", ("CLIP", "--samples", "2"), "--prompt"),
        ("pin", ("CLIP", "CLIP"), "2 motion files"),
        ("pin", ("CLIP", "--frames", "25:40"), "frame 20 is not among the frames 25:40"),
        ("pin", ("CLIP", "--frames", "30:99"), "not inside the clip"),
        ("pin", ("CLIP", "--steps", "slow"), "fast, accurate"),
        ("pin", ("--prompt", " "), "the prompt is"),
        ("pin", (*DRAW, "--seconds", "0"), "--seconds"),
        ("pin", (*DRAW, "--seconds", "99"), "99"),
        ("pin", (*DRAW, "--samples", "0"), "--samples"),
        ("far", ("CLIP",), "frame 90 is outside the clip"),
        ("far", DRAW, "frame 90 is outside the clip"),
        ("tail", ("CLIP",), "no joint 'tail'"),
        ("none", ("CLIP",), "0 constraints"),
        ("wrong", ("CLIP",), "unknown key 'place'"),
        ("nan", ("CLIP",), "NaN"),
        ("absent", ("CLIP",), "absent.json"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(room, capsys, wanted, more, says):
    files = [str(room / "clip.npz") if word == "CLIP" else word for word in more]
    given = ["--seconds", "1", *files] if more[:1] == ("--prompt",) and "--seconds" not in more else files
    assert says in refused(capsys, *arguments(room, *given, wanted=wanted, out="never.npz"))
    assert not (room / "never.npz").exists()
