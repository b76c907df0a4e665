"""kinescale edit and kinescale parts: what they write and say; bad input is one sentence, and nothing is written."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from command_line import accepted, refused

from edit_bundles import debug_bundle, made_clip
from kinescale.cli.main import main
from kinescale.formats import read_motion, write_motion
from kinescale.pipelines.editing import tasks

PROMPT = ("--prompt", "a person waves")


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A clip of 2 s at 30 fps as two files, a short one, one without roles, and a bundle."""
    folder = tmp_path_factory.mktemp("edit")
    write_motion(made_clip(60), folder / "clip.npz")
    write_motion(made_clip(60), folder / "clip.bvh")
    write_motion(made_clip(3), folder / "short.npz")
    bare = (
        "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
    )
    bare += "JOINT b\n{\nOFFSET 0 1 0\nCHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\n}\n"
    lines = "0 1 0 0 0 0 0 0 0\n" * 20
    (folder / "bare.bvh").write_text(bare + f"MOTION\nFrames: 20\nFrame Time: 0.0333333\n{lines}")
    debug_bundle("msq").save_pretrained(folder / "bundle")
    return folder


def arguments(room, *more: str, clip: str | None = "clip.npz", out: str = "out.npz") -> list[str]:
    files = [] if clip is None else [str(room / clip)]
    return ["edit", *files, "--bundle", str(room / "bundle"), "-o", str(room / out), "--force", *more]


def test_an_edit_is_written_with_where_it_comes_from(room, capsys):
    said = accepted(capsys, *arguments(room, *PROMPT, "--frames", "20:40", "--parts", "left_arm,head", "--seed", "4"))
    assert "frames 20:40, left_arm,head" in said and "CC0; CC BY-NC 4.0 (corpus one)" in said
    clip, made = read_motion(room / "clip.npz"), read_motion(room / "out.npz")
    changed = (clip.rotations != made.rotations).any(-1)
    assert changed[20:40].any() and not changed[:20].any() and not changed[40:].any()
    joints = [clip.skeleton.joints[j] for j in changed.any(0).nonzero().flatten()]
    assert set(joints) == {"neck", "head", "left_collar", "left_shoulder", "left_elbow", "left_wrist"}
    assert torch.equal(clip.root, made.root)
    assert made.meta["prompt"] == "a person waves" and made.meta["seed"] == 4 and made.meta["edited_frames"] == "20:40"


def test_tasks_samples_and_json(room, capsys):
    said = json.loads(accepted(capsys, *arguments(room, "--suffix", "1", "--samples", "2", "--json")))
    assert [name.rpartition("/")[2] for name in said["files"]] == ["out-0.npz", "out-1.npz"]
    assert said["task"] == "suffix" and said["frames"] == [[0, 30]] and said["meta"]["edit"] == "suffix"
    pair = [str(room / name) for name in ("clip.bvh", "clip.npz")]
    said = json.loads(accepted(capsys, *arguments(room, "--inbetween", *pair, "--seconds", "0.5", "--json", clip=None)))
    assert said["frames"] == [[60, 75]] and len(read_motion(room / "out.npz")) == 135
    said = json.loads(accepted(capsys, *arguments(room, *PROMPT, "--rewrite", "--source-prompt", "a walk", "--json")))
    assert said["task"] == "rewrite" and any("systems of bits" in note for note in said["notes"])


MADE_UP = '''"""Hold a frame of a clip: a task that is not in the package."""

import dataclasses

from kinescale.pipelines.editing.region import EditRegion


def run(pipeline, motion, seconds, prompt=None, *, keep_scales=0, options=None):
    """Resample the first ``seconds``."""
    region = EditRegion.of(motion, seconds=(0.0, seconds), keep_scales=keep_scales)
    edited = pipeline.run(motion, region, prompt, task="made_up", options=options)
    return dataclasses.replace(edited, notes=("made up", *edited.notes))
'''


def test_a_task_is_named_and_one_dropped_into_the_family_is_a_task(room, capsys, tmp_path, monkeypatch):
    said = json.loads(accepted(capsys, *arguments(room, "--task", "extend", "--seconds", "0.5", "--json")))
    assert said["task"] == "extend" and said["frames"] == [[60, 75]]
    (tmp_path / "made_up.py").write_text(MADE_UP)
    places = [*tasks.__path__, str(tmp_path)]
    monkeypatch.setattr(tasks, "__path__", places)
    monkeypatch.setattr(tasks.__spec__, "submodule_search_locations", places)
    given = arguments(room, "--task", "made-up", "--seconds", "0.5", "--keep-scales", "1", "--json")
    said = json.loads(accepted(capsys, *given))
    assert said["frames"] == [[0, 15]] and said["notes"][0] == "made up" and said["meta"]["edit"] == "made_up"
    monkeypatch.delitem(sys.modules, f"{tasks.__name__}.made_up")
    assert "needs --seconds" in refused(capsys, *arguments(room, "--task", "made_up"))
    assert "--parts has no meaning" in refused(capsys, *arguments(room, "--task", "made_up", "--parts", "head"))
    assert "Did you mean 'extend'?" in refused(capsys, *arguments(room, "--task", "extent"))


def test_the_former_name_of_keep_scales_is_taken_with_a_note(room, capsys):
    assert main(arguments(room, *PROMPT, "--frames", "20:40", "--strength", "1")) == 0
    assert "--strength is now --keep-scales" in capsys.readouterr().err
    assert read_motion(room / "out.npz").meta["edit_keep_scales"] == 1


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ((), "--prompt"),
        ((*PROMPT, *PROMPT), "2 prompts"),
        (("--prompt", "  "), "the prompt is"),
        ((*PROMPT, "--frames", "20:20"), "no frame"),
        ((*PROMPT, "--frames", "40:20"), "later end"),
        ((*PROMPT, "--frames", "50:70"), "not inside the clip"),
        ((*PROMPT, "--frames", "some"), "40:80"),
        ((*PROMPT, "--range", "0:0"), "no frame"),
        ((*PROMPT, "--seconds", "1:9"), "not inside the clip"),
        ((*PROMPT, "--seconds", "2"), "--range 0:2"),
        ((*PROMPT, "--range", "2"), "1.3:2.7"),
        ((*PROMPT, "--frames", "1:5", "--range", "0:1"), "name one"),
        ((*PROMPT, "--parts", "left_arn"), "did you mean 'left_arm'"),
        ((*PROMPT, "--keep-scales", "6"), "6 scales; expected 0 to 5"),
        ((*PROMPT, "--strength", "-1"), "keep_scales"),
        ((*PROMPT, "--blend", "-1"), "blend"),
        ((*PROMPT, "--samples", "0"), "--samples"),
        ((*PROMPT, "--source-prompt", "a walk"), "no meaning"),
        ((*PROMPT, "--rewrite", "--frames", "1:5"), "no meaning for the task 'rewrite'"),
        ((*PROMPT, "--rewrite", "--threshold", "2"), "threshold"),
        (("--inpaint",), "needs to know where"),
        (("--inpaint", "--outpaint", "--frames", "1:5"), "two tasks"),
        (("--outpaint", "--frames", "0:60"), "nothing is left"),
        (("--prefix", "0"), "--prefix"),
        (("--prefix", "2"), "to be kept"),
        (("--suffix", "nan"), "--suffix"),
        (("--inbetween", "CLIP", "CLIP"), "leave the other one out"),
    ],
)
def test_bad_options_are_one_sentence_and_write_nothing(room, capsys, more, says):
    (room / "out.npz").unlink(missing_ok=True)
    given = [str(room / "clip.npz") if word == "CLIP" else word for word in more]
    assert says in refused(capsys, *arguments(room, *given))
    assert not (room / "out.npz").exists()


@pytest.mark.parametrize(
    ("files", "more", "says"),
    [
        (("bare.bvh",), PROMPT, "role"),
        (("bare.bvh",), (*PROMPT, "--parts", "left_arm"), "--roles"),
        (("short.npz",), PROMPT, "shortest"),
        (("none.bvh",), PROMPT, "no such file"),
        ((), PROMPT, "0 motion files"),
        (("clip.npz", "clip.bvh"), PROMPT, "2 motion files"),
        ((), ("--inbetween", "clip.npz", "clip.npz", "--seconds", "0"), "above 0"),
        ((), ("--inbetween", "clip.npz", "clip.npz"), "--seconds 2"),
    ],
)
def test_bad_clips_are_one_sentence_and_write_nothing(room, capsys, files, more, says):
    (room / "out.npz").unlink(missing_ok=True)
    given = [str(room / word) if word.endswith((".npz", ".bvh")) else word for word in more]
    paths = [str(room / name) for name in files]
    assert says in refused(capsys, *arguments(room, *paths, *given, clip=None))
    assert not (room / "out.npz").exists()


def test_parts_are_listed(room, capsys):
    plain = accepted(capsys, "parts")
    assert "left_arm" in plain and "left_shoulder" in plain and "scales" not in plain
    of_clip = json.loads(accepted(capsys, "parts", str(room / "clip.bvh"), "--bundle", str(room / "bundle"), "--json"))
    assert of_clip["parts"]["root"]["joints"] == ["pelvis"] and of_clip["parts"]["left_arm"]["scales"] == [4, 5]
    assert "tokens of its own at scales 4, 5" in accepted(capsys, "parts", "--bundle", str(room / "bundle"))
    assert "no such file" in refused(capsys, "parts", str(room / "none.bvh"))
    assert "none here" in accepted(capsys, "parts", str(room / "bare.bvh"))
