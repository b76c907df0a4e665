"""EvaluatorRunConfig: everything that decides the training of an evaluator; a recipe returns one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from kinescale.bundle.manifest import Part
from kinescale.core.records import Record
from kinescale.training.config import DataConfig, StageConfig


class EvaluatorRunConfig(Record):
    """A whole run: its parts (see ``RunConfig``), its one stage, and where it runs.

    ``device`` and ``workers`` are no part of what a run is: a checkpoint goes on elsewhere.
    """

    name: str = Field(min_length=1)
    seed: int = Field(default=0, ge=0)
    feature: Part
    text: Part
    evaluator: Part
    data: DataConfig = DataConfig()
    evaluator_training: StageConfig = StageConfig()
    limits: tuple[str, ...] = ()
    device: str = "auto"
    workers: int = Field(default=2, ge=1, le=256)

    if TYPE_CHECKING:

        def __init__(  # noqa: PLR0913
            self,
            *,
            name: str,
            feature: Record,
            text: Record,
            evaluator: Record,
            data: DataConfig = ...,
            evaluator_training: StageConfig = ...,
            limits: tuple[str, ...] = ...,
            seed: int = ...,
            device: str = ...,
            workers: int = ...,
        ) -> None: ...

    def identity(self) -> dict[str, Any]:
        """What decides the weights, as plain JSON."""
        whole = self.to_json()
        kept = {key: whole[key] for key in ("seed", "feature", "text", "evaluator", "data")}
        return {**kept, "evaluator_training": self.evaluator_training.identity()}
