"""Bundles: a trained system as a folder of config, weights, statistics, card and licenses."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# Loaded on first use: naming a folder, or reading what it says of itself, must not import torch.
_PUBLIC = {
    "Bundle": "bundle",
    "DEFAULT": "hub",
    "License": "manifest",
    "Manifest": "manifest",
    "Part": "manifest",
    "Provenance": "manifest",
    "read_manifest": "manifest",
    "resolve": "hub",
}

if TYPE_CHECKING:
    from kinescale.bundle.bundle import Bundle
    from kinescale.bundle.hub import DEFAULT, resolve
    from kinescale.bundle.manifest import License, Manifest, Part, Provenance, read_manifest

__all__ = [
    "DEFAULT",
    "Bundle",
    "License",
    "Manifest",
    "Part",
    "Provenance",
    "read_manifest",
    "resolve",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
