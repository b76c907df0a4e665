"""Ablation switches: each changes its recipe, and what it makes of it can be built."""

from __future__ import annotations

import pytest

from kinescale import recipes
from kinescale.cli.train import Options, configure
from kinescale.core.errors import UnknownNameError
from kinescale.training.config import RunConfig
from kinescale.training.overrides import override
from kinescale.training.parts import build_feature
from kinescale.training.preflight import check_parts

WHOLE = {system: f"{system}.humanml3d" for system in ("moscale", "mosa", "scalemogen")}
CASES = [(name, switch) for name in WHOLE.values() for switch in recipes.ablations(name)]


@pytest.mark.parametrize(("name", "switch"), CASES)
def test_a_switch_changes_its_recipe_to_one_whose_parts_fit(name: str, switch: str) -> None:
    before = recipes.get(name)
    after = override(before, recipes.ablation(name, [switch]))
    assert isinstance(after, RunConfig) and after != before
    assert after.data == before.data and after.generator_training == before.generator_training
    # without memory for weights, and without the text model
    check_parts(after, build_feature(after.feature), text=False)


def test_switches_add_up_and_a_wrong_one_lists_those_there_are() -> None:
    both = recipes.ablation("scalemogen.humanml3d", ["no-scale-dropout", " no_flips"])
    assert both == {"tokenizer.config.scale_dropout": 0.0, "generator.config.flips": 0.0}
    with pytest.raises(UnknownNameError, match="Did you mean 'no_flips'"):
        recipes.ablation("scalemogen.humanml3d", ["no_flip"])
    with pytest.raises(UnknownNameError, match="Known: none"):
        recipes.ablation("momask.humanml3d", ["no_flips"])


def test_the_command_takes_them(tmp_path) -> None:
    options = Options("moscale.debug", data=tmp_path, run=tmp_path, ablation="no_corruption")
    config = configure(options, {"generator.config.dropout": "0.3"})
    assert isinstance(config, RunConfig) and config.generator is not None
    assert (config.generator.config["corruption"], config.generator.config["dropout"]) == (0.0, 0.3)
