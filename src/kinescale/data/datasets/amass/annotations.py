"""Texts about AMASS files: BABEL's labels, KIT-ML's sentences, and the layout that unites them with HumanML3D's.

BABEL (Punnakkal et al. 2021): ``{train,val,test}.json``, an entry per file with ``feat_p``, labels of the whole
(``seq_ann``) and of stretches (``frame_ann``, ``start_t`` to ``end_t`` seconds). KIT-ML (Plappert et al. 2016): a list
of sentences ``NNNNN_annotations.json`` for each id, with ``kit_index.csv`` (columns of HumanML3D's index) for its file.
The united layout (Petrovich et al. 2023): ``kitml.json``, ``babel.json`` or ``humanml3d.json``, an entry per id with
``path`` and ``annotations`` of ``text``, ``start`` and ``end``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinescale.core.errors import DataError
from kinescale.core.records import read_json
from kinescale.data.datasets.amass.cutting import read_index
from kinescale.data.datasets.base.texts import checked_caption

SPLITS = ("train", "val", "test")
FOLDERS = ("", "annotations", "babel", "babel_v1.0_release", "babel_v1-0_release", "kit-ml", "kitml")
UNITED = ("kitml.json", "babel.json", "humanml3d.json")
KIT_INDEX = "kit_index.csv"
MAX_BYTES = 256 << 20
TRANSITION = "transition"


@dataclass(frozen=True)
class Told:
    """Sentences about ``start`` to ``stop`` seconds (all where ``None``) of a source file."""

    name: str
    source: str
    captions: tuple[str, ...]
    span: tuple[float, float] | None = None
    split: str | None = None


def read_annotations(root: Path) -> list[Told]:
    """What all known text files below ``root`` say. ``DataError`` for a file of another layout."""
    told: list[Told] = []
    for folder in [root / name for name in FOLDERS if (root / name).is_dir()]:
        for split in SPLITS:
            if (folder / f"{split}.json").is_file():
                told += _babel(folder / f"{split}.json", split)
        for name in UNITED:
            if (folder / name).is_file():
                told += _united(folder / name)
        if (folder / KIT_INDEX).is_file():
            told += _kit(folder)
    return told


def _entries(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    data = read_json(path, max_bytes=MAX_BYTES, error=DataError)
    if not isinstance(data, dict):
        raise DataError(f"{path}: expected an object with an entry per file.")
    for name, entry in data.items():
        if not isinstance(entry, dict):
            raise DataError(f"{path}: the entry '{name[:60]}' is no object.")
        yield name, entry


def _babel(path: Path, split: str) -> list[Told]:
    told = []
    for name, entry in _entries(path):
        source = _text(path, name, entry, "feat_p")
        # the first folder is the subset's archive, which holds the folder that the release unpacks to
        source = source.split("/", 1)[-1] if source.count("/") > 1 else source
        whole = [_text(path, name, label, "raw_label") for label in _labels(path, name, entry.get("seq_ann"))]
        if whole:
            told.append(Told(f"babel{name}", source, _checked(whole), None, split))
        for number, label in enumerate(_labels(path, name, entry.get("frame_ann"))):
            if label.get("proc_label") != TRANSITION:
                caption = _checked([_text(path, name, label, "raw_label")])
                span = _span(path, name, label, "start_t", "end_t")
                told.append(Told(f"babel{name}s{number}", source, caption, span, split))
    return told


def _labels(path: Path, name: str, annotation: Any) -> list[Mapping[str, Any]]:
    if annotation is None:
        return []
    labels = annotation.get("labels") if isinstance(annotation, dict) else None
    if not isinstance(labels, list) or not all(isinstance(label, dict) for label in labels):
        raise DataError(f"{path}: the labels of '{name[:60]}' are no list; expected BABEL's layout.")
    return labels


def _united(path: Path) -> list[Told]:
    told = []
    for name, entry in _entries(path):
        source = _text(path, name, entry, "path")
        spans: dict[tuple[float, float], list[str]] = {}
        for one in _labels(path, name, {"labels": entry.get("annotations")}):
            spans.setdefault(_span(path, name, one, "start", "end"), []).append(_text(path, name, one, "text"))
        for number, (span, texts) in enumerate(spans.items()):
            told.append(Told(f"{path.stem}{name}s{number}", source, _checked(texts), span))
    return told


def _kit(folder: Path) -> list[Told]:
    told = []
    for cut in read_index(folder / KIT_INDEX):
        file = folder / f"{cut.name}_annotations.json"
        texts = read_json(file, max_bytes=MAX_BYTES, error=DataError) if file.is_file() else []
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise DataError(f"{file}: expected a list of sentences, as KIT-ML has them.")
        if texts:
            told.append(Told(f"kit{cut.name}", cut.source, _checked(texts), cut.seconds()))
    return told


def _checked(texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(checked_caption(text) for text in texts))


def _text(path: Path, name: str, entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{path}: '{name[:60]}' has no text '{key}'.")
    return value


def _span(path: Path, name: str, entry: Mapping[str, Any], *keys: str) -> tuple[float, float]:
    values = [entry.get(key) for key in keys]
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)]
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1]:
        raise DataError(f"{path}: '{name[:60]}' has the times {values}; expected a later end than its start.")
    return float(numbers[0]), float(numbers[1])
