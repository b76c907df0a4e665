"""The documentation pages as tests read them: shell commands and Python blocks in the order of the page."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("kinescale", "pip", "python", "python3", "make", "pytest", "npm", "for", ".", "git", "ruff")
NO_COMMANDS = {"architecture.md": "prose about code", "glossary.md": "a table of names"}
"""Pages of which no block is a shell command, and why."""


@dataclass(frozen=True)
class Command:
    """One shell command of a page; ``words`` without its comment."""

    page: str
    line: int
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def pages() -> list[Path]:
    """README, CONTRIBUTING and all pages under docs."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if page.name not in NO_COMMANDS]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[tuple[int, str, list[str]]]:
    """First line, language and lines of each fenced or indented block; an indented block has no language."""
    found: list[tuple[int, str, list[str]]] = []
    fence: str | None = None
    indented = False
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            fence = None if fence is not None else line[3:].strip()
            indented = False
            if fence is not None:
                found.append((number + 1, fence, []))
        elif fence is not None:
            found[-1][2].append(line)
        elif line.startswith("    ") and (indented or number == 1 or not lines[number - 2].strip()):
            if not indented:
                found.append((number, "", []))
            indented = True
            found[-1][2].append(line[4:])
        elif indented and not line.strip():
            found[-1][2].append("")
        else:
            indented = False
    return found


def commands(page: Path) -> list[Command]:
    """The shell commands of a page's blocks."""
    found = []
    for start, language, lines in blocks(page):
        if language not in ("", "sh", "bash", "console"):
            continue
        for offset, line in enumerate(lines):
            text = line.removeprefix("$ ")
            if re.match(r"[\w.]+(?= )", text) and text.split()[0] in PROGRAMS:
                found.append(Command(name(page), start + offset, text))
    return found


def python_blocks(page: Path) -> list[tuple[int, str]]:
    """First line and code of each Python block: fenced as python, or indented and beginning with an import."""
    found = []
    for start, language, lines in blocks(page):
        if language == "python" or (not language and lines[0].startswith(("from ", "import "))):
            found.append((start, "\n".join(lines)))
    return found
