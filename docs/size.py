"""Size and shape of the code per package, as the table in architecture.md: python docs/size.py [--check].

The table and ``docs/results/size.json`` are written anew for the working tree; the column "before" is the commit in
``BEFORE``, whose numbers are taken from the JSON once it holds them.
"""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import tokenize
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "bbcf2ba"
PAGE, RESULTS = ROOT / "docs" / "architecture.md", ROOT / "docs" / "results" / "size.json"
BEGIN, END = "<!-- size: begin (python docs/size.py) -->\n", "<!-- size: end -->"


def code_lines(source: str) -> int:
    """Lines that hold code: neither blank, nor a comment, nor a part of a docstring."""
    strings: set[int] = set()
    for item in ast.walk(ast.parse(source)):
        if isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str):
            strings.update(range(item.lineno, (item.end_lineno or item.lineno) + 1))
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - strings)


def cross_private_imports(package: Path) -> list[str]:
    """Imports of a name or module with a leading underscore from another package below ``kinescale``."""
    found = []
    for file in sorted(package.rglob("*.py")):
        own = file.relative_to(package).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            for module in modules:
                root, *inside = module.split(".")
                private = any(word.startswith("_") and not word.startswith("__") for word in inside)
                if root == package.name and private and inside[0] != own:
                    found.append(f"{file.relative_to(package)}:{node.lineno} imports {module}")
    return found


def measure(package: Path) -> dict[str, Any]:
    """Numbers of a tree: code lines per package, and the extremes of its functions."""
    lines: dict[str, int] = {}
    longest, most = (0, ""), (0, "")
    private = []
    for file in sorted(package.rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        inside = file.relative_to(package)
        room = inside.parts[0] if len(inside.parts) > 1 else "(top)"
        lines[room] = lines.get(room, 0) + code_lines(source)
        if file.name.startswith("_") and not file.name.startswith("__"):
            private.append(inside.as_posix())
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.unparse(node.body[-1]) != "...":
                where = f"{inside.as_posix()}:{node.name}"
                a = node.args
                count = len([*a.posonlyargs, *a.args, *a.kwonlyargs]) + bool(a.vararg) + bool(a.kwarg)
                count -= bool(a.args) and a.args[0].arg in ("self", "cls")
                longest = max(longest, ((node.end_lineno or 0) - node.lineno + 1, where))
                most = max(most, (count, where))
    return {
        "code_lines": dict(sorted(lines.items())),
        "total": sum(lines.values()),
        "files": sum(1 for _ in package.rglob("*.py")),
        "underscore_files": len(private),
        "cross_private_imports": len(cross_private_imports(package)),
        "longest_function": list(longest),
        "most_parameters": list(most),
    }


def measure_commit(commit: str) -> dict[str, Any]:
    """Numbers of an earlier commit."""
    packed = subprocess.run(["git", "archive", commit, "src/kinescale"], cwd=ROOT, capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        return measure(Path(folder) / "src" / "kinescale")


def table(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Markdown: packages, then the whole."""
    old, new = before["code_lines"], now["code_lines"]
    rows = [(f"`{room}`", old.get(room, ""), new.get(room, "")) for room in sorted({*old, *new})]
    rows += [
        (name, before[key], now[key])
        for name, key in (
            ("**all code lines**", "total"),
            ("files", "files"),
            ("files that begin with `_`", "underscore_files"),
            ("private imports across packages", "cross_private_imports"),
        )
    ]
    for name, key in (("longest function, lines", "longest_function"), ("most parameters", "most_parameters")):
        rows.append((name, before[key][0], now[key][0]))
    head = f"| | before (`{BEFORE}`) | now |\n| --- | ---: | ---: |\n"
    return head + "".join(f"| {name} | {first} | {second} |\n" for name, first, second in rows)


def main() -> int:
    """Write the table and the JSON; with ``--check`` say whether the table is that of the JSON."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    page = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        shown = page.partition(BEGIN)[2].partition(END)[0]
        return 0 if shown == table(kept["before"], kept["now"]) else 1
    before = kept.get("before") or measure_commit(BEFORE)
    found = {"command": "python docs/size.py", "before_commit": BEFORE, "before": before}
    found["now"] = measure(ROOT / "src" / "kinescale")
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if BEGIN not in page:
        about = "## Size\n\nCode lines are neither blank, nor comments, nor docstrings."
        page = f"{page.rstrip()}\n\n{about}\n\n{BEGIN}{END}\n"
    head, _, rest = page.partition(BEGIN)
    page = head + BEGIN + table(before, found["now"]) + END + rest.partition(END)[2]
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
