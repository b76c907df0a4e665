"""kinescale generate: files from a sentence, and one sentence for every bad input."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from command_line import accepted, refused

from kinescale.bundle import Bundle
from kinescale.cli.base.drawing import output_paths
from kinescale.cli.generate import parse_steps
from kinescale.cli.main import main
from kinescale.core.errors import InputError
from kinescale.formats import read_motion
from kinescale.pipelines import TextToMotion
from tiny_bundle import tiny_bundle

PROMPT = "a person walks forward"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tiny_bundle().save_pretrained(tmp_path_factory.mktemp("bundles") / "tiny"))


@pytest.fixture
def generate(capsys, folder):
    def run(*arguments: str, refuse: bool = False) -> str:
        return (refused if refuse else accepted)(capsys, "generate", *arguments, "--bundle", folder, "--seconds", "1")

    return run


@pytest.mark.parametrize("suffix", [".bvh", ".npz"])
def test_the_file_holds_what_the_pipeline_makes(generate, folder, tmp_path, suffix):
    out = tmp_path / f"walk{suffix}"
    said = generate(PROMPT, "-o", str(out), "--seed", "5")
    assert f"{out}: 1.00 s of motion\n" in said and "sampling" in said
    assert "license of the training data: CC BY-NC 4.0 (corpus one)" in said
    made = TextToMotion(Bundle.from_pretrained(folder))(PROMPT, 1.0, seed=5).motions[0]
    back = read_motion(out)
    assert len(back) == 30 and back.fps == 30
    order = [back.skeleton.joints.index(joint) for joint in made.skeleton.joints]
    torch.testing.assert_close(back.positions()[:, order], made.positions(), atol=1e-4, rtol=0)
    if suffix == ".npz":
        assert back.meta["license"] == made.meta["license"] and back.meta["prompt"] == PROMPT


def test_samples_get_numbers(generate, tmp_path):
    generate(PROMPT, "-o", str(tmp_path / "w.npz"), "--samples", "3", "--seed", "2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w-0.npz", "w-1.npz", "w-2.npz"]
    generate(PROMPT, "-o", str(tmp_path / "alone.npz"), "--seed", "2")
    clips = [read_motion(tmp_path / name) for name in ("alone.npz", "w-0.npz", "w-1.npz")]
    torch.testing.assert_close(clips[0].positions(), clips[1].positions(), atol=1e-5, rtol=0)
    assert not torch.equal(clips[1].root, clips[2].root)


def test_a_motion_longer_than_the_bundles_is_chained(capsys, folder, tmp_path):
    said = accepted(capsys, "generate", PROMPT, "-o", str(tmp_path / "w.npz"), "--seconds", "5", "--bundle", folder)
    assert "sampled window by window" in said and "5.00 s of motion" in said
    made = read_motion(tmp_path / "w.npz")
    assert len(made) == 150 and made.meta["prompt"] == PROMPT and made.meta["seed"] == 0


def test_the_default_length_fits_the_bundle(capsys, folder, tmp_path):
    accepted(capsys, "generate", PROMPT, "-o", str(tmp_path / "w.npz"), "--bundle", folder)
    assert len(read_motion(tmp_path / "w.npz")) == 64


def test_prompts_of_a_file_and_progress(capsys, folder, tmp_path):
    (tmp_path / "prompts.txt").write_text("# two prompts\na person walks\n\na person waves\n")
    fixed = ("--bundle", folder, "--seconds", "1", "--samples", "2", "-o", str(tmp_path / "w.npz"))
    assert main(["generate", "--prompts", str(tmp_path / "prompts.txt"), *fixed]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [f"{i} of 4" for i in range(1, 5)]
    made = [read_motion(tmp_path / f"w-{i}.npz").meta for i in range(4)]
    assert [meta["prompt"] for meta in made] == ["a person walks"] * 2 + ["a person waves"] * 2
    assert [meta["sample"] for meta in made] == [0, 1, 0, 1]


def test_each_sample_is_written_as_it_is_made(generate, tmp_path, monkeypatch):
    whole = TextToMotion.__call__

    def fails_at_the_second(self, prompt, seconds, samples, *rest, **more):
        if samples == [1]:
            raise InputError("interrupted.")
        return whole(self, prompt, seconds, samples, *rest, **more)

    monkeypatch.setattr(TextToMotion, "__call__", fails_at_the_second)
    with pytest.raises(AssertionError):
        generate(PROMPT, "-o", str(tmp_path / "w.npz"), "--samples", "2")
    assert [path.name for path in tmp_path.iterdir()] == ["w-0.npz"]


def test_stdout_takes_the_motion_and_nothing_else(folder, capfd):
    words = ["generate", PROMPT, "--bundle", folder, "--seconds", "1", "-o", "-"]
    made = accepted(capfd, *words)
    assert made.startswith("HIERARCHY") and made.rstrip().splitlines()[-1].count(" ") > 60
    refused(capfd, *words, "--json")


def test_a_skeleton_is_put_on(generate, tmp_path):
    generate(PROMPT, "-o", str(tmp_path / "w.npz"), "--skeleton", "mixamo")
    assert read_motion(tmp_path / "w.npz").skeleton.name == "mixamo"


def test_a_sampled_motion_is_never_lost(generate, tmp_path, monkeypatch):
    from kinescale.formats import bvh

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bvh, "write", full)
    said = generate(PROMPT, "-o", str(tmp_path / "w.bvh"), refuse=True)
    saved = said.rsplit("is saved in ", 1)[1].strip().rstrip(".")
    assert len(read_motion(saved)) == 30


def test_json(generate, tmp_path):
    about = json.loads(generate(PROMPT, "-o", str(tmp_path / "w.npz"), "--json", "--fps", "15"))
    assert about["files"] == [str(tmp_path / "w.npz")] and about["fps"] == 15 and about["seconds"] == 1.0
    assert about["timings_s"]["sampling"] > 0
    assert read_motion(tmp_path / "w.npz").fps == 15


def test_what_lies_outside_is_said_with_what_was_made(generate, tmp_path):
    out = str(tmp_path / "w.npz")
    assert "note:" not in generate(PROMPT, "-o", out)
    said = generate("a dog swims", "-o", out, "--force")
    assert "note: the prompt speaks of an animal (dog)" in said and "swims" in said
    assert "the nearest thing made: a person" in said
    (note,) = json.loads(generate("asdf qwer", "-o", out, "--force", "--json"))["notes"]
    assert "no word of the prompt" in note
    for prompt, word in {
        "plays the cello": "no action",
        "ein Hund tanzt gern": "English",
        "two people hug": "several",
    }.items():
        said = generate(prompt, "-o", out, "--force")
        assert word in said and "the nearest thing made: a person" in said
    assert "read as 'a person runs forward'" in generate("gallivants off at a canter", "-o", out, "--force")


def test_settings_are_passed_on(generate, tmp_path):
    plain, bent = tmp_path / "plain.npz", tmp_path / "bent.npz"
    generate(PROMPT, "-o", str(plain))
    for option in (
        ("--guidance-scale", "1"),
        ("--steps", "1"),
        ("--scales", "1"),
        ("--temperature", "9", "--top-p", "1"),
    ):
        generate(PROMPT, "-o", str(bent), "--force", *option)
        assert not torch.equal(read_motion(plain).root, read_motion(bent).root)


def test_the_former_guidance_is_taken_with_a_note(generate, capsys, folder, tmp_path):
    former, today = tmp_path / "former.npz", tmp_path / "today.npz"
    generate(PROMPT, "-o", str(today), "--guidance-scale", "3")
    assert main(["generate", PROMPT, "-o", str(former), "--bundle", folder, "--seconds", "1", "--guidance", "2"]) == 0
    (note,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note:")]
    assert "here guidance 2 is guidance_scale 3" in note
    assert torch.equal(read_motion(former).root, read_motion(today).root)


def test_existing_files_are_kept_without_force(generate, tmp_path):
    out = tmp_path / "walk.bvh"
    out.write_text("mine")
    assert "--force" in generate(PROMPT, "-o", str(out), refuse=True)
    assert out.read_text() == "mine"
    generate(PROMPT, "-o", str(out), "--force")
    assert out.read_text().startswith("HIERARCHY")
    # one of several is enough
    (tmp_path / "w-1.bvh").write_text("mine")
    generate(PROMPT, "-o", str(tmp_path / "w.bvh"), "--samples", "2", refuse=True)
    assert not (tmp_path / "w-0.bvh").exists()


BAD = {
    "empty prompt": ((""), (), "the prompt is ''"),
    "punctuation": (("?!"), (), "the prompt is '?!'"),
    "long prompt": (("walk " * 1000), (), "at most 2000"),
    "0 seconds": ((PROMPT), ("--seconds", "0"), "--seconds is 0"),
    "negative": ((PROMPT), ("--seconds", "-2"), "--seconds is -2"),
    "nan seconds": ((PROMPT), ("--seconds", "nan"), "--seconds is nan"),
    "5000 seconds": ((PROMPT), ("--seconds", "5000"), "at most 3600"),
    "a long motion watched": ((PROMPT), ("--seconds", "4", "--scales", "1"), "at most 2.13 seconds"),
    "words as seconds": ((PROMPT), ("--seconds", "long"), "see kinescale generate --help"),
    "no samples": ((PROMPT), ("--samples", "0"), "--samples is 0"),
    "negative seed": ((PROMPT), ("--seed", "-1"), "the seed is -1"),
    "huge seed": ((PROMPT), ("--seed", str(2**63)), "the seed is"),
    "missing bundle": ((PROMPT), ("--bundle", "no/such/folder"), "no/such/folder"),
    "bad steps": ((PROMPT), ("--steps", "1,two"), "--steps is '1,two'"),
    "no steps": ((PROMPT), ("--steps", "0"), "--steps is '0'"),
    "many scales": ((PROMPT), ("--scales", "9"), "1 to 3"),
    "zero temperature": ((PROMPT), ("--temperature", "0"), "--temperature is 0"),
    "top-p": ((PROMPT), ("--top-p", "2"), "--top-p: expected at most 1"),
    "guidance": ((PROMPT), ("--guidance-scale", "-1"), "--guidance-scale: expected at least 0"),
    "fps": ((PROMPT), ("--fps", "0"), "frames per second"),
    "unknown option": ((PROMPT), ("--second", "3"), "perhaps you meant --seconds"),
    "a sentence without quotes": (None, ("a", "person", "walks"), 'put the sentence in quotes: "a person walks"'),
    "two prompts": ((PROMPT), ("--prompt", "another"), "given twice"),
    "a typing slip": ((PROMPT), ("--promt", "another"), "perhaps you meant --prompt"),
    "device": ((PROMPT), ("--device", "gpu"), "--device is 'gpu'"),
    "skeleton": ((PROMPT), ("--skeleton", "mixame"), "Did you mean 'mixamo'"),
    "no prompts": (None, ("--prompts", "none.txt"), "none.txt"),
    "nothing": (None, (), "there is no prompt"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(capsys, folder, tmp_path, name):
    prompt, options, expected = BAD[name]
    out = str(tmp_path / "x.bvh")
    fixed = ["--bundle", folder] * ("--bundle" not in options) + ["--seconds", "1"] * ("--seconds" not in options)
    said = () if prompt is None else (prompt,)
    assert expected in refused(capsys, "generate", *said, "-o", out, *fixed, *options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("out", ["x.xyz", "x", "nofolder/x.bvh", ".", "x.amc"])
def test_bad_outputs(capsys, folder, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    refused(capsys, "generate", PROMPT, "-o", out, "--bundle", folder)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_output_is_named(capsys):
    assert "--out" in refused(capsys, "generate", PROMPT)


def test_corrupt_weights_as_a_user_sees_them(tmp_path, capfd):
    broken = tiny_bundle().save_pretrained(tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    said = refused(capfd, "generate", PROMPT, "-o", str(tmp_path / "x.bvh"), "--bundle", str(broken))
    assert "corrupt or cut short" in said and not (tmp_path / "x.bvh").exists()


def test_what_is_wrong_is_said_before_torch_is_loaded(folder):
    code = (
        "import sys; from kinescale.cli.main import main\n"
        "for bad in (['', '-o', 'x.bvh'], ['a', '-o', 'x.no'],\n"
        "            ['a', '-o', 'x.bvh', '--bundle', 'no/where'],\n"
        "            ['a', '-o', 'x.bvh', '--candidates', '0', '--bundle', sys.argv[1]],\n"
        "            ['a', '-o', 'x.bvh', '--seconds', '0', '--bundle', sys.argv[1]]):\n"
        "    assert main(['generate', *bad]) == 2\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("kinescale: ") == done.stderr.count("\n") == 5


def test_output_paths(tmp_path):
    assert output_paths(tmp_path / "a.b.bvh", 1) == [tmp_path / "a.b.bvh"]
    assert [path.name for path in output_paths(tmp_path / "a.b.bvh", 2)] == ["a.b-0.bvh", "a.b-1.bvh"]


def test_steps():
    assert parse_steps(None) is None
    assert parse_steps("1,2, 5 10") == (1, 2, 5, 10)
    for bad in ("", ",", "1.5", "-1", "1001", "a"):
        with pytest.raises(InputError):
            parse_steps(bad)
