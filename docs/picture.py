"""Draw the packages in the layers of the import contract, with the imports between them (docs/architecture.svg)."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "kinescale"
WIDTH, ROW, BOX_HEIGHT, GAP = 960, 66, 30, 14
CHARACTER, PADDING = 7.6, 22


def layers() -> list[list[str]]:
    """The layers of the import contract in pyproject.toml, top first; an optional "(name)" counts as the name."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    return [[name.strip(" ()") for name in layer.split("|")] for layer in contract["layers"]]


def imports(room: str) -> set[str]:
    """The packages of kinescale that the modules of a package import."""
    found: set[str] = set()
    files = sorted((PACKAGE / room).rglob("*.py"))
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
                if node.module == "kinescale":
                    names = [f"kinescale.{a.name}" for a in node.names]
            found |= {name.split(".")[1] for name in names if name.startswith("kinescale.")}
    return found - {room}


def reduced(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The edges that no longer path implies."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for other in graph[waiting.pop()] - seen:
                seen.add(other)
                waiting.append(other)
        return seen

    below = {room: reached(room) for room in graph}
    return sorted((a, b) for a, bs in graph.items() for b in bs if not any(b in below[c] for c in bs if c != b))


def places(rows: list[list[str]]) -> dict[str, tuple[float, float, float]]:
    """Left edge, top and width of each package's box."""
    found = {}
    for number, row in enumerate(rows):
        widths = [len(name) * CHARACTER + PADDING for name in row]
        left = (WIDTH - sum(widths) - GAP * (len(row) - 1)) / 2
        for name, width in zip(row, widths, strict=True):
            found[name] = (round(left, 1), 10.0 + ROW * number, round(width, 1))
            left += width + GAP
    return found


def picture() -> str:
    """The SVG."""
    rows = [[name for name in row if (PACKAGE / name).is_dir()] for row in layers()]
    boxes = places(rows)
    graph = {name: imports(name) & set(boxes) for name in boxes}
    height = ROW * len(rows) - (ROW - BOX_HEIGHT) + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="monospace" font-size="12.5">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for a, b in reduced(graph):
        (x1, y1, w1), (x2, y2, w2) = boxes[a], boxes[b]
        x1, x2, y1 = round(x1 + w1 / 2, 1), round(x2 + w2 / 2, 1), y1 + BOX_HEIGHT
        middle = (y1 + y2) / 2
        lines.append(
            f'<path d="M{x1} {y1} C{x1} {middle} {x2} {middle} {x2} {y2}" fill="none" '
            'stroke="#8fa3b8" stroke-width="1.1">'
            f"<title>{a} imports {b}</title></path>"
        )
    for name, (x, y, width) in boxes.items():
        lines.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{BOX_HEIGHT}" rx="5" fill="#eef3f8" stroke="#41566b"/>'
        )
        lines.append(
            f'<text x="{round(x + width / 2, 1)}" y="{y + 19.5}" text-anchor="middle" fill="#1d2b38">{name}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])
