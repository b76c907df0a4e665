"""Metrics as a family: every metric declares its column, and a made-up one appears in the report."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")

from evaluated import request, tiny_evaluator

from dropped_variants import dropped
from kinescale import metrics
from kinescale.data.prepared import open_prepared
from kinescale.evaluation import pages
from kinescale.evaluation.run import run
from tiny_bundle import tiny_bundle
from toy_training import toy_prepared

MADE_UP = {
    "hip_height": (
        "motion", "made-up hip height", "m", "as real",
        "def measure(motion):\n    return motion.positions()[:, 0, 1].mean()",
    ),
    "text_norm": (
        "embeddings", "made-up text norm", "", "higher",
        "def measure(clips):\n    return Value.mean_of(clips.text.norm(dim=-1))",
    ),
    "root_error": (
        "reconstruction", "made-up root error", "cm", "lower",
        "def measure(reference, copy):\n    return 100 * (reference.root - copy.root).norm(dim=-1).mean()",
    ),
    "largest_index": (
        "tokens", "made-up largest index", "", "neither",
        "def measure(ids, codes):\n    return ids.max() / codes",
    ),
}  # fmt: skip


def source(kind: str, title: str, unit: str, better: str, code: str) -> str:
    head = '"A made-up metric."\nfrom kinescale.metrics.base import Value\n'
    return head + f"INPUT, TITLE, UNIT, BETTER = {kind!r}, {title!r}, {unit!r}, {better!r}\n\n\n{code}\n"


@pytest.mark.parametrize("name", metrics.FAMILY.names())
def test_every_metric_declares_its_columns(name: str) -> None:
    module = metrics.FAMILY.load(name)
    assert name in metrics.with_input(module.INPUT) and callable(module.measure)
    assert module.BETTER in ("lower", "higher", "as real", "neither") and module.TITLE
    assert all(heading.heading.strip() for heading in metrics.columns(name).values())


def test_columns_of_two_metrics_differ() -> None:
    every = [column for name in metrics.FAMILY.names() for column in metrics.columns(name)]
    assert len(set(every)) == len(every)


def test_a_made_up_metric_of_every_input_appears_in_the_report(tmp_path: Path) -> None:
    data = open_prepared(toy_prepared(tmp_path / "data", 30))
    sources = {name: source(*parts) for name, parts in MADE_UP.items()}
    asked = request(repeats=1, sections=("motions", "codes"))
    with dropped("kinescale.metrics", tmp_path / "metrics", sources):
        found, _ = run(tiny_bundle(), data, asked, evaluator=tiny_evaluator())
        page = pages.markdown(found)
    setting = found.settings[0]
    assert setting.report is not None
    for rows in (setting.physical, setting.report.rows):
        column = "hip_height" if rows is setting.physical else "text_norm"
        assert rows["real"][column].mean > 0 and rows["generated"][column].mean > 0
    assert found.reconstruction["root_error"].mean >= 0
    assert all(0 <= row.more["largest_index"] < 1 for row in found.codebook) and found.codebook
    for title in ("made-up hip height m →", "made-up text norm ↑", "made-up root error cm ↓", "made-up largest index"):
        assert title in page
    assert "hip_height" not in metrics.FAMILY.names()
