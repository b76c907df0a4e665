"""Cases of every kind made here, by twins written from the method notes, run through the runners of the golden set.

The twins share no code with the library: loops in float64 over the authors' key names.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from golden_case import Case
from safetensors.torch import load_file, save_file
from test_golden import NOT_CLAIMED, RUNNERS
from twins.cases import CASES


def run(folder: Path) -> Case:
    case = Case(folder)
    RUNNERS[case.system, case.module](case)
    case.assert_all_checked()
    assert set(case.left) <= NOT_CLAIMED.get((case.system, case.module), set())
    return case


@pytest.mark.parametrize("name", CASES)
def test_a_made_case_agrees(name: str, tmp_path: Path) -> None:
    case = run(CASES[name](tmp_path))
    assert bool(case.left) == ("no targets" in name)


@pytest.mark.parametrize("name", ["mosa edit", "moscale edit", "scalemogen edit, frames and parts"])
def test_a_made_case_that_is_altered_fails(name: str, tmp_path: Path) -> None:
    """Each output of the case that is changed makes its runner fail, so all of them are compared."""
    folder = CASES[name](tmp_path)
    tensors = load_file(folder / "io.safetensors")
    for output in [output for output in Case(folder).outputs() if output.endswith((".0", "latent", "motion", "F"))]:
        value = tensors[output]
        changed = {**tensors, output: ~value if value.dtype is torch.bool else value + 1}
        save_file(changed, folder / "io.safetensors")
        with pytest.raises(AssertionError):
            run(folder)
