"""Write the tree and the picture of docs/architecture.md from the code, or (--check) report if they are current."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from picture import picture

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- tree: begin (make docs) -->", "<!-- tree: end -->"
ROOMS = (
    "core", "io", "kinematics", "skeletons", "rigging", "motion", "tokens", "nn", "features", "quantizers", "pyramid",
    "formats", "render", "description", "data", "text", "tokenizers", "generators", "samplers", "metrics", "evaluators",
    "bundle", "pipelines", "training", "evaluation", "export", "recipes", "experiments", "server", "cli",
)  # fmt: skip


def phrase(file: Path) -> str:
    """First sentence of the file's docstring, without the leading "name:" it may repeat."""
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    line = doc.strip().splitlines()[0].rstrip(".") if doc.strip() else ""
    head, colon, rest = line.partition(": ")
    return rest if colon and head == file.stem else line


def tree() -> str:
    """The tree as Markdown: a row per package, its files below."""
    lines = ["```text", "src/kinescale/"]
    package = ROOT / "src" / "kinescale"
    placed = {room for room in ROOMS if (package / room).is_dir()}
    found = {p.name for p in package.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    if placed != found:
        raise SystemExit(f"docs/tree.py must place these rooms: {sorted(found ^ placed)}")
    for room in ROOMS:
        lines += rows(package / room, 1)
    return "\n".join([*lines, "```"])


def rows(folder: Path, depth: int) -> list[str]:
    """A folder's line, its files' lines, then its subfolders."""
    pad = "  " * depth
    lines = [f"{pad}{folder.name + '/':<{30 - 2 * depth}}{phrase(folder / '__init__.py')}"]
    for file in sorted(folder.glob("*.py")):
        if file.name != "__init__.py":
            lines.append(f"{pad}  {file.name:<{28 - 2 * depth}}{phrase(file)}")
    for inner in sorted(p for p in folder.iterdir() if (p / "__init__.py").exists()):
        lines += rows(inner, depth + 1)
    return lines


def main(argv: list[str]) -> int:
    page = ROOT / "docs" / "architecture.md"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    fresh = f"{before}{BEGIN}\n{tree()}\n{END}{after}"
    drawn, image = picture(), page.with_suffix(".svg")
    if "--check" in argv:
        stale = fresh != text or not image.is_file() or drawn != image.read_text(encoding="utf-8")
        if stale:
            print("the tree or the picture of docs/architecture.md is not up to date; run: python docs/tree.py")
        return int(stale)
    page.write_text(fresh, encoding="utf-8")
    image.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
