"""A run: the stages of a ``RunConfig`` on a prepared folder, in a run folder that can be taken up again.

run.json                           the config, the data's hash and licenses
tokenizer/  generator/  length/    a folder a stage: checkpoint, best weights, log.jsonl
tokenizer/normalizer.safetensors   statistics of the training split
generator/tokenizer.safetensors    the tokenizer (and normalizer) the generator was begun with
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from kinescale import generators
from kinescale.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.manifest import LICENSES, License, Part
from kinescale.core.errors import ConfigError, DataError
from kinescale.core.records import Record, write_json
from kinescale.data.prepared import Clips, Prepared, is_url, open_prepared
from kinescale.data.scope import words_of
from kinescale.features import Feature, Normalizer
from kinescale.generators import Generator
from kinescale.tokenizers import Tokenizer
from kinescale.training import checkpoint as files
from kinescale.training import distributed
from kinescale.training.config import RunConfig, Stage, StageConfig
from kinescale.training.data import Batches
from kinescale.training.devices import device_name, pick_device
from kinescale.training.feature_cache import FeatureStore, measure, open_store, published
from kinescale.training.generation_check import GenerationCheck
from kinescale.training.generator_step import GeneratorStep
from kinescale.training.identity import difference
from kinescale.training.kinematic_loss import KinematicLoss
from kinescale.training.length_step import LengthStep
from kinescale.training.loop import Outcome, Step, check_same, fit
from kinescale.training.parts import build_feature, build_generator, build_length, build_tokenizer
from kinescale.training.preflight import check_parts
from kinescale.training.state import load_weights
from kinescale.training.text_cache import TextCache, open_text_cache
from kinescale.training.tokenizer_step import TokenizerStep
from kinescale.training.watch import Watch

RUN_FILE = "run.json"
NORMALIZER = "normalizer.safetensors"
FROZEN = "tokenizer.safetensors"
MOST_ACTIONS = 400


class RunRecord(Record):
    """What ``run.json`` holds; ``actions`` and ``words`` of the clips that are trained on, for who asks for others."""

    EARLIER_NAMES: ClassVar[dict[str, str]] = LICENSES

    config: RunConfig
    data_hash: str
    licenses: list[License] = Field(default_factory=list)
    clips: dict[str, int] = Field(default_factory=dict)
    devices: dict[str, str] = Field(default_factory=dict)
    actions: list[str] = Field(default_factory=list)
    words: list[str] = Field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Run:
    """What the stages share."""

    config: RunConfig
    folder: Path
    prepared: Prepared
    feature: Feature
    store: FeatureStore
    device: torch.device
    watch: Watch
    start: Bundle | None = None
    evaluator: EvaluatorBundle | None = None
    validate_clips: int = 64

    def identity(self, stage: Stage) -> dict[str, Any]:
        begun = {} if self.start is None else {"start": self.start.content_hash}
        return {**self.config.identity(stage), "data_hash": self.prepared.manifest_hash, **begun}

    def batches(self, stage: Stage, tokenizer: Tokenizer, normalizer: Normalizer) -> Batches:
        return Batches(
            self.prepared.clips,
            self.store,
            normalizer,
            tokenizer.layout,
            self.config.stage(stage),
            seed=self.config.seed,
            with_text=stage != "tokenizer",
            shard=(distributed.rank(), distributed.world()),
        )

    def fit(self, step: Step, settings: StageConfig, folder: Path, identity: dict[str, Any]) -> Outcome:
        return fit(
            step, settings, folder, seed=self.config.seed, device=self.device, identity=identity, watch=self.watch
        )


@dataclass(frozen=True, eq=False)
class _Given:
    """What a run is given beside its config and data."""

    watch: Watch
    start: Bundle | None
    evaluator: EvaluatorBundle | None
    validate_clips: int


def train(
    config: RunConfig,
    data: Path | str,
    folder: Path,
    stages: Sequence[Stage],
    *,
    watch: Watch | None = None,
    start: Bundle | None = None,
    evaluator: EvaluatorBundle | None = None,
    validate_clips: int = 64,
) -> dict[Stage, Outcome]:
    """Train ``stages`` in order, each going on from its checkpoint; stops after one that did not finish.

    ``data``: a prepared folder, or the URL of one (``data.prepared.open_prepared``), whose features are then kept in
    the run's folder.
    ``start``: a bundle whose weights and statistics a stage without a checkpoint begins with, such as one made by an
    earlier run on other data; a generator stage without a tokenizer stage takes the bundle's tokenizer as it is.
    ``evaluator``: validate the generator by the FID of motions for ``validate_clips`` validation captions, too, and
    keep the weights of the lowest one.
    Raises ``DataError`` for data that cannot be used, ``ConfigError`` for a run folder of another configuration or
    parts that do not fit, ``BundleError`` for a text encoder without weights; both before anything is trained.
    """
    device = pick_device(config.device)
    with distributed.joined(device, config.timeout_s):
        heard = watch if watch is not None and distributed.leads() else Watch()
        given = _Given(heard, start, evaluator, validate_clips)
        return _train(config, data, folder, stages, device, given)


def _train(
    config: RunConfig,
    data: Path | str,
    folder: Path,
    stages: Sequence[Stage],
    device: torch.device,
    given: _Given,
) -> dict[Stage, Outcome]:
    for stage in stages:
        distributed.share_of(config.stage(stage).batch_size, config.stage(stage).accumulate)
    if "generator" in stages and (config.generator is None or config.text is None):
        raise ConfigError(f"'{config.name}' has no generator and text encoder to train; use --stage tokenizer.")
    feature = build_feature(config.feature)
    check_parts(config, feature, text="generator" in stages)
    prepared = open_prepared(data)
    folder.mkdir(parents=True, exist_ok=True)
    mirrored = config.tokenizer_training.draw.mirror or config.generator_training.draw.mirror
    with distributed.leader_first():
        store = open_store(
            data,
            config.feature,
            mirrored=mirrored,
            dtype=config.data.dtype,
            spare=folder / "cache",
            workers=config.workers,
            watch=given.watch,
        )
    run = _Run(config, folder, prepared, feature, store, device, **vars(given))
    outcomes: dict[Stage, Outcome] = {}
    for stage in stages:
        if stage == "length" and not _needs_length(config):
            continue
        outcomes[stage] = _tokenizer(run) if stage == "tokenizer" else _TEXT_STAGES[stage](run, data)
        if not outcomes[stage].finished:
            break
    return outcomes


def _needs_length(config: RunConfig) -> bool:
    """Whether a run trains a length estimator of its own."""
    if config.generator is None or config.text is None or not config.estimates_length:
        return False
    return "estimates_length" not in generators.FAMILY.get(config.generator.name, "Config").model_fields


def _tokenizer(run: _Run) -> Outcome:
    folder, config = run.folder / "tokenizer", run.config
    identity = run.identity("tokenizer")
    check_same(folder, {**identity, "stage": "tokenizer"})
    with distributed.leader_first():
        _record(run, "tokenizer")
        normalizer = _normalizer(run, folder)
    tokenizer = build_tokenizer(config.tokenizer, run.feature, config.seed)
    if run.start is not None:
        _begin_with(tokenizer, run.start.tokenizer, "tokenizer")
    wanted = config.tokenizer_training.kinematics
    kinematics = KinematicLoss(wanted, run.feature, normalizer) if wanted.on else None
    step = TokenizerStep(tokenizer, run.batches("tokenizer", tokenizer, normalizer), run.device, kinematics)
    return run.fit(step, config.tokenizer_training, folder, identity)


def _begin_with(module: nn.Module, given: nn.Module | None, what: str) -> None:
    """Copy the weights of a bundle's part; ``ConfigError`` where it is none of this run's."""
    if given is None:
        raise ConfigError(f"the bundle to start from holds no {what}; leave --start out or name another bundle.")
    mine, theirs = module.state_dict(), given.state_dict()
    differs = next((k for k in {**mine, **theirs} if mine.get(k, _NONE).shape != theirs.get(k, _NONE).shape), None)
    if type(module) is not type(given) or differs is not None:
        raise ConfigError(
            f"the {what} of the bundle to start from is another one than the recipe's"
            f"{'' if differs is None else f': {differs} has another shape'}; use the bundle's own recipe and sizes."
        )
    module.load_state_dict(theirs)


_NONE = torch.empty(0)
"""Stands for a tensor that a state dict lacks."""


def _measured(run: _Run) -> Normalizer:
    settings = run.config.data
    seen = (run.prepared.clips.column("split") == "train") & (run.store.lengths()[:, 0] > 0)
    return measure(
        run.store,
        np.flatnonzero(seen).tolist(),
        dict(run.feature.blocks),
        mirrored=run.config.tokenizer_training.draw.mirror,
        block_std=settings.block_std,
        floor=settings.std_floor,
    )


def _normalizer(run: _Run, folder: Path) -> Normalizer:
    """Statistics of the training split: measured (or taken as given) at a stage's first start, then read."""
    path = folder / NORMALIZER
    if path.is_file() and (folder / files.CURRENT).is_file():
        return _to_normalizer(files.load(path).tensors)
    settings = run.config.data
    if run.start is not None:
        normalizer = run.start.normalizer
    elif settings.statistics == "given" or (settings.statistics == "auto" and run.prepared.given_statistics()):
        normalizer = published(run.prepared, run.feature, settings.std_floor)
    else:
        normalizer = _measured(run)
    if run.start is None and settings.feature_bias != 1.0:
        normalizer = normalizer.biased(run.feature.blocks, settings.feature_bias)
    if not distributed.leads():
        return normalizer
    folder.mkdir(parents=True, exist_ok=True)
    files.save(path, files.Checkpoint({"mean": normalizer.mean, "std": normalizer.std}, {"data": run.store.key}))
    return normalizer


def _generator(run: _Run, data: Path | str) -> Outcome:
    folder, config = run.folder / "generator", run.config
    assert config.generator is not None and config.text is not None
    with distributed.leader_first():
        frozen = _freeze(run, folder)
        identity = {
            **run.identity("generator"),
            "tokenizer_weights": files.digest(files.load(folder / FROZEN, as_stored=True).tensors),
        }
        check_same(folder, {**identity, "stage": "generator"})
        _record(run, "generator")
    tokenizer, normalizer = thaw(frozen, config, run.feature)
    batches = run.batches("generator", tokenizer, normalizer)
    texts = _texts(run, config.text, batches, data)
    generator = build_generator(config.generator, tokenizer, texts.width, texts.max_tokens, config.seed)
    generator.adopt(tokenizer.codec.view(generator.token_kind))
    if run.start is not None and run.start.generator is not None:
        _begin_with(generator, run.start.generator, "generator")
    check = None if run.evaluator is None else _generation_check(run, tokenizer, normalizer)
    step = GeneratorStep(generator, tokenizer, batches, texts, run.device, check)
    return run.fit(step, config.generator_training, folder, identity)


def _texts(run: _Run, text: Part, batches: Batches, data: Path | str) -> TextCache:
    """The features of all captions, beside the data's own features where those are kept."""
    near = None if is_url(data) else Path(data) / ".features"
    cache = near if near is not None and near.is_dir() else run.folder / "cache"
    with distributed.leader_first():
        return open_text_cache(text, batches.captions(), cache, watch=run.watch)


def _length(run: _Run, data: Path | str) -> Outcome:
    folder, config = run.folder / "length", run.config
    assert config.text is not None
    identity = run.identity("length")
    with distributed.leader_first():
        frozen = _freeze(run, run.folder / "generator")
        check_same(folder, {**identity, "stage": "length"})
        _record(run, "length")
    tokenizer, normalizer = thaw(frozen, config, run.feature)
    batches = run.batches("length", tokenizer, normalizer)
    texts = _texts(run, config.text, batches, data)
    layout = tokenizer.layout()
    network = build_length(texts.width, layout.capacity, config.seed)
    step = LengthStep(network.to(run.device), layout.stride, batches, texts, run.device)
    return run.fit(step, config.length_training, folder, identity)


_TEXT_STAGES = {"generator": _generator, "length": _length}
"""Stages that need the captions."""


def _generation_check(run: _Run, tokenizer: Tokenizer, normalizer: Normalizer) -> GenerationCheck:
    """Validation by generation, with the run's text encoder and sampler."""
    assert run.evaluator is not None
    config = run.config

    def bundle(generator: nn.Module | None) -> Bundle:
        text, sampling = (config.text, config.sampling) if generator is not None else (None, None)
        return Bundle(run.feature, normalizer, tokenizer, cast("Generator | None", generator), text, sampling)

    return GenerationCheck(
        run.prepared, bundle, bundle(None), run.evaluator, seed=config.seed, clips=run.validate_clips
    )


def _freeze(run: _Run, folder: Path) -> files.Checkpoint:
    """The tokenizer the generator is trained on.

    Taken from the tokenizer's stage once, then kept as it is.
    """
    path = folder / FROZEN
    parts = {key: run.identity("tokenizer")[key] for key in ("feature", "tokenizer", "data", "data_hash")}
    if path.is_file() and any((folder / name).is_file() for name in (files.CURRENT, files.PREVIOUS)):
        frozen = files.load(path)
    else:
        trained = any((run.folder / "tokenizer" / name).is_file() for name in (files.CURRENT, files.PREVIOUS))
        frozen = _take(run.folder / "tokenizer") if trained or run.start is None else _of_bundle(run.start, parts)
        if distributed.leads():
            folder.mkdir(parents=True, exist_ok=True)
            files.save(path, frozen)
        if frozen.state["step"] < run.config.tokenizer_training.steps:
            run.watch.note(f"the tokenizer stopped at step {frozen.state['step']}; the generator uses it as it is")
    found = difference(frozen.state["parts"], parts)
    if found:
        raise ConfigError(
            f"the tokenizer in {run.folder} is of another run: {found}; use the old value or a new run folder."
        )
    return frozen


def _take(folder: Path) -> files.Checkpoint:
    """Weights and statistics of a tokenizer's stage as one checkpoint."""
    trained, remark = files.latest(folder)
    if trained is None:
        raise DataError(f"{folder.parent} holds no trained tokenizer; train --stage tokenizer first. {remark}".strip())
    tensors = {f"model/{key}": value for key, value in load_weights(trained).items()}
    tensors |= {f"normalizer/{key}": value for key, value in files.load(folder / NORMALIZER).tensors.items()}
    identity = trained.state["identity"]
    parts = {key: identity[key] for key in ("feature", "tokenizer", "data", "data_hash")}
    state = {"parts": parts, "step": trained.state["step"], "elapsed_s": trained.state["elapsed_s"]}
    return files.Checkpoint(tensors, state)


def _of_bundle(bundle: Bundle, parts: dict[str, Any]) -> files.Checkpoint:
    """The tokenizer and statistics of a bundle as one checkpoint, for the run that ``parts`` describe."""
    tensors = {f"model/{key}": value for key, value in bundle.tokenizer.state_dict().items()}
    tensors |= {"normalizer/mean": bundle.normalizer.mean, "normalizer/std": bundle.normalizer.std}
    steps = bundle.provenance.steps.get("tokenizer", 0)
    return files.Checkpoint(tensors, {"parts": parts, "step": steps, "elapsed_s": bundle.provenance.wall_s or 0.0})


def thaw(frozen: files.Checkpoint, config: RunConfig, feature: Feature) -> tuple[Tokenizer, Normalizer]:
    """The tokenizer and normalizer of a frozen checkpoint, ready for use."""
    tokenizer = build_tokenizer(config.tokenizer, feature, config.seed)
    tokenizer.load_state_dict(frozen.part("model"))
    return tokenizer.eval().requires_grad_(False), _to_normalizer(frozen.part("normalizer"))


def _to_normalizer(tensors: dict[str, Tensor]) -> Normalizer:
    return Normalizer(tensors["mean"], tensors["std"])


def read_run(folder: Path) -> RunRecord:
    """The ``run.json`` of a run folder; ``DataError`` when there is none."""
    from kinescale.core.records import read_json

    path = folder / RUN_FILE
    if not path.is_file():
        raise DataError(f"{folder} is not a run folder: it has no {RUN_FILE}; name the folder given to --run.")
    return RunRecord.parse(read_json(path, error=DataError), where=str(path))


def licenses_of(prepared: Prepared) -> list[License]:
    """The licenses of the prepared corpora, one a source."""
    corpora = sorted(set(prepared.clips.column("corpus").tolist()))
    return [
        License(
            source=corpus,
            name=given.name,
            url=given.url,
            attribution=given.attribution,
            share_alike=given.share_alike,
            non_commercial=not given.commercial_use,
        )
        for corpus, given in zip(corpora, prepared.licenses, strict=True)
    ]


def _record(run: _Run, stage: Stage) -> None:
    if not distributed.leads():
        return
    clips = run.prepared.clips
    splits = clips.column("split")
    old = read_run(run.folder).devices if (run.folder / RUN_FILE).is_file() else {}
    record = RunRecord(
        config=run.config,
        data_hash=run.prepared.manifest_hash,
        licenses=licenses_of(run.prepared),
        clips={split: int((splits == split).sum()) for split in ("train", "val", "test")},
        devices={**old, stage: device_name(run.device)},
        actions=_actions(clips),
        words=list(words_of(clips.distinct("captions", splits == "train"))),
    )
    write_json(run.folder / RUN_FILE, record.to_json())


def _actions(clips: Clips) -> list[str]:
    """Labels of the training clips, the commonest first."""
    counts = Counter(clips.column("action")[clips.column("split") == "train"].tolist())
    return sorted(counts, key=lambda action: (-counts[action], action))[:MOST_ACTIONS]
