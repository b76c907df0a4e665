"""Sections of an evaluation - a table each, some with a plot - for the terminal, for Markdown and for HTML."""

from __future__ import annotations

from kinescale.evaluation.record import Evaluation
from kinescale.evaluation.sections.bars import bars
from kinescale.evaluation.sections.base import Section
from kinescale.evaluation.sections.groups import groups, spread
from kinescale.evaluation.sections.metrics import fid_at_one_size, floor, motion_metrics, text_and_motion
from kinescale.evaluation.sections.prompts import instructions, phrases, sensitivity
from kinescale.evaluation.sections.tokenizer import codebook, reconstruction, tokenizer


def sections(found: Evaluation) -> list[Section]:
    """All sections that were measured, the ground truth first in each table."""
    made = [
        *(
            (text_and_motion(found), fid_at_one_size(found), motion_metrics(found), floor(found))
            if found.settings
            else ()
        ),
        *groups(found),
        spread(found),
        *tokenizer(found),
        reconstruction(found),
        codebook(found),
        instructions(found),
        *phrases(found),
        *sensitivity(found),
        bars(found),
    ]
    return [section for section in made if section is not None]


def about(found: Evaluation) -> list[tuple[str, str]]:
    """Bundle, data and evaluator with their hashes; protocol and command."""
    data, bundle, evaluator = found.data, found.bundle, found.evaluator
    corpora = ", ".join(f"{name} {count}" for name, count in data.corpora.items())
    rows = [
        ("bundle", f"{bundle.title or 'untitled'} (SHA-256 {bundle.hash})"),
        ("weights chosen on", bundle.chosen_on or "not recorded"),
        ("trained on", bundle.trained_on or "not recorded"),
        ("data", f"split '{data.split}': {data.clips} clips ({corpora}); SHA-256 {data.hash}"),
    ]
    if evaluator is not None:
        held = f"; {evaluator.held_out_pairs:.0%} of pairs held out" if evaluator.held_out_pairs else ""
        rows.append(
            ("evaluator", f"{evaluator.title or 'untitled'} on {evaluator.feature} (SHA-256 {evaluator.hash}){held}")
        )
        rows.append(("evaluator chosen on", evaluator.chosen_on or "not recorded"))
    protocol = found.protocol
    rows += [
        ("protocol", f"{protocol.name}, pools of {protocol.pool}, {found.repeats} repeats, seed {found.seed}"),
        ("made with", f"kinescale {found.kinescale_version}"),
        ("command", found.command),
    ]
    return [row for row in rows if row[1]]


__all__ = ["Section", "about", "sections"]
