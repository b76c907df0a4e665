"""From a run folder, finished or not, to a bundle that generates."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from kinescale.bundle import Bundle
from kinescale.bundle.manifest import CHOSEN_ON, Provenance
from kinescale.core.errors import DataError
from kinescale.core.records import write_json
from kinescale.training import checkpoint as files
from kinescale.training.config import STAGES
from kinescale.training.log import FILE, read_log
from kinescale.training.loop import BEST, BEST_GENERATION
from kinescale.training.parts import build_feature, build_generator, build_length
from kinescale.training.run import FROZEN, RunRecord, _take, read_run, thaw
from kinescale.training.state import load_weights
from kinescale.training.text_cache import build_text_encoder

CURVES = "curves.json"

Which = Literal["last", "best", "best_fid"]
"""Weights of a stage: the last, those of the lowest validation loss, of the lowest FID of generated motions."""

FILES = {"best": BEST, "best_fid": BEST_GENERATION}


def build_bundle(folder: Path, *, which: Which = "last", command: str = "") -> Bundle:
    """The bundle of a run: averaged weights where the stage keeps an average.

    ``which`` "best" takes the generator of the lowest validation loss, "best_fid" that of the lowest FID of generated
    motions, where the run validated by them. Without a trained generator the
    bundle only reconstructs.
    """
    record = read_run(folder)
    config, feature = record.config, build_feature(record.config.feature)
    begun = (folder / "generator" / FROZEN).is_file() and _has_checkpoint(folder / "generator")
    frozen = files.load(folder / "generator" / FROZEN) if begun else _take(folder / "tokenizer")
    tokenizer, normalizer = thaw(frozen, config, feature)
    steps, wall = {"tokenizer": frozen.state["step"]}, float(frozen.state["elapsed_s"])
    generator, length = None, None
    if begun:
        assert config.generator is not None and config.text is not None
        trained = _weights_of(folder / "generator", which)
        encoder = build_text_encoder(config.text)
        generator = build_generator(config.generator, tokenizer, encoder.width, encoder.max_tokens, config.seed)
        generator.load_state_dict(load_weights(trained))
        generator.eval().requires_grad_(False)
        steps["generator"] = trained.state["step"]
        wall += float(trained.state.get("elapsed_s", 0.0))
        if _has_checkpoint(folder / "length"):
            estimator = _weights_of(folder / "length", which)
            length = build_length(encoder.width, tokenizer.layout().capacity, config.seed)
            length.load_state_dict(load_weights(estimator))
            length.eval().requires_grad_(False)
            steps["length"] = estimator.state["step"]
    return Bundle(
        feature=feature,
        normalizer=normalizer,
        tokenizer=tokenizer,
        generator=generator,
        text=config.text if begun else None,
        sampling=config.sampling if begun else None,
        candidates=config.candidates if begun else 1,
        licenses=tuple(record.licenses),
        provenance=_provenance(record, steps, wall, command, _results(folder)).but(
            chosen_on=CHOSEN_ON[(0, *FILES).index(which) if begun and which in FILES else 0]
        ),
        title=config.name,
        length=length,
    )


def export(
    folder: Path,
    target: Path | None = None,
    *,
    which: Which = "last",
    weights: Literal["fp32", "fp16"] = "fp32",
    command: str = "",
) -> Path:
    """Save the run's bundle to ``target`` (``folder/bundle``), with the stages' curves beside it."""
    target = target or folder / "bundle"
    bundle = build_bundle(folder, which=which, command=command)
    bundle.save_pretrained(target, weights=weights, force=True)
    write_json(target / CURVES, curves(folder))
    return target


def curves(folder: Path) -> dict[str, dict[str, list[list[int | float]]]]:
    """Stage -> number's name -> [step, value] pairs, from the logs."""
    found: dict[str, dict[str, list[list[int | float]]]] = {}
    for stage in STAGES:
        lines: dict[str, list[list[int | float]]] = {}
        for entry in read_log(folder / stage / FILE):
            for key, value in entry.items():
                if key not in ("step", "elapsed_s", "samples_per_s") and isinstance(value, int | float):
                    lines.setdefault(key, []).append([entry["step"], value])
        if lines:
            found[stage] = lines
    return found


def _has_checkpoint(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (files.CURRENT, files.PREVIOUS))


def _weights_of(folder: Path, which: str) -> files.Checkpoint:
    """The weights of a stage after the tokenizer's; of the length's, which generation says nothing of, the last."""
    path = folder / FILES.get(which, BEST)
    if which in FILES and (folder.name == "generator" or path.is_file()):
        if not path.is_file():
            raise DataError(f"{folder} holds no {path.name}; train with --validate generation to get it, or use last.")
        return files.load(path)
    trained, remark = files.latest(folder)
    if trained is None:
        raise DataError(f"{folder} holds no checkpoint; train --stage {folder.name} first. {remark}".strip())
    return trained


def _results(folder: Path) -> dict[str, float]:
    """The last value of every number of the stages that speaks of quality."""
    last: dict[str, float] = {}
    for stage, lines in curves(folder).items():
        for key, pairs in lines.items():
            if key.startswith("val_"):
                last[f"{stage}.{key}"] = pairs[-1][1]
    return last


def _provenance(
    record: RunRecord, steps: dict[str, int], wall_s: float, command: str, results: dict[str, float]
) -> Provenance:
    corpora = ", ".join(license.source for license in record.licenses)
    counts = ", ".join(f"{count} {split}" for split, count in record.clips.items())
    values: dict[str, Any] = {
        "recipe": record.config.name,
        "command": command,
        "data": f"{corpora} ({counts} clips)",
        "data_manifest_sha256": record.data_hash,
        "steps": steps,
        "device": ", ".join(f"{stage}: {device}" for stage, device in record.devices.items()),
        "wall_s": wall_s,
        "curves": CURVES,
        "limits": list(record.config.limits),
        "actions": record.actions,
        "words": record.words,
        "results": results,
    }
    return Provenance.parse(values, where="provenance")
