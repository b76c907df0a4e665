"""The folder of an evaluation: report.json, report.md, a self-contained report.html, a contact sheet; all or none."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from kinescale.bundle.hub import new_folder
from kinescale.core.errors import InputError
from kinescale.core.files import atomic_write_text
from kinescale.core.markdown import plain_markdown as plain
from kinescale.core.records import write_json
from kinescale.evaluation.record import Evaluation
from kinescale.evaluation.report_folder import REPORT_FILE, check_folder
from kinescale.evaluation.run import SheetClip
from kinescale.evaluation.sections import Section, about, sections
from kinescale.render import render

MARKDOWN_FILE, HTML_FILE, SHEET_FILE = "report.md", "report.html", "sheet.png"
POSES = 10

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d9dee3; vertical-align: top; }
th { font-weight: 600; } td.hash { overflow-wrap: anywhere; } figure { margin: 1rem 0; } img, svg { max-width: 100%; }
p.text, figcaption { color: #52606d; }
"""


def save(found: Evaluation, shown: Sequence[SheetClip], folder: Path, *, force: bool = False) -> Path:
    """Write the whole folder, or nothing. ``InputError`` for a place that is taken or cannot be written."""
    check_folder(folder, force)
    try:
        with new_folder(folder) as temporary:
            sheet = contact_sheet(shown, temporary / SHEET_FILE)
            write_json(temporary / REPORT_FILE, found.to_json())
            atomic_write_text(temporary / MARKDOWN_FILE, markdown(found, sheet is not None))
            picture = None if sheet is None else sheet.read_bytes()
            atomic_write_text(temporary / HTML_FILE, html(found, picture))
    except OSError as problem:
        raise InputError(f"cannot write {folder} ({problem.strerror or problem}); choose another place.") from None
    return folder


def contact_sheet(shown: Sequence[SheetClip], path: Path) -> Path | None:
    """Recorded and generated motions of some sentences, below each other; ``None`` where there are none."""
    if not shown:
        return None
    motions = [motion for one in shown for motion in (one.real, one.made)]
    titles = [f"{whose}: {one.caption}" for one in shown for whose in ("recorded", "generated")]
    return render(motions, path, titles=titles, poses=POSES)


def markdown(found: Evaluation, sheet: bool = False) -> str:
    """The page as Markdown, without plots."""
    lines = [
        f"# Evaluation of {plain(found.bundle.title) or 'a bundle'}",
        "",
        *_pipes(("", ""), about(found)),
        "",
    ]
    lines += [*(f"* {plain(note)}" for note in _notes(found)), ""]
    for section in sections(found):
        lines += [f"## {section.title}", "", plain(section.text), "", *_pipes(section.head, section.rows), ""]
    if found.protocol.quirks:
        lines += [f"## What '{found.protocol.name}' does", ""]
        lines += [*(f"* {one.name}: {one.what}; {one.effect}." for one in found.protocol.quirks), ""]
    if sheet:
        lines += ["## Contact sheet", "", f"![recorded and generated motions]({SHEET_FILE})", ""]
    return "\n".join(lines)


def html(found: Evaluation, sheet: bytes | None = None) -> str:
    """The page as one HTML file that fetches nothing; ``sheet``: a PNG picture."""
    title = escape(f"Evaluation of {found.bundle.title or 'a bundle'}")
    body = [f"<h1>{title}</h1>", _rows((), about(found))]
    body.append("<ul>" + "".join(f"<li>{escape(note)}</li>" for note in _notes(found)) + "</ul>")
    body += [_section(section) for section in sections(found)]
    if found.protocol.quirks:
        listed = "".join(
            f"<li>{escape(one.name)}: {escape(one.what)}; {escape(one.effect)}.</li>" for one in found.protocol.quirks
        )
        body.append(f"<h2>What '{escape(found.protocol.name)}' does</h2><ul>{listed}</ul>")
    if sheet is not None:
        picture = base64.b64encode(sheet).decode()
        body.append("<h2>Contact sheet</h2><figure>")
        body.append(f'<img alt="recorded and generated motions" src="data:image/png;base64,{picture}"></figure>')
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style>'
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def text_table(section: Section) -> list[str]:
    """A section's table as aligned lines for a terminal."""
    cells = [section.head, *section.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(section.head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _section(section: Section) -> str:
    plot = f"<figure>{section.plot}</figure>" if section.plot else ""
    table = f'<div class="wide">{_rows(section.head, section.rows)}</div>'
    return f'<h2>{escape(section.title)}</h2><p class="text">{escape(section.text)}</p>{table}{plot}'


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>" if head else ""
    lines = ["<tr>" + "".join(f'<td class="hash">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows]
    return f"<table>{top}{''.join(lines)}</table>"


def _pipes(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(plain(cell) for cell in row) + " |" for row in cells]


def _notes(found: Evaluation) -> list[str]:
    reports = [one.report for one in found.settings if one.report is not None]
    return list(dict.fromkeys([*found.notes, *(note for report in reports for note in report.notes)]))
