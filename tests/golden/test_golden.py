"""Every golden case of an implemented system runs and agrees; the others say which system is not there yet.

A file ``run_*.py`` beside this one offers ``RUNNERS: dict[(system, module), Callable[[Case], None]]``. A
system counts as implemented when a runner file claims it, or when the package has a variant of that name.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from golden_case import Case, Runner, discover

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
    assert runner is not None, (
        f"'{case.system}' is implemented, but no runner handles its module '{case.module}'"
    )
    runner(case)
    case.assert_all_checked()


def test_the_golden_set_is_there(golden_root: Path) -> None:
    assert CASES, f"no case.json below {golden_root}"
