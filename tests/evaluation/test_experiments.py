"""Tables of the papers, run end to end on made data: one in the fast suite, all of them in the slow one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evaluated import tiny_evaluator

from kinescale import recipes
from kinescale.cli.main import main
from kinescale.experiments import FAMILY
from kinescale.experiments.base import Experiment
from kinescale.experiments.base.measures import MEASURES
from kinescale.experiments.base.report import table
from kinescale.experiments.base.trained import Options
from toy_training import toy_prepared

NAMES, RECIPES = FAMILY.names(), recipes.names()


def experiment(name: str) -> Experiment:
    return FAMILY.get(name, "EXPERIMENT")


def given(folder: Path) -> list[str]:
    """The options of a toy run."""
    evaluator = tiny_evaluator().save_pretrained(folder / "evaluator")
    data = toy_prepared(folder / "data")
    small = ["--size", "debug", "--repeats", "1", "--limit", "6", "--pool", "3", "--split", "train"]
    return ["--data", str(data), "--evaluator", str(evaluator), "--protocol", "fixed", *small]


@pytest.mark.parametrize("name", NAMES)
def test_what_an_experiment_asks_for_exists(name: str, tmp_path: Path) -> None:
    one = experiment(name)
    assert one.measure in MEASURES and one.rows
    assert len({row.name for row in one.rows}) == len(one.rows)
    for row in one.rows:
        assert set(row.paper) <= set(one.columns), row.name
        for size in ("published", "debug"):
            if not row.cited and one.recipe(row, size) in RECIPES:
                Options(tmp_path, tmp_path, size=size).config(one, row)


@pytest.mark.slow
def test_the_same_numbers_are_not_measured_twice_and_all_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    told = ["reproduce", "moscale_main", "-o", str(out), *given(tmp_path)]
    assert main(told) == 0
    said = capsys.readouterr().out
    assert "not known" in said and "0.046" in said and "ours" in said
    found = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert [row["paper"].get("fid") for row in found["rows"][-2:]] == [0.046, 0.049]
    for row in found["rows"]:
        assert row["cited"] or (row["measured"]["fid"][0] > 0 and row["measured"]["seconds_a_motion"][0] > 0)
    # all rows share one run of each stage
    assert len(list((out / "runs").iterdir())) == 2
    assert (out / "plot.svg").read_text(encoding="utf-8").startswith("<svg")
    before = (out / "result.json").read_bytes()
    assert main(told) == 0 and (out / "result.json").read_bytes() == before


def test_a_row_that_cannot_be_run_is_named_and_the_others_go_on() -> None:
    one = experiment("moscale_steps")
    results = {one.rows[0].name: {"problem": "no"}, one.rows[1].name: {"measured": {"fid": [1.0, 0.1]}}}
    lines = table(one, results)
    fid = lines[0].index("FID")
    assert [line[fid] for line in lines[1:5]] == ["0.049", "not run", "not known", "1.000±0.100"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_runs_on_made_data(name: str, tmp_path: Path) -> None:
    assert main(["reproduce", name, "-o", str(tmp_path / "out"), *given(tmp_path)]) in (0, 1)
    found = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    measured = [row for row in found["rows"] if not row["cited"]]
    problems = {row["name"]: row["problem"] for row in measured if "problem" in row}
    assert not problems
