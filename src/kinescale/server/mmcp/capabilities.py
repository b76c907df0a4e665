"""``GET /capabilities``: what the model can do, and the bounds of requests."""

from __future__ import annotations

from typing import Any

from kinescale.motion.canonicalize import FEET
from kinescale.server.engine import Engine
from kinescale.server.mmcp.skeleton import canonical_json
from kinescale.server.settings import Settings

VERSION = "1.4"
MAJOR, MINOR = 1, 4
SEGMENTS = ("text", "unconditioned")
CONSTRAINTS = ("root_path", "effector_target", "pose_keyframe")
KNOWN_SEGMENTS = (*SEGMENTS, "pose", "motion_reference", "video_reference")
GUIDANCE = ("nocfg", "regular", "separated")


def model_options(engine: Engine) -> list[dict[str, Any]]:
    """Dials of the model: the sampler's temperature, and the number of candidates."""
    _, config = engine.bundle.sampler()
    found: list[dict[str, Any]] = [
        {
            "name": "candidates",
            "type": "integer",
            "title": "Candidates",
            "description": "Most draws per motion; the one that keeps most of what the prompt asks is kept.",
            "default": engine.bundle.candidates,
            "minimum": 1,
            "maximum": 64,
        }
    ]
    temperature = getattr(config, "temperature", None)
    if isinstance(temperature, float):
        found.append(
            {
                "name": "temperature",
                "type": "number",
                "title": "Temperature",
                "description": "Below 1 safer, above 1 more varied.",
                "default": temperature,
                "minimum": 0.05,
                "maximum": 5.0,
            }
        )
    return found


def capabilities(engine: Engine, settings: Settings) -> dict[str, Any]:
    """The answer of ``GET /capabilities``."""
    limits, skeleton = settings.limits, engine.bundle.feature.skeleton
    model = {
        "id": settings.model,
        "fps": engine.fps,
        "canonical_skeleton": canonical_json(skeleton),
        "supports_retargeting": True,
        "supports_async": True,
        "supports_segment_seed": True,
        "supports_loop": True,
        "supports_batch": True,
        "supports_trajectory": False,
        "supports_joint_translation": False,
        "supports_keyframe_reduction": True,
        "supports_motion_reference_mixed": False,
        "model_options": model_options(engine),
        "supported_constraints": list(CONSTRAINTS),
        "supported_segments": list(SEGMENTS),
        "supported_guidance_types": list(GUIDANCE),
        "predicted_contact_joints": [skeleton.roles[role] for role in FEET if role in skeleton.roles],
        "native_clip_seconds": round(engine.longest_s, 3),
        "chunking": "stitched",
        "recommended_max_duration_seconds": round(min(limits.max_seconds, 2 * engine.longest_s), 3),
        "limits": {
            "max_duration_seconds": limits.max_seconds,
            "max_num_samples": min(16, limits.max_samples),
            "max_constraints_per_request": limits.max_constraints,
            "max_prompt_length": limits.max_prompt_length,
            "max_request_bytes": limits.max_request_bytes,
            "max_batch_size": limits.max_batch_size,
        },
    }
    return {
        "protocol_version": VERSION,
        "rotation_format": "quaternion_xyzw",
        "coordinate_system": "right_handed_y_up",
        "units": "meters",
        "response_formats": ["gltf_2.0_json", "gltf_2.0_binary"],
        "models": [model],
    }
