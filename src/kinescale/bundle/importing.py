"""From the authors' files of a published system to a bundle, or an evaluator's folder: ``import_system``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinescale.bundle.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.imports import FAMILY
from kinescale.bundle.imports.base.assembled import Assembled, read_statistics
from kinescale.bundle.imports.base.checkpoint import read_content
from kinescale.bundle.imports.base.slots import Sorted, sort_files
from kinescale.bundle.manifest import License, Provenance, variant_of
from kinescale.core.errors import BundleError, ConfigError, InputError
from kinescale.features import Normalizer

PARTS = ("tokenizer", "generator", "sampling", "text", "evaluator")
"""What ``given`` may change fields of."""

DATA_TERMS = License(
    source="training data",
    name="not recorded; the published data sets of these features are for research only",
    non_commercial=True,
)


def import_system(
    system: str,
    files: Sequence[str | Path],
    *,
    text: str = "",
    license: str = "",
    title: str = "",
    feature_bias: float = 1.0,
    given: Mapping[str, Mapping[str, Any]] | None = None,
) -> Bundle | EvaluatorBundle:
    """Read the checkpoint files and statistics of a published system.

    Parameters
    ----------
    system : a name of ``bundle.imports.FAMILY``.
    files : checkpoints as the authors' trainers save them, in any order; ``mean.npy`` and ``std.npy``, or a folder of
        both.
    text : local folder (or hub name) of the text encoder's weights, or of the word table of an evaluator; the
        published name when empty.
    license : terms of the weights, as their authors state them.
    feature_bias : deviations of root and contacts are divided by it, where the statistics are the data set's own and
        the system was trained with such a bias (MoMask, MoSa: 5).
    given : part (one of ``PARTS``) -> fields that win over what the files tell, for what they do not tell.

    Raises ``BundleError`` for a file that is damaged, holds more than plain tensors or none of the system's parts, for
    a part that is missing and for parts that do not fit; ``ConfigError`` for a given field that does not exist.
    """
    module, fields = FAMILY.load(system), {part: dict(changes) for part, changes in (given or {}).items()}
    unknown = sorted(fields.keys() - set(PARTS))
    if unknown:
        raise ConfigError(f"there is no part '{unknown[0]}' to change; expected one of {', '.join(PARTS)}.")
    if text:
        place = Path(text).expanduser()
        fields.setdefault("text", {})[module.TEXT_FIELD] = str(place.resolve()) if place.is_dir() else text
    checkpoints, arrays = _split(files)
    if not checkpoints:
        raise InputError(f"no checkpoint is named; name the files of {module.TITLE}.")
    found = _sorted(module, checkpoints)
    normalizer = read_statistics(arrays)
    try:
        made = module.assemble(found.states, fields)
        if made.feature.width != normalizer.mean.shape[0]:
            raise BundleError(
                f"the statistics are {normalizer.mean.shape[0]} numbers and the weights read {made.feature.width} a "
                "frame; name those that the authors normalized with."
            )
        return _built(made, normalizer, found, module.TITLE, license, title, feature_bias)
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError) as problem:
        reason = " ".join(str(problem).split())[:160]
        raise BundleError(f"the weights do not make a network of {module.TITLE} ({reason}).") from None


def _built(
    made: Assembled,
    normalizer: Normalizer,
    found: Sorted,
    name: str,
    license: str,
    title: str,
    feature_bias: float,
) -> Bundle | EvaluatorBundle:
    assumed = list(made.assumed)
    if feature_bias != 1.0:
        normalizer = normalizer.biased(made.feature.blocks, feature_bias)
        assumed.append(f"deviations of root and contacts were divided by {feature_bias:g} (given)")
    feature = f"{variant_of(made.feature)} on {made.feature.skeleton.name} at {made.feature.fps:g} fps"
    assumed.append(f"feature is {feature} (by its width)")
    weights = License(source=f"weights of {name}", name=license or "not recorded; the authors' terms apply")
    shared: dict[str, Any] = {
        "feature": made.feature,
        "normalizer": normalizer,
        "text": made.text,
        "licenses": (weights, DATA_TERMS),
        "provenance": Provenance(recipe=name, imported=list(found.sources), assumed=assumed),
        "title": title or f"{name}, imported",
    }
    if made.evaluator is not None:
        return EvaluatorBundle(evaluator=made.evaluator, **shared)
    assert made.tokenizer is not None
    for network in (made.tokenizer, made.generator):
        if network is not None:
            network.eval().requires_grad_(False)
    return Bundle(tokenizer=made.tokenizer, generator=made.generator, sampling=made.sampling, **shared)


def _split(files: Sequence[str | Path]) -> tuple[list[Path], list[Path]]:
    """Checkpoints, and arrays or folders of arrays."""
    paths = [Path(file).expanduser() for file in files]
    arrays = [path for path in paths if path.is_dir() or path.suffix == ".npy"]
    return [path for path in paths if path not in arrays], arrays


def _sorted(module: Any, checkpoints: list[Path]) -> Sorted:
    """The parts in the files; a file of another system is told by its name."""
    try:
        return sort_files(checkpoints, module.SLOTS, module.TITLE)
    except BundleError as problem:
        other = _other_system(module, checkpoints)
        raise BundleError(f"{str(problem).rstrip('.')}; {other}.") if other else problem from None


def _other_system(module: Any, checkpoints: list[Path]) -> str:
    """Which system a file that fits none of the module's parts is of, in words; "" where that is not known."""
    for path in checkpoints:
        content = read_content(path)
        if any(slot.key_in(content) for slot in module.SLOTS):
            continue
        for name in FAMILY.names():
            fitting = [slot.part for slot in FAMILY.get(name, "SLOTS") if slot.key_in(content)]
            if fitting:
                return f"{path.name} holds the {fitting[0]} of {FAMILY.get(name, 'TITLE')}, system '{name}'"
    return ""
