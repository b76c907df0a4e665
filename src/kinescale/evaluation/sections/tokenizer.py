"""Sections of the tokenizer: what recordings keep, reconstruction error, and codebook use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kinescale.evaluation.record import Evaluation
from kinescale.evaluation.report import GENERATED, REAL
from kinescale.evaluation.sections.base import Section, number, share, table
from kinescale.evaluation.tokenizer_record import TokenizerRow
from kinescale.metrics import headings


def tokenizer(found: Evaluation) -> Iterable[Section]:
    """What the tokenizer preserves, by corpus, kind and class."""
    report = found.tokenizer
    if report is None:
        return
    shown = f"{report.clips} recordings, evenly over classes; {report.cut} are the middles of long takes."
    for title, rows in (("by corpus", report.corpora), ("by kind", report.kinds), ("by class", report.classes)):
        if rows:
            yield _kept(f"Tokenizer, {title}", shown, rows)


def _kept(title: str, text: str, rows: Sequence[TokenizerRow]) -> Section:
    head = (
        *("", "clips", "roots aligned mm, mean", "median", "90 %", "facing °", "world after 4 s mm", "jerk ratio"),
        *(
            "skate m/s, recordings",
            "copies",
            "under the floor, recordings",
            "copies",
            "peaks kept: median, 10 % (real)",
        ),
    )
    lines = tuple(
        (
            *(row.name, str(row.clips), number(row.aligned_mm, 1), number(row.aligned_median_mm, 1)),
            *(number(row.aligned_high_mm, 0), number(row.facing_deg, 1), number(row.world_mm, 0)),
            *(number(row.jerk_ratio), number(row.skate_real), number(row.skate)),
            *(share(row.under_real), share(row.under)),
            ", ".join(
                f"{measure.replace('_', ' ')} {peak.median:.2f}, {peak.low:.2f} ({peak.real:.2f}; {peak.clips})"
                for measure, peak in row.peaks.items()
            ),
        )
        for row in rows
    )
    return Section(title, text, head, lines)


def reconstruction(found: Evaluation) -> Section | None:
    """Reconstruction metrics."""
    if not found.reconstruction:
        return None
    names = list(found.reconstruction)
    text = "Recordings through the tokenizer, all scales; mean over clips."
    return Section("Reconstruction", text, *table({"tokenizer": found.reconstruction}, names))


def codebook(found: Evaluation) -> Section | None:
    """Codebook use per scale."""
    if not found.codebook:
        return None
    more = list(dict.fromkeys(name for row in found.codebook for name in row.more))
    titles = headings()
    head = ("scale", "tokens of", "codes", "used", "perplexity", "tokens", *(titles.get(name, name) for name in more))
    rows = []
    for one in sorted(found.codebook, key=lambda row: (row.scale, row.source != REAL)):
        codes = f"{one.bits} bits" if one.bits else str(one.codes)
        source = "recordings" if one.source == REAL else GENERATED
        cells = (str(one.scale), source, codes, f"{one.used:.1%}", f"{one.perplexity:.1f}", str(one.tokens))
        cells += tuple(number(one.more.get(name)) for name in more)
        rows.append(cells)
    return Section("Codes used", "Few tokens cannot use many codes: compare rows of one scale.", head, tuple(rows))
