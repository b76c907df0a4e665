"""Bodies of requests under ``/v1``. Motions are taken out of a body before it is validated as one of these."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kinescale.server.body import Body

MAX_PARTS = 64
MAX_SPANS = 64
MAX_ROUNDS = 100


class Common(Body):
    """What every body may have: the longest wait in the queue that is acceptable, seconds."""

    max_wait_s: float | None = Field(default=None, ge=0, le=3600)


class Sampled(Common):
    """How something is sampled."""

    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    samples: int = Field(default=1, ge=1, le=1000)
    sampling: dict[str, Any] = Field(default_factory=dict, max_length=32)


class PostProcessing(Body):
    """Post-processing: as ``PostProcess``."""

    smoothing: float | None = Field(default=None, ge=0, le=100)
    anchor: bool = True
    plant: bool = True


class Generate(Sampled):
    """Body of ``/v1/generate``: ``prompt``, ``prompts`` or ``segments``, one of them."""

    prompt: str | None = None
    prompts: list[str] | None = Field(default=None, min_length=1, max_length=1000)
    segments: list[dict[str, Any]] | None = Field(default=None, min_length=1, max_length=1000)
    seconds: float = Field(default=4.0, gt=0, le=3600)
    candidates: int | None = Field(default=None, ge=1, le=64)
    scales: int | None = Field(default=None, ge=1, le=64)
    post_process: PostProcessing = PostProcessing()
    preview: bool = False


class TaskOptions(Body):
    """Options of edit tasks; each task takes some of them."""

    frames: list[int] | list[list[int]] | None = Field(default=None, min_length=1, max_length=MAX_SPANS)
    range: list[float] | list[list[float]] | None = Field(default=None, min_length=1, max_length=MAX_SPANS)
    parts: str | list[str] | None = Field(default=None, max_length=2000)
    keep_scales: int | None = Field(default=None, ge=0, le=64)
    prompt: str | list[str] | None = Field(default=None, max_length=4000)
    seconds: float | None = Field(default=None, gt=0, le=3600)
    before: bool | None = None
    source_prompt: str | None = None
    threshold: float | None = Field(default=None, ge=0, le=1)
    coarse: int | None = Field(default=None, ge=1, le=64)
    tokens: str | None = None
    cut: bool | None = None
    in_place: bool | None = None
    rounds: int | None = Field(default=None, ge=1, le=MAX_ROUNDS)


class EditHow(Sampled):
    """How an edit is done."""

    blend: float | None = Field(default=None, ge=0, le=10)
    anchor_end: bool = False


class Edit(EditHow):
    """Body of ``/v1/edit``."""

    task: str = "edit"
    options: TaskOptions = TaskOptions()


class NamedEdit(EditHow, TaskOptions):
    """Body of ``/v1/extend``, ``/v1/loop`` and ``/v1/compose``: the task's options stand beside the rest."""


class Control(Sampled):
    """Body of ``/v1/control``."""

    prompt: str | None = None
    seconds: float | None = Field(default=None, gt=0, le=3600)
    frames: list[int] | None = Field(default=None, min_length=2, max_length=2)
    steps: int | str = "fast"
    refine: bool = True


class Describe(Common):
    """Body of ``/v1/describe``."""

    detail: Literal["brief", "plain", "full"] = "plain"


class Convert(Common):
    """Body of ``/v1/convert`` as JSON, besides the motion and the skeleton."""

    to: str = "json"
    fps: float | None = Field(default=None, gt=0, le=1000)
    roles: dict[str, str | None] | None = Field(default=None, max_length=100)


class ConvertQuery(BaseModel):
    """Query of ``/v1/convert`` for an uploaded file: its suffix and world, and what becomes of it."""

    model_config = ConfigDict(extra="forbid")

    suffix: str = Field(default="", max_length=32)
    to: str = Field(default="json", max_length=32)
    skeleton: str | None = Field(default=None, max_length=64)
    fps: float | None = Field(default=None, gt=0, le=1000)
    up: str | None = Field(default=None, max_length=2)
    unit_m: float | None = Field(default=None, gt=0, le=1000)
    fps_in: float | None = Field(default=None, gt=0, le=1000)
    animation: str | None = Field(default=None, max_length=200)
