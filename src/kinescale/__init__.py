"""Kinescale: text to human motion with multi-scale tokens. Public names are loaded on first use.

``import kinescale`` imports nothing heavy; torch arrives with the first name that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinescale.core.lazy import lazy

if TYPE_CHECKING:
    from kinescale.bundle import Bundle
    from kinescale.core.errors import KinescaleError
    from kinescale.formats import read_motion, write_motion
    from kinescale.motion import Motion, retarget
    from kinescale.pipelines import (
        Constraints,
        Controlled,
        Controller,
        ControlOptions,
        Edited,
        EditOptions,
        Editor,
        EditRegion,
        Generated,
        PostProcess,
        Segment,
        TextToMotion,
        Timeline,
        TimelinePipeline,
        TimelineResult,
        reconstruct,
    )
    from kinescale.pipelines.conversion import convert, motion_features
    from kinescale.render import render as render_motion
    from kinescale.skeletons import Skeleton

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "Constraints",
    "ControlOptions",
    "Controlled",
    "Controller",
    "EditOptions",
    "EditRegion",
    "Edited",
    "Editor",
    "Generated",
    "KinescaleError",
    "Motion",
    "PostProcess",
    "Segment",
    "Skeleton",
    "TextToMotion",
    "Timeline",
    "TimelinePipeline",
    "TimelineResult",
    "__version__",
    "convert",
    "motion_features",
    "read_motion",
    "reconstruct",
    "render_motion",
    "retarget",
    "write_motion",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "kinescale.bundle": "Bundle",
        "kinescale.core.errors": "KinescaleError",
        "kinescale.formats": "read_motion write_motion",
        "kinescale.motion": "Motion retarget",
        "kinescale.pipelines": "Constraints ControlOptions Controlled Controller EditOptions EditRegion Edited Editor "
        "Generated PostProcess Segment TextToMotion Timeline TimelinePipeline TimelineResult reconstruct",
        "kinescale.pipelines.conversion": "convert motion_features",
        "kinescale.render": "render=render_motion",
        "kinescale.skeletons": "Skeleton",
    },
)
