"""Boundaries between packages: private names, names of variants, classes of variants, files with an underscore."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

from kinescale.core.family import Family
from source_trees import PACKAGE, ROOT, nodes, walked

MOST_UNDERSCORE_FILES = 15

FAMILIES = (
    "skeletons", "formats", "features", "data.datasets", "text", "tokenizers", "quantizers", "generators", "samplers",
    "metrics", "evaluators",
)  # fmt: skip
COMPARED = (*FAMILIES, "render", "pipelines.editing.tasks")

NAMED = {
    "bundle/imports/scalemogen.py": "published checkpoints are told apart by the skeletons they were made for",
    "evaluation/tokenizer_record.py": "corpora whose share is reported",
    "features/humanml3d/__init__.py": "the feature's own two variants, named like the data sets they come from",
    "features/humanml3d/published.py": "the feature's own two variants, named like the data sets they come from",
    "formats/amass.py": "the file's own names of body models, which two skeletons share",
    "formats/base/smpl_model.py": "the file's own names of body models, which two skeletons share",
    "tokenizers/scalemogen/bodies.py": "published joint lists of three skeletons",
}
"""Files that compare or look up names of variants of another package, and why."""


def size() -> ModuleType:
    """``docs/size.py``, which counts the same."""
    spec = importlib.util.spec_from_file_location("size", ROOT / "docs" / "size.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_private_name_is_imported_from_another_package() -> None:
    assert size().cross_private_imports(PACKAGE) == []


def test_a_private_import_would_be_found(tmp_path: Path) -> None:
    package = tmp_path / "kinescale"
    for name in ("one", "two"):
        (package / name).mkdir(parents=True)
    (package / "two" / "file.py").write_text("from kinescale.one.module import _hidden\nimport kinescale.one._other\n")
    (package / "one" / "file.py").write_text("from kinescale.one.module import _hidden\nfrom __future__ import x\n")
    assert len(size().cross_private_imports(package)) == 2


def test_few_files_begin_with_an_underscore() -> None:
    found = [name for name in walked() if Path(name).name.startswith("_") and not Path(name).name.startswith("__")]
    assert len(found) <= MOST_UNDERSCORE_FILES, found


def test_code_lines_are_neither_blank_nor_comments_nor_docstrings() -> None:
    body = 'x = 1  # why\n"""Of x."""\n\n\ndef f(\n    a,\n):\n    """Doc.\n\n    More.\n    """\n    return a\n'
    source = '"""Doc."""\n\n# note\n' + body
    assert size().code_lines(source) == 5


def test_no_name_of_a_variant_is_compared_or_looked_up_outside_its_package() -> None:
    """A dict is a lookup by variant when two of its keys, or all, are variants of one family. Recipes and experiments
    pick variants; an experiment's numbers are by metric."""
    found = {
        file
        for file, node in nodes()
        if not file.startswith(("recipes/", "experiments/"))
        for words, least in _mentioned(node)
        for family, names in variants().items()
        if len(words & names) >= least and not file.startswith(family.replace(".", "/") + "/")
    }
    assert found == set(NAMED), sorted(found ^ set(NAMED))


@cache
def variants() -> dict[str, set[str]]:
    """Family -> names of its variants."""
    return {family: set(Family(f"kinescale.{family}", "variant").names()) for family in COMPARED}


def _mentioned(node: ast.AST) -> Iterator[tuple[set[str], int]]:
    """Strings of a comparison, ``Literal`` or dict, and how many of a family make it one about variants."""
    if isinstance(node, ast.Compare):
        yield {word for side in (node.left, *node.comparators) for word in _words(side)}, 1
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
        yield set(_words(node.slice)), 2
    elif isinstance(node, ast.Dict):
        yield {word for key in node.keys if key is not None for word in _words(key)}, 2


def _words(node: ast.AST) -> list[str]:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def test_no_class_of_a_variant_is_asked_for_outside_its_package() -> None:
    assert [name for name, inside in walked().items() if any(_foreign(name, kind) for kind in _asked(inside))] == []


def _asked(inside: Sequence[ast.AST]) -> Iterator[str]:
    """Dotted names of the classes in ``isinstance`` and ``issubclass``."""
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in inside
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for node in inside:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in ("isinstance", "issubclass"):
            for part in ast.walk(node.args[1]):
                if isinstance(part, ast.Name | ast.Attribute):
                    head, _, rest = ast.unparse(part).partition(".")
                    yield f"{imported.get(head, head)}.{rest}"


def _foreign(name: str, kind: str) -> bool:
    """Whether a class is of a variant in whose module or package the file does not lie."""
    for family in FAMILIES:
        prefix = f"kinescale.{family}."
        if kind.startswith(prefix):
            variant = kind.removeprefix(prefix).split(".")[0]
            own = family.replace(".", "/") + f"/{variant}"
            return variant in variants()[family] and name != f"{own}.py" and not name.startswith(f"{own}/")
    return False
