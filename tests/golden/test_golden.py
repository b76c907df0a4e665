"""Every golden case of an implemented system runs and agrees; the others say which system is not there yet.

A file ``run_*.py`` beside this one offers ``RUNNERS: dict[(system, module), Callable[[Case], None]]``. A
system counts as implemented when a runner file claims it, or when the package has a variant of that name.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest
import torch
from golden_case import Case, Runner, discover
from safetensors.torch import save_file

from kinescale.core.family import Family

HERE = Path(__file__).resolve().parent
ROOT = Path(os.environ.get("KINESCALE_GOLDEN", HERE.parents[2] / "shared" / "golden")).expanduser()


def load_runners() -> dict[tuple[str, str], Runner]:
    """The runners of all files ``run_*.py``, each (system, module) claimed once."""
    runners: dict[tuple[str, str], Runner] = {}
    for path in sorted(HERE.glob("run_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        twice = set(runners) & set(module.RUNNERS)
        assert not twice, f"{path.name} claims again {sorted(twice)}"
        runners.update(module.RUNNERS)
    return runners


RUNNERS = load_runners()
CASES = discover(ROOT)


NOT_CLAIMED = {("MoScale", "generator, teacher-forced"): {"corrupted.loss"}}
"""Outputs that a case may hold without what they were computed from. Here: the mean over positions that the case does
not name. Nothing is claimed about them; a case that names the positions is compared."""


def implemented(system: str) -> bool:
    """Whether a runner claims the system, or the package has a variant of its name."""
    if any(claimed == system for claimed, _ in RUNNERS):
        return True
    name, _, kind = system.lower().partition(" ")
    rooms = {"": ("tokenizers", "generators"), "features": ("features",)}.get(kind, ())
    return any(name in Family(f"kinescale.{room}", room).names() for room in rooms)


@pytest.mark.parametrize("folder", CASES, ids=[path.relative_to(ROOT).as_posix() for path in CASES])
def test_case(folder: Path) -> None:
    case = Case(folder)
    runner = RUNNERS.get((case.system, case.module))
    if runner is None and not implemented(case.system):
        pytest.skip(f"system '{case.system}' is not implemented yet (module '{case.module}')")
    assert runner is not None, f"'{case.system}' is implemented, but no runner handles its module '{case.module}'"
    runner(case)
    case.assert_all_checked()
    allowed = NOT_CLAIMED.get((case.system, case.module), set())
    assert set(case.left) <= allowed, f"{case}: not compared: {case.left}"


def test_the_golden_set_is_there(golden_root: Path) -> None:
    assert CASES, f"no case.json below {golden_root}"


@pytest.fixture
def small(tmp_path: Path) -> Case:
    """A case made here: ids that must be equal, logits within 0.1 that hold an infinity, one input."""
    tensors = {
        "x": torch.zeros(2),
        "ids.0": torch.tensor([1, 2]),
        "logits": torch.tensor([0.5, float("-inf")]),
    }
    rows = {
        "x": {"role": "input"},
        "ids.0": {"role": "output", "atol": 0},
        "logits": {"role": "output", "atol": 0.1},
    }
    text = json.dumps({"system": "none", "module": "none", "files": {}, "tensors": rows})
    (tmp_path / "case.json").write_text(text, encoding="utf-8")
    save_file(tensors, tmp_path / "io.safetensors")
    return Case(tmp_path)


def test_a_case_holds_every_output_to_its_tolerance(small: Case) -> None:
    small.check("logits", torch.tensor([0.59, float("-inf")]))
    with pytest.raises(AssertionError, match="never compared"):
        small.assert_all_checked()
    small.check_series("ids", [torch.tensor([1, 2])])
    small.assert_all_checked()


def test_what_is_left_out_needs_a_reason_and_is_never_counted_as_compared(small: Case) -> None:
    small.check("logits", torch.tensor([0.5, float("-inf")]))
    small.leave("ids.0", "its positions are not in the case")
    small.assert_all_checked()
    assert "ids.0" not in small.checked and set(small.left) == {"ids.0"}
    with pytest.raises(AssertionError, match="input"):
        small.leave("x", "an input")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ids.0", torch.tensor([1, 3])),
        ("ids.0", torch.tensor([[1, 2]])),
        ("logits", torch.tensor([0.61, float("-inf")])),
        ("logits", torch.tensor([float("nan"), float("-inf")])),
        ("logits", torch.tensor([0.5, 0.0])),
        ("x", torch.zeros(2)),
    ],
)
def test_a_wrong_result_fails(small: Case, name: str, wrong: torch.Tensor) -> None:
    with pytest.raises(AssertionError):
        small.check(name, wrong)
