"""Where bundles lie: the folder a name stands for, and putting a new folder in the place of an old one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kinescale.bundle.manifest import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, read_manifest
from kinescale.core.errors import BundleError, InputError

DEFAULT = "default"
"""The name of the bundle inside the package."""

DEFAULT_EVALUATOR = "default_evaluator"
"""The folder of the evaluator inside the package."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_HUB_OPTIONS = ("revision", "token", "cache_dir", "force_download")


def resolve(path_or_repo_id: str | Path, *, offline: bool = True, **hub: Any) -> Path:
    """The local folder a bundle's name stands for; ``BundleError`` when there is none."""
    name = str(path_or_repo_id)
    if name == DEFAULT:
        folder = Path(__file__).parent / DEFAULT
        if not (folder / CONFIG_FILE).is_file():
            raise BundleError("this installation has no default bundle; name the folder of one with --bundle.")
        return folder
    path = Path(name).expanduser()
    if path.is_dir():
        inner = path / "bundle"
        return inner if not (path / CONFIG_FILE).is_file() and (inner / CONFIG_FILE).is_file() else path
    if path.exists():
        raise BundleError(f"{name} is a file; a bundle is a folder with {CONFIG_FILE} and {WEIGHTS_FILE}.")
    if _REPOSITORY.fullmatch(name):
        return _from_hub(name, offline=offline, **hub)
    raise BundleError(f"there is no bundle folder {name}; name one that exists, or leave it out for the default.")


def _from_hub(name: str, *, offline: bool, local_files_only: bool = False, **hub: Any) -> Path:
    import huggingface_hub

    cached_only = offline or local_files_only
    try:
        folder = huggingface_hub.snapshot_download(
            name,
            allow_patterns=[CONFIG_FILE, WEIGHTS_FILE, CARD_FILE],
            local_files_only=cached_only,
            **{key: value for key, value in hub.items() if key in _HUB_OPTIONS},
        )
    except Exception as problem:
        # the hub's client raises its own, the network library's and the system's errors alike
        reason = type(problem).__name__
        if cached_only:
            raise BundleError(
                f"there is no bundle folder {name}, and the hub's cache does not hold it; "
                "name an existing folder or allow the download (offline=False)."
            ) from None
        raise BundleError(f"the bundle {name} cannot be fetched from the hub ({reason}); check its name.") from None
    return Path(folder)


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target`` and rename it to ``target`` only if the block succeeds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", dir=target.parent))
    try:
        os.chmod(temporary, 0o755)
        yield temporary
        _move_into_place(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_target(target: Path, force: bool) -> None:
    """``InputError`` unless ``target`` is free, or is a bundle that may be replaced."""
    if target.is_dir() and any(target.iterdir()):
        try:
            read_manifest(target)
        except BundleError:
            raise InputError(f"{target} holds something that is not a bundle; choose another folder.") from None
        if not force:
            raise InputError(f"the bundle {target} exists; give force to replace it.")
    elif target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file; name a folder for the bundle.")


def _move_into_place(temporary: Path, target: Path) -> None:
    """Rename ``temporary`` to ``target``; an older bundle is set aside first and put back if that fails."""
    aside = None
    if target.is_dir() and any(target.iterdir()):
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", dir=target.parent))
        os.replace(target, aside)
    try:
        os.replace(temporary, target)
    except OSError:
        if aside is not None:
            os.replace(aside, target)
        raise
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)
