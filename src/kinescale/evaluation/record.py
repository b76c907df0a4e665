"""Records of an evaluation, as written to ``report.json``; the files are a function of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from kinescale.core.records import Record
from kinescale.evaluation.fid_band import FidBand
from kinescale.evaluation.group_rows import FloorRow, GroupRow
from kinescale.evaluation.prompt_report import PromptReport
from kinescale.evaluation.protocol import FIXED, Protocol
from kinescale.evaluation.report import Figure, Report
from kinescale.evaluation.report_folder import FORMAT
from kinescale.evaluation.section_names import SECTIONS
from kinescale.evaluation.seed_spread import SeedSpreadRow
from kinescale.evaluation.text_sensitivity import Response
from kinescale.evaluation.tokenizer_record import Bar, TokenizerReport

Row = dict[str, Figure]


@dataclass(frozen=True)
class Request:
    """What to evaluate by.

    Parameters
    ----------
    repeats : ``None`` for the protocol's number.
    limit : most clips, evenly spread; ``None`` for all.
    settings : name -> changes to the bundle's sampler; one row of the table each.
    multimodality : also generate the protocol's many samples of some prompts.
    instructions : prompts of the instruction following; 0: none.
    sections : names of ``names.SECTIONS``.
    draws : motions of each sentence of the phrases, the sensitivity and the spread.
    per_class : recordings of each class for the tokenizer.
    """

    split: str = "test"
    protocol: Protocol = FIXED
    repeats: int | None = None
    limit: int | None = None
    seed: int = 0
    settings: dict[str, dict[str, Any]] = field(default_factory=lambda: {"the bundle's own": {}})
    multimodality: bool = False
    instructions: int = 160
    sections: tuple[str, ...] = tuple(SECTIONS)
    draws: int = 3
    per_class: int = 6
    command: str = ""


class DataAbout(Record):
    """The evaluated clips. ``left_out``: reason -> number of clips of the split."""

    hash: str
    split: str
    corpora: dict[str, int]
    clips: int
    left_out: dict[str, int] = Field(default_factory=dict)
    skeleton: str
    fps: float


class BundleAbout(Record):
    """The evaluated bundle; ``chosen_on``: how its weights were chosen, by its provenance."""

    title: str
    hash: str
    recipe: str = ""
    chosen_on: str = ""
    trained_on: str = ""
    same_data: bool | None = None
    skeleton: str
    fps: float


class EvaluatorAbout(Record):
    """The evaluator network."""

    title: str
    hash: str
    feature: str
    chosen_on: str = ""
    trained_on: str = ""
    held_out_pairs: float = 0.0


class SettingResult(Record):
    """Results of one setting of the sampler.

    The protocol's table, physical numbers, FID at one size with recordings, and everything by corpus, by class (its
    action) and by kind of split.
    """

    name: str
    sampling: dict[str, Any] = Field(default_factory=dict)
    report: Report | None = None
    physical: dict[str, Row] = Field(default_factory=dict)
    fid: FidBand | None = None
    splits: list[GroupRow] = Field(default_factory=list)
    corpora: list[GroupRow] = Field(default_factory=list)
    classes: list[GroupRow] = Field(default_factory=list)
    floor: list[FloorRow] = Field(default_factory=list)


class CodeRow(Record):
    """Use of a scale's codes by ``source`` ("real": encoded recordings, "generated"); for bits the mean over bits.

    ``more``: column -> number of other metrics of tokens.
    """

    source: Literal["real", "generated"]
    scale: int
    codes: int
    used: float
    perplexity: float
    tokens: int
    bits: int = 0
    more: dict[str, float] = Field(default_factory=dict)


class InstructionRow(Record):
    """How often claims of a kind were fulfilled, with the 95 % interval; ``None`` where there were none."""

    kind: str
    done: int
    count: int
    rate: float | None
    low: float | None
    high: float | None
    real_done: int
    real_count: int
    real_rate: float | None


class Evaluation(Record):
    """The whole of ``report.json``. No date and no time in it: the same evaluation gives the same file."""

    format: Literal["kinescale-evaluation"] = FORMAT
    kinescale_version: str
    command: str = ""
    seed: int
    repeats: int
    protocol: Protocol
    data: DataAbout
    bundle: BundleAbout
    evaluator: EvaluatorAbout | None = None
    settings: list[SettingResult] = Field(default_factory=list)
    tokenizer: TokenizerReport | None = None
    reconstruction: Row = Field(default_factory=dict)
    codebook: list[CodeRow] = Field(default_factory=list)
    instructions: list[InstructionRow] = Field(default_factory=list)
    phrases: PromptReport | None = None
    sensitivity: list[Response] = Field(default_factory=list)
    spread: list[SeedSpreadRow] = Field(default_factory=list)
    bars: list[Bar] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
