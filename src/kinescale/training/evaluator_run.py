"""A run that trains an evaluator on a prepared folder, and the evaluator's folder made of it.

run.json                        the config, the data's hash and licenses
evaluator/                      checkpoint, best weights, log.jsonl, statistics of the training split
evaluator_bundle/               what ``EvaluatorBundle`` loads
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from kinescale import evaluators
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.manifest import CHOSEN_ON, LICENSES, License, Provenance
from kinescale.core.errors import ConfigError, DataError
from kinescale.core.records import Record, read_json, write_json
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.evaluators import Evaluator
from kinescale.evaluators.base import trained
from kinescale.features import Feature, Normalizer
from kinescale.training import checkpoint as files
from kinescale.training import distributed, parts
from kinescale.training.data import Batches
from kinescale.training.devices import device_name, pick_device
from kinescale.training.evaluator_config import EvaluatorRunConfig
from kinescale.training.evaluator_step import EvaluatorStep, any_length
from kinescale.training.feature_cache import FeatureStore, measure, open_store, published
from kinescale.training.log import FILE, read_log
from kinescale.training.loop import BEST, Outcome, check_same, fit
from kinescale.training.parts import build_feature
from kinescale.training.run import NORMALIZER, RUN_FILE, licenses_of
from kinescale.training.state import load_weights
from kinescale.training.text_cache import open_text_cache
from kinescale.training.watch import Watch

STAGE = "evaluator"
FOLDER = "evaluator_bundle"


class EvaluatorRunRecord(Record):
    """What ``run.json`` holds."""

    EARLIER_NAMES: ClassVar[dict[str, str]] = LICENSES

    config: EvaluatorRunConfig
    data_hash: str
    licenses: list[License] = Field(default_factory=list)
    clips: dict[str, int] = Field(default_factory=dict)
    device: str = ""
    text_width: int


def build_evaluator(config: EvaluatorRunConfig, feature: Feature, text_width: int) -> Evaluator:
    """A new evaluator with weights drawn from the run's seed; ``ConfigError`` for one that cannot be trained."""
    built = parts.build_evaluator(config.evaluator, config.feature.name, feature.width, text_width, config.seed)
    if not trained(built):
        raise ConfigError(f"the evaluator '{config.evaluator.name}' is not trained here; import its published weights.")
    return built


def train_evaluator(config: EvaluatorRunConfig, data: Path, folder: Path, *, watch: Watch | None = None) -> Outcome:
    """Train, going on from the run folder's checkpoint if there is one.

    Raises ``DataError`` for data that cannot be used, ``ConfigError`` for a run folder of another configuration.
    """
    if distributed.expected() > 1 or config.evaluator_training.accumulate > 1:
        raise ConfigError(
            "an evaluator is trained by one process in one pass, since its loss compares all clips of a batch; "
            "start it without torchrun, and leave accumulate at 1."
        )
    watch, device = watch or Watch(), pick_device(config.device)
    prepared, feature, stage = open_prepared(data), build_feature(config.feature), folder / STAGE
    identity = {**config.identity(), "data_hash": prepared.manifest_hash}
    check_same(stage, {**identity, "stage": STAGE})
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(
        data,
        config.feature,
        mirrored=config.evaluator_training.draw.mirror,
        dtype=config.data.dtype,
        spare=folder / "cache",
        workers=config.workers,
        watch=watch,
    )
    normalizer = _statistics(config, prepared, feature, store, stage)
    longest = evaluators.FAMILY.get(config.evaluator.name, "Config").model_fields["max_frames"].default
    batches = Batches(
        prepared.clips,
        store,
        normalizer,
        any_length(int(config.evaluator.config.get("max_frames", longest))),
        config.evaluator_training,
        seed=config.seed,
        with_text=True,
    )
    cache = data / ".features" if (data / ".features").is_dir() else folder / "cache"
    texts = open_text_cache(config.text, batches.captions(), cache, watch=watch)
    evaluator = build_evaluator(config, feature, texts.width)
    _record(config, prepared, folder, device_name(device), texts.width)
    step = EvaluatorStep(evaluator, batches, texts, device)
    return fit(step, config.evaluator_training, stage, seed=config.seed, device=device, identity=identity, watch=watch)


def _statistics(
    config: EvaluatorRunConfig, prepared: Prepared, feature: Feature, store: FeatureStore, stage: Path
) -> Normalizer:
    """Statistics of the training split: measured (or taken as given) at the first start, then read."""
    path, settings = stage / NORMALIZER, config.data
    if path.is_file() and (stage / files.CURRENT).is_file():
        return _read_statistics(path)
    given = settings.statistics == "given"
    found = published(prepared, feature, settings.std_floor) if given else _measured(config, prepared, feature, store)
    stage.mkdir(parents=True, exist_ok=True)
    files.save(path, files.Checkpoint({"mean": found.mean, "std": found.std}, {"data": store.key}))
    return found


def _measured(config: EvaluatorRunConfig, prepared: Prepared, feature: Feature, store: FeatureStore) -> Normalizer:
    draw = config.evaluator_training.draw
    seen = [
        i for i, clip in enumerate(prepared.clips) if clip.split == "train" and not clip.held_out(draw.held_out_pairs)
    ]
    return measure(
        store,
        [i for i in seen if store.frames(i)],
        dict(feature.blocks),
        mirrored=draw.mirror,
        block_std=config.data.block_std,
        floor=config.data.std_floor,
    )


def _read_statistics(path: Path) -> Normalizer:
    tensors = files.load(path).tensors
    return Normalizer(tensors["mean"], tensors["std"])


def _record(config: EvaluatorRunConfig, prepared: Prepared, folder: Path, device: str, text_width: int) -> None:
    record = EvaluatorRunRecord(
        config=config,
        data_hash=prepared.manifest_hash,
        licenses=licenses_of(prepared),
        clips={split: sum(clip.split == split for clip in prepared.clips) for split in ("train", "val", "test")},
        device=device,
        text_width=text_width,
    )
    write_json(folder / RUN_FILE, record.to_json())


def export_evaluator(
    folder: Path,
    target: Path | None = None,
    *,
    which: Literal["last", "best"] = "best",
    weights: Literal["fp32", "fp16"] = "fp32",
    command: str = "",
) -> Path:
    """Save the run's evaluator to ``target`` (``folder/evaluator_bundle``); "best": of the lowest validation loss."""
    path = folder / RUN_FILE
    if not path.is_file():
        raise DataError(f"{folder} is not a run folder: it has no {RUN_FILE}; name the folder given to --run.")
    record = EvaluatorRunRecord.parse(read_json(path, error=DataError), where=str(path))
    stage, feature = folder / STAGE, build_feature(record.config.feature)
    by_loss = which == "best" and (stage / BEST).is_file()
    taken = files.load(stage / BEST) if by_loss else files.latest(stage)[0]
    if taken is None:
        raise DataError(f"{stage} holds no checkpoint; train the evaluator first.")
    evaluator = build_evaluator(record.config, feature, record.text_width)
    evaluator.load_state_dict(load_weights(taken))
    bundle = EvaluatorBundle(
        feature=feature,
        normalizer=_read_statistics(stage / NORMALIZER),
        evaluator=evaluator,
        text=record.config.text,
        licenses=tuple(record.licenses),
        provenance=_provenance(record, taken, _results(stage), command, CHOSEN_ON[by_loss]),
        title=record.config.name,
    )
    return bundle.save_pretrained(target or folder / FOLDER, weights=weights, force=True)


def _results(stage: Path) -> dict[str, float]:
    """The last value of every number of validation."""
    found: dict[str, float] = {}
    for entry in read_log(stage / FILE):
        found |= {key: float(value) for key, value in entry.items() if key.startswith("val_") and value is not None}
    return found


def _provenance(
    record: EvaluatorRunRecord, taken: files.Checkpoint, results: dict[str, float], command: str, chosen_on: str
) -> Provenance:
    corpora = ", ".join(license.source for license in record.licenses)
    counts = ", ".join(f"{count} {split}" for split, count in record.clips.items())
    values: dict[str, Any] = {
        "recipe": record.config.name,
        "command": command,
        "data": f"{corpora} ({counts} clips)",
        "data_manifest_sha256": record.data_hash,
        "held_out_pairs": record.config.evaluator_training.draw.held_out_pairs,
        "chosen_on": chosen_on,
        "steps": {STAGE: taken.state["step"]},
        "device": record.device,
        "wall_s": float(taken.state.get("elapsed_s", 0.0)),
        "limits": list(record.config.limits),
        "results": results,
    }
    return Provenance.parse(values, where="provenance")
