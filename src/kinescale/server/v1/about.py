"""``/v1/bundle``: what the bundle and the server can do."""

from __future__ import annotations

from typing import Any

import kinescale
from kinescale import skeletons
from kinescale.description.prompts.lexicon import lexicon
from kinescale.formats.base import suffixes
from kinescale.render import suffixes as pictures
from kinescale.rigging.body_parts import PARTS
from kinescale.server.engine import Engine
from kinescale.server.motion_json import skeleton_json
from kinescale.server.settings import Settings
from kinescale.server.v1.edits import TASKS, motion_names, task_options


def about(engine: Engine, settings: Settings) -> dict[str, Any]:
    """The answer of ``/v1/bundle``."""
    bundle, manifest = engine.bundle, engine.bundle.manifest
    sampler = manifest.sampling
    low, high = engine.generator.seconds_range
    limits = settings.limits
    return {
        "kinescale": kinescale.__version__,
        "bundle": settings.model,
        "title": bundle.title,
        "hash": bundle.content_hash,
        "fps": engine.fps,
        "seconds": [round(low, 4), round(high, 4)],
        "stride_frames": bundle.stride,
        "scales": engine.scales,
        "candidates": bundle.candidates,
        "skeleton": skeleton_json(bundle.feature.skeleton),
        "sampler": {"name": "" if sampler is None else sampler.name, "settings": bundle.sampler()[1].to_json()},
        "acts": acts(),
        "parts": {name: list(roles) for name, roles in PARTS.items()},
        "skeletons": list(skeletons.FAMILY.names()),
        "tasks": {name: _task(name) for name in TASKS.names()},
        "formats": {
            "read": list(suffixes("read")),
            "write": list(suffixes("write")),
            "picture": sorted(pictures()),
        },
        "licenses": [license_.to_json() for license_ in bundle.licenses],
        "known_limits": list(bundle.provenance.limits),
        "limits": {
            **limits.to_json(),
            "max_queue": settings.max_queue,
            "max_wait_s": settings.max_wait_s,
        },
    }


def acts() -> list[dict[str, Any]]:
    """The actions that a prompt can be checked for, with a sentence for each."""
    return [
        {"name": entry.name, "example": f"a person {entry.plain.format(side='right')}", "sided": entry.limb}
        for entry in lexicon().entries
    ]


def _task(name: str) -> dict[str, Any]:
    return {"title": TASKS.summary(name), "motions": len(motion_names(name)), "options": task_options(name)}
