"""Pipelines: text to motion, editing, timelines, control, reconstruction; what they share is in ``runtime``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinescale.core.lazy import lazy

if TYPE_CHECKING:
    from kinescale.pipelines.control.constraints import Constraints
    from kinescale.pipelines.control.controller import Controlled, Controller, ControlOptions
    from kinescale.pipelines.editing.edit_pipeline import Edited, EditOptions
    from kinescale.pipelines.editing.editor import Editor
    from kinescale.pipelines.editing.region import EditRegion
    from kinescale.pipelines.post_process import FINISH, RAW, PostProcess
    from kinescale.pipelines.reconstruction import mean_joint_error, reconstruct
    from kinescale.pipelines.runtime import onto_feature
    from kinescale.pipelines.segments import Segment, Timeline
    from kinescale.pipelines.text_to_motion import Generated, TextToMotion
    from kinescale.pipelines.timeline import TimelinePipeline, TimelineResult

__all__ = [
    "FINISH",
    "RAW",
    "Constraints",
    "ControlOptions",
    "Controlled",
    "Controller",
    "EditOptions",
    "EditRegion",
    "Edited",
    "Editor",
    "Generated",
    "PostProcess",
    "Segment",
    "TextToMotion",
    "Timeline",
    "TimelinePipeline",
    "TimelineResult",
    "mean_joint_error",
    "onto_feature",
    "reconstruct",
]

# Loaded on first use: reading a timeline needs no networks.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "kinescale.pipelines.control.constraints": "Constraints",
        "kinescale.pipelines.control.controller": "ControlOptions Controlled Controller",
        "kinescale.pipelines.editing.edit_pipeline": "EditOptions Edited",
        "kinescale.pipelines.editing.editor": "Editor",
        "kinescale.pipelines.editing.region": "EditRegion",
        "kinescale.pipelines.post_process": "FINISH PostProcess RAW",
        "kinescale.pipelines.reconstruction": "mean_joint_error reconstruct",
        "kinescale.pipelines.runtime": "onto_feature",
        "kinescale.pipelines.segments": "Segment Timeline",
        "kinescale.pipelines.text_to_motion": "Generated TextToMotion",
        "kinescale.pipelines.timeline": "TimelinePipeline TimelineResult",
    },
)
