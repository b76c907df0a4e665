"""Serving the application with uvicorn: logs, signals, and a drain at the end."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from kinescale.bundle.bundle import Bundle
from kinescale.core.errors import InputError
from kinescale.server.app import create_app
from kinescale.server.gate import Gate, JsonLines
from kinescale.server.service import Service
from kinescale.server.settings import Settings

DRAIN_S = 30
"""Seconds that open requests have to end after SIGTERM."""
SWITCH_S = 0.001
"""Seconds after which a worker's thread lets the event loop run."""


class _Server(uvicorn.Server):
    """Stops taking work when the first signal comes; what runs may end."""

    service: Service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.service.scheduler.draining = True
        super().handle_exit(sig, frame)


def run(
    bundle: Bundle, settings: Settings, *, json_log: bool = True, ready: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. ``ready`` is called with the address once connections are taken.

    Raises ``InputError`` for an address that cannot be listened on.
    """
    logger = logging.getLogger("kinescale.server")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if json_log else logging.Formatter("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    listening = _listening(settings)
    address = f"http://{_shown(settings.host)}:{listening.getsockname()[1]}"
    app = create_app(bundle, settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=32 * 1024,
        lifespan="on",
    )
    server = _Server(config)
    server.service = _service(app)
    server.service.scheduler.first_rate_s = server.service.engine.warm_up()
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        if ready is not None:
            ready(address)
        server.run(sockets=[listening])
    finally:
        sys.setswitchinterval(before)
        logger.removeHandler(handler)


def _service(app: Gate) -> Service:
    inner: Any = app.app
    return inner.state.service


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(256)
    except OSError as problem:
        listening.close()
        raise InputError(
            f"cannot listen on {settings.host} port {settings.port} ({problem.strerror or problem}); name another one."
        ) from None
    return listening


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
