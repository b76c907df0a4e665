"""Output folder of an evaluation: empty, or an older evaluation that may be replaced; importable without torch."""

from __future__ import annotations

from pathlib import Path

from kinescale.core.errors import ConfigError, InputError
from kinescale.core.records import read_json

FORMAT = "kinescale-evaluation"
REPORT_FILE = "report.json"


def check_folder(folder: Path, force: bool) -> Path:
    """``folder`` itself when an evaluation can be written there; ``InputError`` otherwise."""
    if folder.is_file():
        raise InputError(f"{folder} is a file; name a folder for the evaluation.")
    if folder.is_dir() and any(folder.iterdir()):
        if not _is_evaluation(folder):
            raise InputError(f"{folder} holds something that is not an evaluation; choose another folder.")
        if not force:
            raise InputError(f"the evaluation {folder} exists; give --force to replace it, or another --out.")
    if not folder.absolute().parent.is_dir():
        raise InputError(f"cannot write {folder}: the folder {folder.parent} does not exist; make it first.")
    return folder


def _is_evaluation(folder: Path) -> bool:
    if not (folder / REPORT_FILE).is_file():
        return False
    try:
        data = read_json(folder / REPORT_FILE)
    except ConfigError:
        return False
    return isinstance(data, dict) and data.get("format") == FORMAT
