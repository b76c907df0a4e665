"""RunConfig: everything that decides a training run, as frozen records.

A recipe (``kinescale.recipes``) is a function that returns one; the command line changes fields of it
(``training.overrides``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from kinescale.bundle.manifest import Part
from kinescale.core.records import Record
from kinescale.training.kinematic_loss import Config as KinematicLossConfig

Stage = Literal["tokenizer", "generator", "length"]
STAGES: tuple[Stage, ...] = ("tokenizer", "generator", "length")

OPERATIONAL = frozenset(
    {
        "minutes",
        "log_every",
        "validate_every",
        "validate_batches",
        "checkpoint_every",
        "tensorboard",
        "keep",
        "accumulate",
    }
)
"""Fields of a stage that decide how a run is watched or computed, not what its weights become (up to rounding)."""


class OptimizerConfig(Record):
    """Optimizer of a stage.

    ``weight_decay`` is for linear and convolution weights, ``clip`` bounds the gradient's norm.

    ``kind``: "adamw", or "muon" (Jordan et al. 2024, with the step size of Liu et al. 2025, arXiv 2502.16982): weights
    of linear layers take orthogonalized steps of the size of AdamW's, all else takes AdamW's.

    ``clip_extra``: at the start the bound is larger by that many times itself, which falls by 0.3 with each twentieth
    of the run (ScaleMoGen: 5, from 6 to 1).
    """

    kind: Literal["adamw", "muon"] = "adamw"
    lr: float = Field(default=3e-4, gt=0, allow_inf_nan=False)
    betas: tuple[float, float] = (0.9, 0.99)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, ge=0, description="0 turns clipping off")
    clip_extra: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class ScheduleConfig(Record):
    """How the learning rate changes; all lengths in steps.

    ``warmup`` rises linearly from ``warmup_start`` (a fraction of the peak). Then "constant"; "cosine"
    falls to ``final`` (a fraction) over ``horizon`` steps (0: the stage's length); "step" multiplies by
    ``factor`` at each of ``milestones``.
    """

    kind: Literal["constant", "cosine", "step"] = "cosine"
    warmup: int = Field(default=0, ge=0)
    warmup_start: float = Field(default=0.0, ge=0, le=1)
    final: float = Field(default=0.01, ge=0, le=1)
    horizon: int = Field(default=0, ge=0)
    milestones: tuple[int, ...] = ()
    factor: float = Field(default=0.3, gt=0, le=1)


class DrawConfig(Record):
    """Which clips and which windows of them a stage sees.

    Parameters
    ----------
    crop_frames : the longest window; 0 means what the tokenizer's layout holds.
    min_frames : shorter clips are left out.
    shorten : chance that a window of a clip that may be cut is made shorter, down to ``min_frames``.
    balance : "none" every clip alike; "frames" in proportion to length; "class" by (size of its class) to
        the power ``-balance_power``; "class_frames" both: classes are then as large as their frames.
    corpora : relative weight of each corpus by name (1 where not named, 0 leaves it out).
    shares : share of all windows that come from each corpus, relative to the other corpora named here, however many
        clips it has; corpora that are not named are left out. Empty: as many as their weights make.
    mirror : see each clip left-right mirrored half of the time.
    coin : chance that a window is one latent step shorter than it could be (Guo et al. 2022: a third), from a start
        of its own.
    unit : window lengths are multiples of this many frames, beside the tokenizer's latent step (0: of that alone).
    held_out_pairs : share of the pairs of action and style of which the stage sees no clip, neither to train nor to
        validate, whatever their split; chosen by a hash of the label (``PreparedClip.held_out``).
    """

    crop_frames: int = Field(default=0, ge=0)
    min_frames: int = Field(default=16, ge=1)
    shorten: float = Field(default=0.0, ge=0, le=1)
    balance: Literal["none", "frames", "class", "class_frames"] = "none"
    balance_power: float = Field(default=0.5, ge=0, le=1)
    corpora: dict[str, float] = Field(default_factory=dict)
    shares: dict[str, float] = Field(default_factory=dict)
    mirror: bool = True
    coin: float = Field(default=0.0, ge=0, le=1)
    unit: int = Field(default=0, ge=0, le=256)
    held_out_pairs: float = Field(default=0.0, ge=0, lt=1)


class StageConfig(Record):
    """One training stage.

    ``kinematics``: losses on the decoded motion, for a tokenizer. ``ema_decay`` 0 keeps no average; ``minutes`` is a
    wall-time budget for one invocation. ``batch_size`` is that of all processes together. ``accumulate``: passes in
    which a process puts its rows of a batch through the networks, after one without gradients: the same weights with
    less memory. ``keep``: so many of the last checkpoints.
    """

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"optimiser": "optimizer"}

    steps: int = Field(default=1000, ge=1)
    batch_size: int = Field(default=32, ge=1)
    draw: DrawConfig = DrawConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    kinematics: KinematicLossConfig = KinematicLossConfig()
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    log_every: int = Field(default=50, ge=1)
    validate_every: int = Field(default=500, ge=0, description="0: never")
    validate_batches: int = Field(default=8, ge=1)
    checkpoint_every: int = Field(default=500, ge=1)
    keep: int = Field(default=2, ge=2, le=1000)
    accumulate: int = Field(default=1, ge=1, le=4096)
    minutes: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    tensorboard: bool = False

    def identity(self) -> dict[str, Any]:
        """The fields that decide the weights: two runs that share them may continue each other."""
        return {key: value for key, value in self.to_json().items() if key not in OPERATIONAL}


class DataConfig(Record):
    """How features are stored and scaled.

    ``block_std``: one deviation for each feature block, as HumanML3D has it, so that parts that hardly
    move are not blown up; ``std_floor`` bounds deviations from below, in the feature's own units. ``statistics``
    "given" takes the mean and deviation published with the data instead, as published weights expect; "auto" takes
    those where the data have them and measures where not.
    ``feature_bias``: the deviations of the root's features and of the contacts are divided by this, so that they weigh
    more in the losses (MoMask, MoSa: 5).
    """

    dtype: Literal["float16", "float32"] = "float16"
    statistics: Literal["measured", "given", "auto"] = "measured"
    block_std: bool = True
    std_floor: float = Field(default=1e-3, gt=0)
    feature_bias: float = Field(default=1.0, ge=1.0, le=1000.0)


LENGTH_STAGE = StageConfig(
    steps=1500,
    batch_size=256,
    optimizer=OptimizerConfig(lr=1e-3, weight_decay=0.01),
    schedule=ScheduleConfig(warmup=100),
    validate_every=250,
    ema_decay=0.99,
)
"""A minute on a CPU."""


class RunConfig(Record):
    """A whole run: its parts, its stages, and where it runs.

    A part is given as the config of the variant that is wanted, ``tokenizer=moscale.Config(width=192)``, or by name.
    ``device``, ``workers`` and ``timeout_s`` are no part of what a run is: a checkpoint goes on elsewhere. Of several
    processes, one that is not heard of for ``timeout_s`` seconds is lost.
    ``candidates``: most draws per clip of the run's bundles (``TextToMotion``).
    ``estimates_length``: whether a small network is trained after the generator that estimates a motion's length from
    its sentence (``generators.base.length``), on the clips that the generator sees; a generator that does so itself
    needs none.
    ``limits`` go into the model card: what bundles of this run cannot do, as seen on what they made.
    """

    name: str = Field(min_length=1)
    seed: int = Field(default=0, ge=0)
    feature: Part
    tokenizer: Part
    generator: Part | None = None
    text: Part | None = None
    sampling: Part | None = None
    candidates: int = Field(default=1, ge=1, le=64)
    data: DataConfig = DataConfig()
    tokenizer_training: StageConfig = StageConfig()
    generator_training: StageConfig = StageConfig()
    estimates_length: bool = True
    length_training: StageConfig = LENGTH_STAGE
    limits: tuple[str, ...] = ()
    device: str = "auto"
    workers: int = Field(default=2, ge=1, le=256)
    timeout_s: float = Field(default=45.0, gt=0, le=86_400)

    if TYPE_CHECKING:
        # Parts are made from the config records of variants, whose fields a type checker knows.
        def __init__(  # noqa: PLR0913
            self,
            *,
            name: str,
            feature: Record,
            tokenizer: Record,
            generator: Record | None = None,
            text: Record | None = None,
            sampling: Record | None = None,
            candidates: int = ...,
            data: DataConfig = ...,
            tokenizer_training: StageConfig = ...,
            generator_training: StageConfig = ...,
            estimates_length: bool = ...,
            length_training: StageConfig = ...,
            limits: tuple[str, ...] = ...,
            seed: int = ...,
            device: str = ...,
            workers: int = ...,
            timeout_s: float = ...,
        ) -> None: ...

    def stage(self, stage: Stage) -> StageConfig:
        """The settings of one stage; the length's draws clips as the generator's."""
        if stage == "length":
            return self.length_training.but(draw=self.generator_training.draw)
        return self.tokenizer_training if stage == "tokenizer" else self.generator_training

    def identity(self, stage: Stage) -> dict[str, Any]:
        """What decides a stage's weights, as plain JSON."""
        whole = self.to_json()
        keep = ["seed", "feature", "tokenizer", "data"]
        if stage == "generator":
            keep += ["generator", "text"]
        if stage == "length":
            keep += ["text"]
        return {**{key: whole[key] for key in keep}, f"{stage}_training": self.stage(stage).identity()}
