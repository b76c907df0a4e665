"""The public surface: every name of ``kinescale.__all__`` is there, is documented with an example, and is typed."""

from __future__ import annotations

import ast
import doctest
from pathlib import Path

import pytest

import kinescale
import kinescale.pipelines
from kinescale.pipelines.editing.tasks import FAMILY

PACKAGE = Path(kinescale.__file__).parent
PUBLIC = [name for name in kinescale.__all__ if name != "__version__"]


def typed_names(file: Path) -> set[str]:
    """Names that a lazy package imports for type checkers."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If):
            found |= {
                alias.asname or alias.name
                for one in node.body
                if isinstance(one, ast.ImportFrom)
                for alias in one.names
            }
    return found


@pytest.mark.parametrize("package", [kinescale, kinescale.pipelines], ids=["kinescale", "pipelines"])
def test_all_is_sorted_and_is_what_can_be_had_and_what_type_checkers_see(package):
    names = [name for name in package.__all__ if not name.startswith("__")]
    assert len(set(names)) == len(names)
    assert set(names) == set(dir(package)) == typed_names(Path(package.__file__))
    for name in names:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_the_package_tells_type_checkers_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def test_the_editor_has_every_task_as_a_method():
    """A task dropped in is reached by its name on the command line; those of the package also as methods."""
    for name in FAMILY.names():
        assert getattr(kinescale.Editor, name) is FAMILY.get(name, "run")
        assert FAMILY.parameters(name, "run")["options"] is False


MODULES_WITH_EXAMPLES = {
    ".".join(["kinescale", *file.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
    for file in PACKAGE.rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
}


def documented() -> dict[str, object]:
    """Public names and edit tasks with examples in their docstrings."""
    found = {name: getattr(kinescale, name) for name in PUBLIC}
    found["EditRegion.of"] = kinescale.EditRegion.of
    tasks = {f"tasks.{name}": FAMILY.get(name, "run") for name in ("edit", "extend", "loop")}
    return found | tasks


@pytest.mark.parametrize("name", sorted([*PUBLIC, "EditRegion.of", "tasks.edit", "tasks.extend", "tasks.loop"]))
def test_every_public_name_has_an_example(name):
    """Of its own, not of its members; tests/docs/test_doctests.py runs the examples of every module."""
    subject = documented()[name]
    assert doctest.DocTestParser().get_examples(subject.__doc__ or ""), f"{name} has no example in its docstring"
    assert subject.__module__ in MODULES_WITH_EXAMPLES, f"{name}: its example is not run"
