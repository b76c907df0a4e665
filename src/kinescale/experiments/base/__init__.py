"""The contract of experiments: rows of a table with the paper's numbers and the runs that give ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kinescale.training.config import RunConfig

Size = Literal["published", "small", "cpu", "debug"]
SIZES: tuple[Size, ...] = ("published", "small", "cpu", "debug")
"""Which recipe a row takes: the paper's own, or one of those that every system has (``kinescale train``)."""

Numbers = Mapping[str, float | int]
Changes = Mapping[str, Any]
Change = Changes | Callable[[RunConfig], Changes]
"""Fields of the run's config by dotted name, or what gives them for a recipe's sizes."""

TEXT_COLUMNS = ("top1", "top2", "top3", "fid", "matching", "diversity", "multimodality")
HEADINGS = {
    "top1": "R@1",
    "top2": "R@2",
    "top3": "R@3",
    "fid": "FID",
    "matching": "MM-Dist",
    "clip_score": "CLIP score",
    "diversity": "diversity",
    "multimodality": "multimodality",
    "seconds_a_motion": "s a motion",
    "parameters_m": "generator, M",
    "reconstruction_fid": "rec. FID",
    "mpjpe_mm": "MPJPE, mm",
    "codes_used": "codes used",
    "steps_a_second": "steps a second",
    "hours": "hours of training",
    "border_jerk": "jerk at borders, m/s3",
    "inner_jerk": "jerk elsewhere, m/s3",
    "seconds_a_second": "s a second of motion",
}
"""Column -> heading."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table, or one point of a figure.

    Parameters
    ----------
    paper : column -> the paper's number; a column that is not here is not known.
    recipe : of another system than the experiment's; its name, such as "momask".
    changes : what this row trains otherwise than the recipe.
    sampling : settings of the sampler.
    scales : decode only the coarsest so many scales.
    rule : for edits, a published rule, or "exact".
    x : where a figure has the point.
    cited : a row of another system that the paper compares with; nothing of ours is run for it.
    """

    name: str
    paper: Numbers = field(default_factory=dict)
    recipe: str | None = None
    changes: Change = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    scales: int | None = None
    rule: str = "exact"
    x: float | int | None = None
    cited: bool = False


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A table or figure.

    Parameters
    ----------
    title, source : what it shows, and of which paper.
    system : whose recipes are run.
    published : the recipe of the size "published", such as "humanml3d".
    columns : in order; those that a measure does not give stay empty.
    measure : "generation", "reconstruction", "training", "editing" or "sequences".
    protocol : of the evaluation.
    plot : heading of the horizontal axis, and the column that is drawn; bars where the rows have no ``x``.
    notes : what the paper says in words, and what is not known.
    """

    title: str
    source: str
    system: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    published: str = "humanml3d"
    measure: Literal["generation", "reconstruction", "training", "editing", "sequences"] = "generation"
    protocol: str = "humanml3d-2022"
    plot: tuple[str, str] = ("", "fid")
    notes: tuple[str, ...] = ()

    def recipe(self, row: Row, size: Size) -> str:
        """Name of a row's recipe."""
        return f"{row.recipe or self.system}.{self.published if size == 'published' else size}"


MOSCALE = "MoScale (arXiv 2604.03799)"
MOSA = "MoSa (arXiv 2511.01200)"
SCALEMOGEN = "ScaleMoGen (arXiv 2605.11704)"
MSQ = "MSQ (arXiv 2508.08991)"
MOMASK = "MoMask (arXiv 2312.00063)"
