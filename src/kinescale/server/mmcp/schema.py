"""Requests of MMCP as records: shapes, types and ranges of the wire, 1.0 to 1.4."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from kinescale.server.body import Body

Vector = Annotated[list[float], Field(min_length=3, max_length=3)]
Quaternion = Annotated[list[float], Field(min_length=4, max_length=4)]
Ground = Annotated[list[float], Field(min_length=2, max_length=2)]
Frame = Annotated[int, Field(ge=-(2**31), le=2**31)]
Seed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]

MAX_ROWS = 20_000


class Joint(Body):
    """A joint of a skeleton; ``rest_translation`` is from its parent, along the world's axes."""

    name: str
    parent: str | None = None
    rest_translation: Vector
    rest_rotation: Quaternion
    display_name: str | None = Field(default=None, max_length=256)


class Skeleton(Body):
    """The character of a request."""

    joints: list[Joint] = Field(min_length=1, max_length=1024)
    coordinate_system: Literal["right_handed_y_up"] = "right_handed_y_up"
    units: Literal["meters"] = "meters"


class Text(Body):
    """A stretch of time with a prompt."""

    type: Literal["text"]
    prompt: str = Field(min_length=1)
    duration_frames: int = Field(gt=0, le=10_000_000)
    language: str = Field(default="en", max_length=35)
    seed: Seed | None = None


class Unconditioned(Body):
    """A stretch of time without a prompt."""

    type: Literal["unconditioned"]
    duration_frames: int = Field(gt=0, le=10_000_000)
    seed: Seed | None = None


class RootPath(Body):
    """Where the root is on the ground in some frames, and perhaps where the body faces."""

    type: Literal["root_path"]
    frames: list[Frame] = Field(min_length=1, max_length=MAX_ROWS)
    positions_xz: list[Ground] = Field(min_length=1, max_length=MAX_ROWS)
    heading_radians: list[float] | None = Field(default=None, max_length=MAX_ROWS)


class EffectorTarget(Body):
    """Where a joint is in some frames."""

    type: Literal["effector_target"]
    joint: str
    frames: list[Frame] = Field(min_length=1, max_length=MAX_ROWS)
    positions: list[Vector] = Field(min_length=1, max_length=MAX_ROWS)
    rotations: list[Quaternion] | None = Field(default=None, max_length=MAX_ROWS)


class PoseKeyframe(Body):
    """The pose of some joints in a frame."""

    type: Literal["pose_keyframe"]
    frame: Frame
    joint_rotations: dict[str, Quaternion] = Field(min_length=1, max_length=1024)
    root_position: Vector | None = None
    fill_mode: Literal["generate", "rest"] = "generate"


class GroundHeight(Body):
    """Heights of the ground in places: x, z, height."""

    type: Literal["ground_height"]
    points: list[Vector] = Field(min_length=1, max_length=MAX_ROWS)


class Guidance(Body):
    """How strictly the prompt, and the constraints, are followed."""

    type: Literal["nocfg", "regular", "separated"]
    weight: list[float] = Field(default_factory=list, max_length=2)


class Timing(Body):
    """The frame rate of all frame counts of a request."""

    fps: float = Field(gt=0)


class Options(Body):
    """How the motion is made."""

    diffusion_steps: int = Field(default=100, ge=1, le=500)
    num_samples: int = Field(default=1, ge=1, le=16)
    seed: Seed | None = None
    post_processing: bool = True
    transition_frames: int = Field(default=5, ge=0, le=60)
    guidance: Guidance | None = None
    loop: bool = False
    keyframe_budget: float | None = Field(default=None, gt=0)
    model_options: dict[str, Any] | None = Field(default=None, max_length=64)


Segment = Annotated[Text | Unconditioned, Field(discriminator="type")]
Constraint = Annotated[RootPath | EffectorTarget | PoseKeyframe | GroundHeight, Field(discriminator="type")]


class Request(Body):
    """One request for motions of one character."""

    protocol_version: str = Field(pattern=r"^\d{1,6}\.\d{1,6}$")
    model: str = Field(max_length=256)
    skeleton: Skeleton
    segments: list[Segment] = Field(default_factory=list, max_length=1000)
    constraints: list[Constraint] = Field(default_factory=list, max_length=10_000)
    duration_frames: int | None = Field(default=None, gt=0, le=10_000_000)
    timing: Timing | None = None
    options: Options | None = None
