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

# Loaded on first use: reading a timeline needs no networks.
_MODULES = {
    "Constraints": "control.constraints",
    "ControlOptions": "control.controller",
    "Controlled": "control.controller",
    "Controller": "control.controller",
    "EditOptions": "editing.edit_pipeline",
    "EditRegion": "editing.region",
    "Edited": "editing.edit_pipeline",
    "Editor": "editing.editor",
    "FINISH": "post_process",
    "Generated": "text_to_motion",
    "PostProcess": "post_process",
    "RAW": "post_process",
    "Segment": "segments",
    "TextToMotion": "text_to_motion",
    "Timeline": "segments",
    "TimelinePipeline": "timeline",
    "TimelineResult": "timeline",
    "mean_joint_error": "reconstruction",
    "onto_feature": "runtime",
    "reconstruct": "reconstruction",
}

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

__getattr__, __dir__ = lazy(__name__, {name: f"{__name__}.{module}" for name, module in _MODULES.items()})
