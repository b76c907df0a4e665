"""What the commands that serve share: options, settings, loading the bundle, serving it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kinescale.cli.base.device import Device, check_device, pick_device
from kinescale.core.errors import ConfigError, InputError, MissingDependencyError

TOKEN_VARIABLE = "KINESCALE_TOKEN"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Which bundle is served, and how many requests at a time."""

    bundle: str = "default"
    """Trained system: a bundle's folder, a training run's folder, or the one that comes with the package."""
    device: Device = "cpu"
    workers: int = 1
    """Motions that are made at the same time; more than the machine's cores does not help."""


def serve(options: Serving, settings: dict[str, Any], ready: Callable[[str], None], *, json_log: bool) -> None:
    """Serve until interrupted; ``settings`` are those of ``kinescale.server.Settings`` besides the shared ones.

    ``ready`` is called with the address. Raises ``InputError`` for a setting out of range or an address that is taken,
    ``MissingDependencyError`` without the extra ``serve``.
    """
    check_device(options.device)
    try:
        from kinescale.server import Settings, run
    except ImportError as problem:
        raise MissingDependencyError(
            f"serving needs {problem.name}, which is not installed; pip install kinescale[serve]."
        ) from None
    model = options.bundle if options.bundle.isidentifier() else "kinescale"
    token = settings.pop("token", "") or os.environ.get(TOKEN_VARIABLE, "")
    try:
        made = Settings.parse(
            {**settings, "token": token, "model": model, "workers": options.workers}, where="the server"
        )
    except ConfigError as problem:
        raise InputError(str(problem)) from None

    from kinescale.bundle import Bundle

    bundle = Bundle.from_pretrained(options.bundle, device=pick_device(options.device))
    run(bundle, made, json_log=json_log, ready=ready)
