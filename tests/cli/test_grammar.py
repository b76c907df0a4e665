"""The grammar that all commands share: today's forms, the forms of the version before, --quiet, help and completion."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest
from command_line import accepted, refused

from kinescale.cli.base.grammar import rewrite
from kinescale.cli.base.messages import in_options_words, remember
from kinescale.cli.base.options import flags, parse, with_shared
from kinescale.cli.main import FAMILY, main
from kinescale.formats import read_motion, write_motion
from motion_strategies import random_motion

SPANS = {"--range": True, "--seconds": True, "--keep-scales": True, "--out": True, "--force": False}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["--seconds", "1:2"], ["--range", "1:2"]),
        (["--seconds=:2"], ["--range=:2"]),
        (["--seconds", "2"], ["--seconds", "2"]),
        (["--strength", "3"], ["--keep-scales", "3"]),
        (["--keep-scales", "3"], ["--keep-scales", "3"]),
    ],
)
def test_earlier_forms_are_rewritten(given, made):
    assert rewrite(given, "edit", SPANS) == made


def test_an_option_that_a_command_still_has_is_not_rewritten():
    assert rewrite(["--strength", "3"], "edit", {"--strength": True}) == ["--strength", "3"]
    assert rewrite(["--seconds", "1:2"], "extend", {"--seconds": True}) == ["--seconds", "1:2"]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["a.bvh", "b.glb"], ["a.bvh", "-o", "b.glb"]),
        (["a.bvh", "b.glb", "--force"], ["a.bvh", "-o", "b.glb", "--force"]),
        (["--range", "1:2", "a.bvh", "b.glb"], ["--range", "1:2", "a.bvh", "-o", "b.glb"]),
        (["a.bvh", "-o", "b.glb"], ["a.bvh", "-o", "b.glb"]),
        (["a.bvh", "--out=b.glb"], ["a.bvh", "--out=b.glb"]),
        (["a.bvh"], ["a.bvh"]),
    ],
)
def test_an_output_in_the_last_place_is_found(given, made):
    assert rewrite(given, "convert", SPANS) == made


def test_the_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    given = ["~/a.bvh", "--out=~/b.bvh", "-o", "~", "a ~ person", "~b"]
    made = ["/home/someone/a.bvh", "--out=/home/someone/b.bvh", "-o", "/home/someone", "a ~ person", "~b"]
    assert rewrite(given, "describe", SPANS) == made


@pytest.fixture
def clip(tmp_path):
    write_motion(random_motion(frames=20), tmp_path / "a.bvh")
    return tmp_path / "a.bvh"


def test_the_earlier_form_works_with_a_note(clip, capsys):
    assert main(["convert", str(clip), str(clip.with_suffix(".npz"))]) == 0
    assert "is now -o" in capsys.readouterr().err
    assert len(read_motion(clip.with_suffix(".npz"))) == 20


def test_quiet_prints_nothing_but_what_was_asked_for(clip, capsys):
    out = str(clip.with_suffix(".npz"))
    assert accepted(capsys, "convert", str(clip), "-o", out, "--quiet") == ""
    assert json.loads(accepted(capsys, "clean", str(clip), "-o", out, "--force", "--json", "-q"))["out"] == out
    assert accepted(capsys, "info", str(clip), "--quiet") != ""
    # and the next command prints again
    assert out in accepted(capsys, "convert", str(clip), "-o", out, "--force")
    assert "no such file" in refused(capsys, "convert", "none.bvh", "-o", out, "--quiet", "--force")


@pytest.mark.parametrize("command", FAMILY.names())
def test_every_command_explains_itself_with_examples(command, capsys):
    said = accepted(capsys, "help", command)
    assert f"usage: kinescale {command}" in said and "--quiet" in said
    examples = FAMILY.load(command).EXAMPLES
    assert examples and "examples:" in said
    for example in examples:
        assert f"kinescale {command}" in example


@pytest.mark.parametrize("command", FAMILY.names())
def test_the_options_of_the_examples_exist(command):
    module = FAMILY.load(command)
    for example in module.EXAMPLES:
        plain = re.sub(r'^eval "\$\((.*)\)".*', r"\1", example).split(" > ")[0]
        rest = shlex.split(plain)[2:]
        if hasattr(module, "split_overrides"):
            rest, _ = module.split_overrides(rest)
        if "--compose" not in rest:
            parse(module.Options, rest, command)


def test_messages_speak_of_options():
    remember(flags(with_shared(FAMILY.load("generate").Options)))
    said = "sampler 'next_scale': field 'top_p' of Config: Input should be less than or equal to 1."
    assert in_options_words(said) == "--top-p: expected at most 1."
    other = "sampler 'next_scale': field 'no_option' of Config: wrong."
    assert in_options_words(other) == other


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_holds_every_command(shell, capsys):
    script = accepted(capsys, "completion", shell)
    assert all(command in script for command in FAMILY.names()) and "temperature" in script


def test_bash_completes(capsys, tmp_path):
    script = tmp_path / "completion.sh"
    script.write_text(accepted(capsys, "completion", "bash"))
    for words, count, expected in (("kinescale gen", 1, "generate"), ("kinescale edit --pro", 2, "--prompt")):
        code = f"source {script}; COMP_WORDS=({words}); COMP_CWORD={count}; _kinescale; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=60)
        assert done.stdout.split() == [expected], done.stderr
