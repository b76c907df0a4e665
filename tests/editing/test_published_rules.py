"""Published editing rules as a user calls them; their numbers are compared in ``tests/golden``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from edit_bundles import debug_bundle, made_clip
from kinescale import Editor, TextToMotion, read_motion
from kinescale.cli.main import main
from kinescale.core.errors import InputError
from kinescale.pipelines import RAW, EditOptions, EditRegion

RULES = {"moscale": "moscale", "mosa": "mosa", "scalemogen": "scalemogen"}


def editor(system: str) -> Editor:
    return Editor(debug_bundle(system))


@pytest.fixture(scope="module")
def clip():
    return made_clip(60)


@pytest.mark.parametrize("system", RULES)
def test_tokens_outside_the_region_are_the_clips_own(system: str, clip) -> None:
    region = EditRegion.of(clip, frames=(40, 60), keep_scales=0 if system == "moscale" else 1)
    made = editor(system).rule(clip, "a person bows", region, rule=system, options=EditOptions(seed=4))
    again = editor(system).rule(clip, "a person bows", region, rule=system, options=EditOptions(seed=4))
    assert torch.equal(made.motions[0].rotations, again.motions[0].rotations)
    assert len(made.motions[0]) == len(clip) and made.motions[0].skeleton == clip.skeleton
    assert made.motions[0].meta["edit"] == f"rule_{system}"
    kept = [float(mask.float().mean()) for mask in made.kept[0]]
    assert any(share > 0 for share in kept) and any(share < 1 for share in kept), kept


@pytest.mark.parametrize(("system", "rule"), [("moscale", "mosa"), ("msq", "moscale"), ("scalemogen", "moscale")])
def test_a_rule_of_another_system_is_refused(system: str, rule: str, clip) -> None:
    with pytest.raises(InputError, match=f"'{rule}' is for bundles sampled by"):
        editor(system).rule(clip, rule=rule)


def test_what_a_rule_does_not_have_is_refused(clip) -> None:
    arms = EditRegion.of(clip, parts="arms")
    for system, region, seconds in (("moscale", arms, None), ("mosa", arms, None), ("mosa", None, 2.05)):
        with pytest.raises(InputError):
            editor(system).rule(clip, "a person bows", region, rule=system, seconds=seconds)
    with pytest.raises(InputError, match="at most this bundle's"):
        editor("moscale").rule(made_clip(200), rule="moscale")


def test_moscale_extends_a_clip(clip) -> None:
    one = editor("moscale")
    most = one.bundle.max_frames
    made = one.rule(clip, "a person bows", rule="moscale", seconds=most / 30)
    assert len(made.motions[0]) == most
    source_steps = len(clip) // 4 - 1
    # the finest row keeps what the source fills, less its last step, which the script gives away
    assert int(made.kept[0][-1].sum()) == source_steps


def test_scalemogen_edits_what_it_generated_with_the_same_numbers() -> None:
    one = editor("scalemogen")
    made = TextToMotion(one.bundle)("a person walks", 2.0, seed=5, post_process=RAW, candidates=1)
    source, tokens = made.motions[0], made.tokens[0]
    options = EditOptions(seed=5, post_process=RAW)
    # threshold 1 accepts no bit outside a region, and there is no region: the source comes back
    same = one.rule(source, "a person bows", rule="scalemogen", threshold=1.0, options=options)
    for mine, theirs in zip(same.tokens[0][0].scales, tokens.scales, strict=True):
        assert torch.equal(mine[:, : theirs.shape[1]], theirs)
    assert not any("was not generated" in note for note in same.notes)
    region = EditRegion.of(source, frames=(30, 60), parts="arms", keep_scales=1)
    changed = one.rule(source, "a person bows", region, rule="scalemogen", threshold=1.0, options=options)
    differs = [bool((a != b).any()) for a, b in zip(changed.tokens[0][0].scales, same.tokens[0][0].scales, strict=True)]
    assert differs[-1]
    calm = one.rule(source, "a person bows", rule="scalemogen", negative_prompt="a person runs", options=options)
    loud = one.rule(source, "a person bows", rule="scalemogen", options=options)
    pairs = zip(calm.tokens[0][0].scales, loud.tokens[0][0].scales, strict=True)
    assert any(bool((a != b).any()) for a, b in pairs)


def test_greedy_does_not_depend_on_the_seed(clip) -> None:
    for system in RULES:
        region = EditRegion.of(clip, frames=(20, 60))
        drawn = [
            editor(system).rule(clip, "a person bows", region, rule=system, greedy=True, options=EditOptions(seed=seed))
            for seed in (1, 2)
        ]
        assert torch.equal(drawn[0].motions[0].rotations, drawn[1].motions[0].rotations), system


def test_the_command_names_a_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = debug_bundle("mosa").save_pretrained(tmp_path / "bundle")
    walk = tmp_path / "walk.bvh"
    pipe = ["--bundle", str(bundle)]
    assert main(["generate", "a person walks", "-o", str(walk), "--seconds", "1", *pipe]) == 0
    given = [
        "edit",
        str(walk),
        "--prompt",
        "a person bows",
        "--frames",
        "10:20",
        "-o",
        str(tmp_path / "out.bvh"),
        *pipe,
    ]
    capsys.readouterr()
    assert main([*given, "--rule", "mosa", "--greedy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "rule"
    assert len(read_motion(tmp_path / "out.bvh")) == 30
    assert main([*given, "--rule", "moscale", "--force"]) == 2 and "take --rule mosa" in capsys.readouterr().err
    assert main([*given, "--greedy", "--force"]) == 2 and "--greedy has no meaning" in capsys.readouterr().err
    assert main([*given, "--rule", "exact", "--force"]) == 0
    assert main([*given, "--rule", "nothing", "--force"]) == 2
