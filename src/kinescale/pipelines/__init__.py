"""Pipelines: the parts put together - text to motion, a motion edited or through its tokens, a corpus made ready."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# Loaded on first use: preparing a corpus needs no networks, and generating needs no corpus.
_PUBLIC = {
    "Controlled": "control",
    "Controller": "control",
    "Edited": "editing.editor",
    "Editor": "editing.editor",
    "FINISH": "runtime",
    "RAW": "runtime",
    "PostProcess": "runtime",
    "Generated": "text_to_motion",
    "TextToMotion": "text_to_motion",
    "Timeline": "timeline",
    "mean_joint_error": "reconstruction",
    "onto_feature": "reconstruction",
    "reconstruct": "reconstruction",
}

if TYPE_CHECKING:
    from kinescale.pipelines.control import Controlled, Controller
    from kinescale.pipelines.editing.editor import Edited, Editor
    from kinescale.pipelines.reconstruction import mean_joint_error, onto_feature, reconstruct
    from kinescale.pipelines.runtime import FINISH, RAW, PostProcess
    from kinescale.pipelines.text_to_motion import Generated, TextToMotion
    from kinescale.pipelines.timeline import Timeline

__all__ = [
    "FINISH",
    "RAW",
    "Controlled",
    "Controller",
    "Edited",
    "Editor",
    "Generated",
    "PostProcess",
    "TextToMotion",
    "Timeline",
    "mean_joint_error",
    "onto_feature",
    "reconstruct",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
