"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kinescale import recipes
from kinescale.core.errors import UnknownNameError
from kinescale.core.family import Family
from source_trees import ROOT, nodes

FAMILIES = {
    "kinescale.skeletons": "SKELETON",
    "kinescale.formats": "SUFFIXES",
    "kinescale.features": "build",
    "kinescale.data.datasets": "find",
    "kinescale.text": "TextEncoder",
    "kinescale.tokenizers": "Tokenizer",
    "kinescale.generators": "Generator",
    "kinescale.samplers": "sample",
    "kinescale.render": "SUFFIXES",
    "kinescale.metrics": "UNIT",
    "kinescale.evaluators": "Evaluator",
    "kinescale.pipelines.editing.tasks": "run",
    "kinescale.cli": "run",
}


@pytest.mark.parametrize("package", sorted(FAMILIES))
def test_every_variant_offers_its_familys_contract(package):
    family = Family(package, "variant")
    assert family.names()
    for name in family.names():
        assert hasattr(family.load(name), FAMILIES[package]), f"{package}.{name} lacks {FAMILIES[package]}"
        assert family.summary(name), f"{package}.{name} has no docstring"


def test_an_unknown_variant_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'humanml22'\?"):
        Family("kinescale.skeletons", "skeleton").load("humanml21")


def test_importing_kinescale_is_light():
    heavy = "{'torch', 'numpy', 'transformers', 'pydantic'}"
    code = f"import sys, kinescale; bad = {heavy} & set(sys.modules); assert not bad, bad"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_public_name_can_be_had():
    code = "import kinescale\nfor n in kinescale.__all__: getattr(kinescale, n)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_imports_only_go_down():
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.exists():
        pytest.skip("import-linter is not installed beside this Python")
    done = subprocess.run([str(tool)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]


def test_only_the_rooms_that_may_import_heavy_libraries_do():
    allowed = {"transformers": {"text"}, "tyro": {"cli"}, "matplotlib": {"render"}, "pyarrow": {"data"}}
    allowed |= {name: {"server"} for name in ("fastapi", "starlette", "uvicorn", "anyio")}
    for file, node in nodes():
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
        room = file.split("/")[0]
        for module in modules:
            assert room in allowed.get(module.split(".")[0], {room}), f"{file} imports {module}"


def test_nothing_loads_a_pickle():
    """torch.load only with weights_only=True; numpy never with allow_pickle; no pickle module."""
    for file, node in nodes():
        if isinstance(node, ast.Import):
            assert not {a.name for a in node.names} & {"pickle", "cPickle", "dill", "marshal"}, file
        if not isinstance(node, ast.Call):
            continue
        keywords = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
        loads = isinstance(node.func, ast.Attribute) and node.func.attr == "load"
        if loads and ast.unparse(node.func) in ("torch.load", "serialization.load"):
            assert keywords.get("weights_only") is True, f"{file}:{node.lineno}"
        assert keywords.get("allow_pickle") is not True, f"{file}:{node.lineno}"


def test_only_the_command_line_prints():
    for file, node in nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            assert file.startswith("cli/"), f"{file}:{node.lineno}"


def test_no_path_of_one_machine_and_no_corpus_file_is_tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        assert not re.search(r"\.(amc|asf|c3d)$", name), name
        file = ROOT / name
        if file.suffix in (".py", ".md", ".toml", ".json", ".html") and file.name != "test_house.py" and file.exists():
            text = file.read_text(encoding="utf-8", errors="replace")
            found = re.search(r"(?<![\w.])/(work|root|farm)/\w|(?<![\w.])/tmp/[a-z]", text)
            assert not found, f"{name}: {found.group(0)}"


def test_the_tree_in_the_documents_is_the_tree():
    done = subprocess.run(
        [sys.executable, "docs/tree.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_recipe_builds():
    assert set(recipes.names()) >= {"moscale.debug", "moscale.small", "moscale.cpu", "moscale.humanml3d"}
    for name in recipes.names():
        assert recipes.get(name).name == name
